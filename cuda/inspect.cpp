// Runs nvdisasm on compiled code; asks the driver about the kernels of a loaded module.
#include "cuda/inspect.h"

#include "core/error_text.h"
#include "cuda/modules.h"
#include "cuda/units.h"

#include <kiln/error.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

namespace kiln::on_cuda {

namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes)
      : path_((std::filesystem::temp_directory_path() / "kiln-XXXXXX").string()) {
    const int file = ::mkstemp(path_.data());
    const auto size = static_cast<::ssize_t>(bytes.size());
    const bool written = file >= 0 && ::write(file, bytes.data(), bytes.size()) == size;
    if (file >= 0) ::close(file);
    if (!written) throw RuntimeError(text("cannot write ", path_));
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What a command prints; false where it fails.
bool run(const std::string& command, std::string& output) {
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (!pipe) return false;
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, size);
  return ::pclose(pipe) == 0;
}

}  // namespace

std::string sass(const std::string& cubin) {
  std::string output;
  if (!run("PATH=\"$PATH:${CUDA_HOME:-/usr/local/cuda}/bin\" command -v nvdisasm", output))
    throw UsageError(
        "inspect(\"sass\") needs nvdisasm, which is neither in PATH nor in the CUDA toolkit's folder; install the "
        "package cuda-nvdisasm of the CUDA toolkit, or 'pip install nvidia-cuda-nvdisasm', and put it into PATH");
  const TemporaryFile file(cubin);
  output.clear();
  if (!run(text("PATH=\"$PATH:${CUDA_HOME:-/usr/local/cuda}/bin\" nvdisasm -c '", file.path(), "' 2>&1"), output))
    throw UsageError(text("inspect(\"sass\"): nvdisasm cannot read the code: ", output));
  return output;
}

std::string resources(Device& device, const Plan& plan, const std::string& cubin) {
  const Device::Current current(device);
  Modules modules(device);
  const std::vector<std::string> kernels = units(plan.source, 1)[0].kernels;
  modules.load(cubin, kernels);
  std::string lines;
  const auto add = [&](const std::string& name) {
    CUfunction function = modules.function(name);
    const auto of = [&](CUfunction_attribute attribute) {
      int value = 0;
      device.check(driver().cuFuncGetAttribute(&value, attribute, function), "ask for an attribute of a kernel");
      return value;
    };
    lines += text(name, ": ", of(CU_FUNC_ATTRIBUTE_NUM_REGS), " registers, ", of(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES),
                  " local bytes, ", of(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES), " shared bytes, ",
                  of(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES), " constant bytes, blocks of at most ",
                  of(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK), " threads\n");
  };
  for (const std::string& kernel : kernels) add(kernel);
  return lines;
}

}  // namespace kiln::on_cuda
