// Native argmin: the first index of the smallest of n numbers, none of them NaN; the output is i64.
#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T>
struct alignas(128) Found {
  T least;
  int64_t at;
};
constexpr int most_threads = 256;

// Each thread finds the first of its part, and the first part with the smallest has it.
template <class T, class Part>
void argmin_with(const NativeCall& call, Part part) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  Found<T> found[most_threads];
  const int threads = call.threads < most_threads ? call.threads : most_threads;
  for (int thread = 0; thread < threads; ++thread) found[thread] = {x[0], 0};
  parallel_parts(call.n, threads, [&](int64_t begin, int64_t end, int thread) { found[thread] = part(x, begin, end); });
  Found<T> best = found[0];
  for (int thread = 1; thread < threads; ++thread)
    if (found[thread].least < best.least) best = found[thread];
  *static_cast<int64_t*>(call.outputs[0]) = best.at;
}

template <class T>
inline int64_t first_of(const T* x, int64_t begin, T wanted) {
  while (!(x[begin] == wanted)) ++begin;
  return begin;
}

// The minimum of one block after the other, in eight vectors, remembering the block that lowered it; the element is
// looked for in that block alone.
template <class T, int bytes>
void argmin_blocks(const NativeCall& call) {
  argmin_with<T>(call, [](const T* x, int64_t begin, int64_t end) {
    using V = Vector<T, bytes>;
    constexpr int64_t lanes = bytes / sizeof(T), block = 4096;
    Found<T> best = {x[begin], begin};
    int64_t from = begin;
    for (; from + block <= end; from += block) {
      V least[8];
      for (int k = 0; k < 8; ++k) least[k] = load<V>(x + from + k * lanes);
      for (int64_t i = from + 8 * lanes; i < from + block; i += 8 * lanes)
        for (int k = 0; k < 8; ++k) least[k] = smaller(least[k], load<V>(x + i + k * lanes));
      for (int width = 4; width >= 1; width /= 2)
        for (int k = 0; k < width; ++k) least[k] = smaller(least[k], least[k + width]);
      T here = least[0][0];
      for (int lane = 1; lane < lanes; ++lane) here = smaller(here, T(least[0][lane]));
      if (here < best.least) best = {here, from};
    }
    best.at = first_of(x, best.at, best.least);
    for (; from < end; ++from)
      if (x[from] < best.least) best = {x[from], from};
    return best;
  });
}

// Indices beside the values, in lanes: four vectors of each. Integers are as wide as the numbers; a part has less than
// 2^31 elements.
template <class T, class I, int bytes>
void argmin_lanes(const NativeCall& call) {
  argmin_with<T>(call, [](const T* x, int64_t begin, int64_t end) {
    using V = Vector<T, bytes>;
    using Indices = Vector<I, bytes>;
    constexpr int64_t lanes = bytes / sizeof(T), width = 4 * lanes;
    Found<T> best = {x[begin], begin};
    int64_t i = begin;
    if (end - begin >= width) {
      V least[4];
      Indices at[4], now[4];
      for (int k = 0; k < 4; ++k)
        for (int64_t lane = 0; lane < lanes; ++lane) now[k][lane] = I(k * lanes + lane);
      for (int k = 0; k < 4; ++k) {
        least[k] = load<V>(x + begin + k * lanes);
        at[k] = now[k];
      }
      for (i = begin + width; i + width <= end; i += width)
        for (int k = 0; k < 4; ++k) {
          const V here = load<V>(x + i + k * lanes);
          now[k] += I(width);
          at[k] = here < least[k] ? now[k] : at[k];
          least[k] = smaller(here, least[k]);
        }
      for (int k = 0; k < 4; ++k)
        for (int64_t lane = 0; lane < lanes; ++lane) {
          const Found<T> mine = {T(least[k][lane]), begin + int64_t(at[k][lane])};
          if (mine.least < best.least || (mine.least == best.least && mine.at < best.at)) best = mine;
        }
    }
    for (; i < end; ++i)
      if (x[i] < best.least) best = {x[i], i};
    return best;
  });
}

// clang-format off
#define NATIVE_ROWS(bits, bytes)                                                            \
  {"argmin", bits "-bit, blocks", "f32", argmin_blocks<float, bytes>},                      \
  {"argmin", bits "-bit, blocks", "f64", argmin_blocks<double, bytes>},                     \
  {"argmin", bits "-bit, indices", "f32", argmin_lanes<float, std::int32_t, bytes>},        \
  {"argmin", bits "-bit, indices", "f64", argmin_lanes<double, std::int64_t, bytes>},

const NativeKernel rows[] = {
    NATIVE_ROWS("256", 32)
    NATIVE_512(NATIVE_ROWS("512", 64))
};
// clang-format on

}  // namespace

NativeKernels argmin_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
