// The table of hand-written contenders: one entry for each kernel, implementation, dtype, compiler and rounding mode.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

// One call of a native kernel; which fields a kernel reads is said where it is defined. Plain data, so that code from
// different compilers and with different floating-point flags can share it.
struct NativeCall {
  const void* inputs[4] = {};
  void* outputs[3] = {};
  double scalars[4] = {};
  std::int64_t extents[3] = {};  // of an array of several axes
  std::int64_t n = 0;            // elements, or the side of a square
  int threads = 1;
};

using NativeFunction = void (*)(const NativeCall& call);

struct NativeKernel {
  const char* bench;           // "triad"
  const char* implementation;  // "512-bit, streaming"; for mandelbrot the variant of the record, "avx2_x2"
  const char* dtype;           // of the input: "f16", "bf16", "f32", "f64", "i64"
  NativeFunction run;
};

struct NativeKernels {
  const NativeKernel* data;
  std::size_t count;
};

// The same sources compiled once more; `fast` means -ffast-math.
struct NativeBuild {
  const char* compiler;
  const char* version;
  bool fast;
  const NativeKernels* files;
  std::size_t file_count;
};

// Every build that this machine's compilers could make (registry.cpp).
struct NativeBuilds {
  const NativeBuild* const* data;
  std::size_t count;
};
NativeBuilds native_builds();

// Workers of the natives' OpenMP runtime spin after a parallel region, which is what back-to-back calls want and what
// the next contender must not suffer from. `natives_wake` before the natives' turn, `natives_sleep` after it. Between
// the two each thread is bound to a core of its own, the caller's too.
void natives_wake(int threads);
void natives_sleep(int threads);

}  // namespace bench
