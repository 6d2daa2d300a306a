// Sums with several accumulators, and over threads, for the natives.
#pragma once

#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {

// A partial result to a cache line, so that the threads do not share one.
template <class T>
struct alignas(128) Partial {
  T value;
};
constexpr int most_threads = 256;

template <class T, class Part>
inline T reduce_parts(int64_t n, int threads, Part part) {
  if (threads <= 1) return part(int64_t{0}, n);
  if (threads > most_threads) threads = most_threads;
  Partial<T> partials[most_threads];
  for (int thread = 0; thread < threads; ++thread) partials[thread].value = T(0);
  parallel_parts(n, threads,
                 [&](int64_t begin, int64_t end, int thread) { partials[thread].value = part(begin, end); });
  T total = T(0);
  for (int thread = 0; thread < threads; ++thread) total += partials[thread].value;
  return total;
}

// Eight accumulators of a vector each hide the latency of the addition; the order is free.
template <class T, int bytes, class Term>
inline T accumulate(int64_t begin, int64_t end, Term term) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  V sums[8] = {};
  int64_t i = begin;
  for (; i + 8 * lanes <= end; i += 8 * lanes)
    for (int k = 0; k < 8; ++k) sums[k] += term.template at<V>(i + k * lanes);
  for (; i + lanes <= end; i += lanes) sums[0] += term.template at<V>(i);
  for (int width = 4; width >= 1; width /= 2)
    for (int k = 0; k < width; ++k) sums[k] += sums[k + width];
  T total = T(0);
  for (int lane = 0; lane < lanes; ++lane) total += sums[0][lane];
  for (; i < end; ++i) total += term.template at<T>(i);
  return total;
}

template <class T>
struct SumTerm {
  const T* x;
  template <class V>
  V at(int64_t i) const {
    return load<V>(x + i);
  }
};

}  // namespace NATIVE_NAMESPACE
