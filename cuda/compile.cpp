// NVRTC: text in, cubin or PTX out.
#include "cuda/compile.h"

#include "core/error_text.h"
#include "cuda/symbols.h"

#include <kiln/error.h>

#include <vector>

namespace kiln::on_cuda {

namespace {

class NvrtcProgram {
 public:
  explicit NvrtcProgram(const std::string& source) {
    check(nvrtc().nvrtcCreateProgram(&program_, source.c_str(), "kiln.cu", 0, nullptr, nullptr), "create a program");
  }
  ~NvrtcProgram() { nvrtc().nvrtcDestroyProgram(&program_); }
  NvrtcProgram(const NvrtcProgram&) = delete;

  void compile(const std::vector<const char*>& options) {
    const nvrtcResult result = nvrtc().nvrtcCompileProgram(program_, static_cast<int>(options.size()), options.data());
    if (result == NVRTC_SUCCESS) return;
    if (result != NVRTC_ERROR_COMPILATION) check(result, "compile");
    throw InternalError(text("NVRTC refuses generated code: ", log().c_str()));
  }
  std::string log() {
    std::size_t size = 0;
    nvrtc().nvrtcGetProgramLogSize(program_, &size);
    std::string log(size, '\0');
    nvrtc().nvrtcGetProgramLog(program_, log.data());
    return log;
  }
  std::string output(Output which) {
    const bool cubin = which == Output::cubin;
    std::size_t size = 0;
    check((cubin ? nvrtc().nvrtcGetCUBINSize : nvrtc().nvrtcGetPTXSize)(program_, &size), "ask for the code");
    std::string bytes(size, '\0');
    check((cubin ? nvrtc().nvrtcGetCUBIN : nvrtc().nvrtcGetPTX)(program_, bytes.data()), "fetch the code");
    return bytes;
  }

 private:
  static void check(nvrtcResult result, const char* what) {
    if (result != NVRTC_SUCCESS)
      throw CompileError(text("NVRTC cannot ", what, ": ", nvrtc().nvrtcGetErrorString(result)));
  }
  ::nvrtcProgram program_ = nullptr;
};

}  // namespace

std::vector<const char*> compile_options() {
  // Neither contracted nor flushed: the same bits as on the CPU.
  std::vector<const char*> options = {"--std=c++17",      "-fmad=false", "--prec-div=true",
                                      "--prec-sqrt=true", "--ftz=false", "--diag-suppress=177,550"};
  // Nothing of the runtime's API is declared. Older ones do not know the option. (--split-compile, which shares a
  // module's functions out to threads, adds nothing to units: argmin takes 0.55 s either way on two cores.)
  if (nvrtc().major >= 13) options.push_back("--minimal");
  return options;
}

std::string compile(const std::string& source, int architecture, Output output, std::string* report) {
  if (!nvrtc().why_not.empty()) throw CompileError(nvrtc().why_not);
  const int nearest = nearest_architecture(architecture);
  if (nearest == 0)
    throw CompileError(text("this NVRTC (CUDA ", nvrtc().major, ".", nvrtc().minor, ") does not compile for sm_",
                            architecture, "; install a CUDA toolkit that knows this GPU"));
  const std::string target =
      text("--gpu-architecture=", output == Output::cubin && nearest == architecture ? "sm_" : "compute_", nearest);
  std::vector<const char*> options = compile_options();
  options.push_back(target.c_str());
  if (report) options.push_back("--ptxas-options=-v");
  NvrtcProgram program(prelude + source);
  program.compile(options);
  if (report) *report = program.log();
  return program.output(nearest == architecture ? output : Output::ptx);
}

void start_compiler() noexcept {
  try {
    NvrtcProgram("").compile(compile_options());
  } catch (...) {
    // The first compile that is asked for says it.
  }
}

int nearest_architecture(int architecture) {
  int count = 0;
  nvrtc().nvrtcGetNumSupportedArchs(&count);
  std::vector<int> known(static_cast<std::size_t>(count));
  nvrtc().nvrtcGetSupportedArchs(known.data());
  int nearest = 0;
  for (const int each : known)
    if (each <= architecture && each > nearest) nearest = each;
  return nearest;
}

}  // namespace kiln::on_cuda
