// The kernels of one compilation of the natives, gathered.
#include "natives/natives.h"

#define NATIVE_TEXT_OF(x) #x
#define NATIVE_TEXT(x) NATIVE_TEXT_OF(x)

namespace NATIVE_NAMESPACE {

bench::NativeKernels streaming_kernels();
bench::NativeKernels maths_kernels();
bench::NativeKernels mandelbrot_kernels();
bench::NativeKernels tutorial_kernels();
bench::NativeKernels axis_sum_kernels();
bench::NativeKernels row_kernels();
bench::NativeKernels argmin_kernels();
bench::NativeKernels nbody_kernels();
bench::NativeKernels stencil_kernels();
bench::NativeKernels matmul_kernels();
bench::NativeKernels half_kernels();

const bench::NativeBuild& build() {
  static const bench::NativeKernels files[] = {
      streaming_kernels(), maths_kernels(), mandelbrot_kernels(), tutorial_kernels(), axis_sum_kernels(), row_kernels(),
      argmin_kernels(),    nbody_kernels(), stencil_kernels(),    matmul_kernels(),   half_kernels()};
#ifdef __clang__
  const char* compiler = "clang " NATIVE_TEXT(__clang_major__);
#else
  const char* compiler = "g++ " NATIVE_TEXT(__GNUC__);
#endif
#ifdef __FAST_MATH__
  constexpr bool fast = true;
#else
  constexpr bool fast = false;
#endif
  static const bench::NativeBuild result{compiler, __VERSION__, fast, files, sizeof(files) / sizeof(files[0])};
  return result;
}

}  // namespace NATIVE_NAMESPACE
