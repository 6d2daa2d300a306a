// The kernels of one compilation of the natives, gathered.
#include "natives/natives.h"

#define NATIVE_TEXT_OF(x) #x
#define NATIVE_TEXT(x) NATIVE_TEXT_OF(x)

namespace NATIVE_NAMESPACE {

bench::NativeKernels streaming_kernels();
bench::NativeKernels maths_kernels();
bench::NativeKernels mandelbrot_kernels();
bench::NativeKernels tutorial_kernels();

const bench::NativeBuild& build() {
  static const bench::NativeKernels files[] = {streaming_kernels(), maths_kernels(), mandelbrot_kernels(),
                                               tutorial_kernels()};
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
