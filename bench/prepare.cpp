// The natives of the table as contenders of a bench.
#include "bench/prepare.h"

#include <cstring>

#include <fmt/format.h>

#include "bench/natives/natives.h"

namespace bench {
namespace {

// The contender that calls one native kernel.
Contender& add_native(Work& work, std::string variant, const NativeBuild& build, const NativeKernel& native,
                      NativeCall call) {
  const int threads = call.threads;
  Contender& contender = work.add(
      std::move(variant), threads, [call, run = native.run] { run(call); }, [&work] { return work.outputs(); });
  contender.implementation = fmt::format("{} {}", build.compiler, native.implementation);
  contender.before = [&work, threads] {
    work.restore();
    natives_wake(threads);
  };
  contender.after = [threads] { natives_sleep(threads); };
  return contender;
}

}  // namespace

void add_natives(Work& work, const std::string& kernel, bool with_fast, bool serial_too) {
  NativeCall call;
  for (std::size_t index = 0; index < work.input_count(); ++index) call.inputs[index] = work.input(index).data;
  for (std::size_t index = 0; index < work.outputs().size(); ++index) call.outputs[index] = work.output(index);
  for (std::size_t index = 0; index < work.scalars().size(); ++index) call.scalars[index] = work.scalar(index);
  for (std::size_t axis = 0; axis < work.extents().size(); ++axis) call.extents[axis] = work.extents()[axis];
  call.n = work.n();
  const NativeBuilds builds = native_builds();
  for (std::size_t b = 0; b < builds.count; ++b) {
    const NativeBuild& build = *builds.data[b];
    if (build.fast && !with_fast) continue;
    for (std::size_t f = 0; f < build.file_count; ++f)
      for (std::size_t k = 0; k < build.files[f].count; ++k) {
        const NativeKernel& native = build.files[f].data[k];
        if (kernel != native.bench || work.dtype() != native.dtype) continue;
        for (const int threads : work.thread_counts()) {
          NativeCall mine = call;
          mine.threads = threads;
          std::string variant = build.fast ? "native_fast" : "native";
          // Mandelbrot's implementations are variants of their own: so many vectors in flight.
          if (kernel == "mandelbrot" && std::strncmp(native.implementation, "avx", 3) == 0)
            variant = fmt::format("native_{}{}", native.implementation, build.fast ? "_fast" : "");
          add_native(work, std::move(variant), build, native, mine);
        }
        if (serial_too && !build.fast && work.threads() > 1)
          add_native(work, "native_serial", build, native, call).group = work.threads();
      }
  }
}

}  // namespace bench
