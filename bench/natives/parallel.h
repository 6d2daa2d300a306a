// Threads and memory access for the native kernels.
//
// Everything here lives in NATIVE_NAMESPACE, which differs from one compilation of these sources to the next, and no
// function template of the standard library is used: the linker merges equal weak symbols, and one compiled with
// -ffast-math must not replace one that was not.
#pragma once

#include <cstdint>

#ifndef NATIVE_NAMESPACE
#error "NATIVE_NAMESPACE names this compilation of the natives"
#endif

extern "C" int omp_get_thread_num();

namespace NATIVE_NAMESPACE {

using std::int64_t;

// Calls body(begin, end, thread) for equal parts whose bounds are multiples of `unit`: 256 elements, so that an aligned
// array's parts are aligned, or 1 where what is divided are rows. One thread never touches OpenMP. Only `omp parallel`
// is asked of the runtime, because that is the entry at which code from g++ and from clang can be served by one and the
// same libomp.
template <int64_t unit = 256, class Body>
inline void parallel_parts(int64_t n, int threads, Body body) {
  if (threads <= 1) {
    body(int64_t{0}, n, 0);
    return;
  }
  const int64_t units = (n + unit - 1) / unit;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    const int64_t begin = units * thread / threads * unit;
    int64_t end = units * (thread + 1) / threads * unit;
    if (end > n) end = n;
    if (begin < end) body(begin, end, thread);
  }
}

// Calls body(index) for every index below count, each thread taking the next one: for rows of unequal work.
template <class Body>
inline void parallel_rows(int64_t count, int threads, Body body) {
  if (threads <= 1) {
    for (int64_t index = 0; index < count; ++index) body(index);
    return;
  }
  int64_t next = 0;
#pragma omp parallel num_threads(threads)
  {
    for (;;) {
      const int64_t index = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
      if (index >= count) break;
      body(index);
    }
  }
}

}  // namespace NATIVE_NAMESPACE
