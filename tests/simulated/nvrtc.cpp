// The simulated NVRTC: the names and rules of nvrtc.h, the host's compiler behind them.
#pragma GCC visibility push(default)
#include <nvrtc.h>
#pragma GCC visibility pop

#include "tests/simulated/host_compiler.h"
#include "tests/simulated/units.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using kiln::simulated::CompilerInput;
using kiln::simulated::CompilerOutput;

constexpr std::array architectures = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
constexpr const char* ptx = "// the simulation has no PTX: its cubin is a shared object of the host\n";

struct Program {
  CompilerInput input;
  std::string log;
  std::string cubin;
  bool compiled = false;
};

struct Programs {
  std::mutex mutex;
  std::unordered_map<nvrtcProgram, std::shared_ptr<Program>> live;
  std::uintptr_t last = 0x5e00'0000'0000;
};

Programs& programs() {
  static Programs& all = *new Programs;
  return all;
}

std::atomic<unsigned long long> compiler_runs{0};
std::atomic<unsigned long long> cache_hits{0};
std::atomic<unsigned long long> compile_to_fail{0};

std::shared_ptr<Program> find(nvrtcProgram handle) {
  const std::lock_guard lock(programs().mutex);
  const auto found = programs().live.find(handle);
  return found == programs().live.end() ? nullptr : found->second;
}

// Options with a value of their own, or none, that NVRTC knows and a simulation need not act on.
constexpr std::string_view ignored_options[] = {"--builtin-initializer-list",
                                                "--builtin-move-forward",
                                                "--default-device",
                                                "--device-as-default-execution-space",
                                                "--device-debug",
                                                "--device-int128",
                                                "--device-float128",
                                                "--disable-warnings",
                                                "--display-error-number",
                                                "--dlink-time-opt",
                                                "--dopt",
                                                "--dump-inspection",
                                                "--extensible-whole-program",
                                                "--extra-device-vectorization",
                                                "--fdevice-syntax-only",
                                                "--fdevice-time-trace",
                                                "--fmad",
                                                "--frandom-seed",
                                                "--ftz",
                                                "--gen-opt-lto",
                                                "--generate-line-info",
                                                "--jump-table-density",
                                                "--maxrregcount",
                                                "--minimal",
                                                "--modify-stack-limit",
                                                "--no-cache",
                                                "--no-display-error-number",
                                                "--no-source-include",
                                                "--Ofast-compile",
                                                "--optimization-info",
                                                "--pch",
                                                "--pch-dir",
                                                "--pch-messages",
                                                "--pch-verbose",
                                                "--prec-div",
                                                "--prec-sqrt",
                                                "--ptxas-options",
                                                "--create-pch",
                                                "--use-pch",
                                                "--instantiate-templates-in-pch",
                                                "--relocatable-device-code",
                                                "--restrict",
                                                "--split-compile",
                                                "--static-global-template-stub",
                                                "--std",
                                                "--time",
                                                "--unspecified-launch-bounds",
                                                "--use_fast_math",
                                                "--version-ident",
                                                "--device-c",
                                                "--device-w",
                                                "--diag-error",
                                                "--diag-suppress",
                                                "--diag-warn",
                                                "--brief-diagnostics",
                                                "--gpu-architecture",
                                                "--arch-independent"};
constexpr std::string_view short_options[] = {"-G",
                                              "-lineinfo",
                                              "-w",
                                              "-dw",
                                              "-dc",
                                              "-dlto",
                                              "-rdc",
                                              "-fmad",
                                              "-ftz",
                                              "-prec-div",
                                              "-prec-sqrt",
                                              "-use_fast_math",
                                              "-maxrregcount",
                                              "-restrict",
                                              "-std",
                                              "-default-device",
                                              "-extra-device-vectorization",
                                              "-modify-stack-limit",
                                              "-builtin-move-forward",
                                              "-builtin-initializer-list",
                                              "-disable-warnings",
                                              "-diag-suppress",
                                              "-diag-error",
                                              "-diag-warn",
                                              "-err-no",
                                              "-no-err-no",
                                              "-opt-info",
                                              "-Xptxas",
                                              "-ptxas-options",
                                              "-no-cache",
                                              "-pch",
                                              "-arch",
                                              "-gpu-architecture",
                                              "-device-int128",
                                              "-minimal",
                                              "-Ofast-compile",
                                              "-Ofc",
                                              "-jtd",
                                              "-ewp",
                                              "-time",
                                              "-split-compile",
                                              "-version-ident",
                                              "-brief-diag",
                                              "-no-source-include",
                                              "-device-debug",
                                              "-generate-line-info"};
// Those of them whose value may be the next option.
constexpr std::string_view separate_options[] = {"-arch",
                                                 "--gpu-architecture",
                                                 "-gpu-architecture",
                                                 "-std",
                                                 "--std",
                                                 "-maxrregcount",
                                                 "--maxrregcount",
                                                 "--ptxas-options",
                                                 "-Xptxas",
                                                 "-ptxas-options",
                                                 "--diag-suppress",
                                                 "-diag-suppress",
                                                 "--diag-error",
                                                 "-diag-error",
                                                 "--diag-warn",
                                                 "-diag-warn",
                                                 "--optimization-info",
                                                 "-opt-info",
                                                 "--Ofast-compile",
                                                 "-Ofc",
                                                 "-D",
                                                 "-U",
                                                 "-I",
                                                 "--define-macro",
                                                 "--undefine-macro",
                                                 "--include-path",
                                                 "--pch-dir",
                                                 "--create-pch",
                                                 "--use-pch",
                                                 "--split-compile"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  for (const std::string_view entry : list) {
    if (entry == name) return true;
  }
  return false;
}

struct Option {
  std::string name;
  std::string value;
  bool has_value = false;
};

Option split(std::string_view text) {
  for (const std::string_view prefix : {"-D", "-U", "-I"}) {
    if (text.starts_with(prefix) && text.size() > 2 && text[1] != '-') {
      return {std::string(prefix), std::string(text.substr(2)), true};
    }
  }
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {std::string(text), "", false};
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)), true};
}

// 90 for sm_90 and sm_90a, minus 90 for compute_90, 0 for what NVRTC does not know.
int architecture_of(std::string_view name) {
  const bool real = name.starts_with("sm_");
  if (!real && !name.starts_with("compute_")) return 0;
  name.remove_prefix(real ? 3 : 8);
  if (name.ends_with('a') || name.ends_with('f')) name.remove_suffix(1);
  for (const int known : architectures) {
    if (name == std::to_string(known)) return real ? known : -known;
  }
  return 0;
}

bool take(const Option& option, CompilerInput& input, bool& real_architecture, std::string& log) {
  if (option.name == "-arch" || option.name == "--gpu-architecture" || option.name == "-gpu-architecture") {
    const int architecture = architecture_of(option.value);
    if (architecture == 0) {
      log += "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
      return false;
    }
    real_architecture = architecture > 0;
    input.architecture = architecture > 0 ? architecture : -architecture;
    return true;
  }
  if (option.name == "-D" || option.name == "--define-macro") {
    input.definitions.push_back("-D" + option.value);
  } else if (option.name == "-U" || option.name == "--undefine-macro") {
    input.definitions.push_back("-U" + option.value);
  } else if (option.name == "-I" || option.name == "--include-path") {
    input.definitions.push_back("-I" + option.value);
  } else if (!contains(ignored_options, option.name) && !contains(short_options, option.name)) {
    log += "nvrtc: error: unrecognized option " + option.name + " found\n";
    return false;
  }
  return true;
}

nvrtcResult take_options(int count, const char* const* options, CompilerInput& input, bool& real_architecture,
                         std::string& log) {
  input.definitions.clear();
  input.architecture = 75;
  real_architecture = false;  // without -arch, NVRTC makes PTX alone
  for (int i = 0; i < count; ++i) {
    if (options[i] == nullptr) return NVRTC_ERROR_INVALID_INPUT;
    Option option = split(options[i]);
    if (!option.has_value && contains(separate_options, option.name) && i + 1 < count) option.value = options[++i];
    if (!take(option, input, real_architecture, log)) return NVRTC_ERROR_INVALID_OPTION;
  }
  return NVRTC_SUCCESS;
}

nvrtcResult size_of(nvrtcProgram handle, std::size_t* size, std::string Program::* text, bool terminated) {
  if (size == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  const std::shared_ptr<Program> program = find(handle);
  if (!program) return NVRTC_ERROR_INVALID_PROGRAM;
  *size = (*program.*text).size() + (terminated ? 1 : 0);
  return NVRTC_SUCCESS;
}

nvrtcResult copy_of(nvrtcProgram handle, char* destination, std::string Program::* text, bool terminated) {
  if (destination == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  const std::shared_ptr<Program> program = find(handle);
  if (!program) return NVRTC_ERROR_INVALID_PROGRAM;
  std::memcpy(destination, (*program.*text).c_str(), (*program.*text).size() + (terminated ? 1 : 0));
  return NVRTC_SUCCESS;
}

}  // namespace

extern "C" {

nvrtcResult nvrtcVersion(int* major, int* minor) {
  if (major == nullptr || minor == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  *major = 13;
  *minor = 0;
  return NVRTC_SUCCESS;
}

const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
    case NVRTC_ERROR_INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
  }
}

nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  if (count == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  *count = static_cast<int>(architectures.size());
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int* list) {
  if (list == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  std::memcpy(list, architectures.data(), sizeof architectures);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* result, const char* text, const char* name, int header_count,
                               const char* const* headers, const char* const* header_names) {
  if (result == nullptr || text == nullptr || header_count < 0) return NVRTC_ERROR_INVALID_INPUT;
  auto program = std::make_shared<Program>();
  program->input.text = text;
  program->input.name = name == nullptr || *name == '\0' ? "default_program" : name;
  for (int i = 0; i < header_count; ++i) program->input.headers.emplace_back(header_names[i], headers[i]);
  const std::lock_guard lock(programs().mutex);
  *result = reinterpret_cast<nvrtcProgram>(programs().last += 64);
  programs().live.emplace(*result, std::move(program));
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* handle) {
  if (handle == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  const std::lock_guard lock(programs().mutex);
  if (programs().live.erase(*handle) == 0) return NVRTC_ERROR_INVALID_PROGRAM;
  *handle = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram handle, int count, const char* const* options) {
  const std::shared_ptr<Program> program = find(handle);
  if (!program) return NVRTC_ERROR_INVALID_PROGRAM;
  if (count < 0 || (count > 0 && options == nullptr)) return NVRTC_ERROR_INVALID_INPUT;
  program->log.clear();
  program->cubin.clear();
  bool real_architecture = false;
  const nvrtcResult taken = take_options(count, options, program->input, real_architecture, program->log);
  if (taken != NVRTC_SUCCESS) return taken;
  unsigned long long remaining = compile_to_fail.load();
  while (remaining > 0 && !compile_to_fail.compare_exchange_weak(remaining, remaining - 1)) {
  }
  if (remaining == 1) {
    program->log = program->input.name + "(1): error: an injected fault\n";
    return NVRTC_ERROR_COMPILATION;
  }
  if (const char* folder = std::getenv("KILN_SIMULATED_COLLECT"); folder != nullptr) {
    kiln::simulated::collect(program->input, folder);
    program->log = "collected, not compiled\n";
    return NVRTC_ERROR_COMPILATION;
  }
  CompilerOutput output = kiln::simulated::compile(program->input);
  ++(output.from_cache ? cache_hits : compiler_runs);
  program->log = std::move(output.log);
  program->compiled = output.compiled;
  if (!output.compiled) return NVRTC_ERROR_COMPILATION;
  if (real_architecture) program->cubin = std::move(output.cubin);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram handle, std::size_t* size) {
  return size_of(handle, size, &Program::cubin, false);
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram handle, char* cubin) { return copy_of(handle, cubin, &Program::cubin, false); }

nvrtcResult nvrtcGetPTXSize(nvrtcProgram handle, std::size_t* size) {
  if (size == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  if (!find(handle)) return NVRTC_ERROR_INVALID_PROGRAM;
  *size = std::strlen(ptx) + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTX(nvrtcProgram handle, char* destination) {
  if (destination == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  if (!find(handle)) return NVRTC_ERROR_INVALID_PROGRAM;
  std::strcpy(destination, ptx);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram handle, std::size_t* size) {
  return size_of(handle, size, &Program::log, true);
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram handle, char* log) { return copy_of(handle, log, &Program::log, true); }

// --- the tests' control, declared in control.h ---

__attribute__((visibility("default"))) unsigned long long kiln_simulated_compiler_runs() { return compiler_runs; }
__attribute__((visibility("default"))) unsigned long long kiln_simulated_compiler_cache_hits() { return cache_hits; }
__attribute__((visibility("default"))) unsigned long long kiln_simulated_compile_collected(const char* folder) {
  return kiln::simulated::compile_collected(folder);
}
__attribute__((visibility("default"))) void kiln_simulated_fail_compile(unsigned long long kth) {
  compile_to_fail = kth;
}

}  // extern "C"
