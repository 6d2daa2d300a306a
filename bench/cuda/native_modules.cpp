// The hand-written CUDA kernels: found beside the program, compiled where nvcc did not, loaded.
#include "bench/cuda/native_modules.h"

#include <dlfcn.h>
#include <nvrtc.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

namespace bench {
namespace {

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Nvrtc {
  decltype(&::nvrtcCreateProgram) create = nullptr;
  decltype(&::nvrtcCompileProgram) compile = nullptr;
  decltype(&::nvrtcGetProgramLogSize) log_size = nullptr;
  decltype(&::nvrtcGetProgramLog) log = nullptr;
  decltype(&::nvrtcGetCUBINSize) cubin_size = nullptr;
  decltype(&::nvrtcGetCUBIN) cubin = nullptr;
  decltype(&::nvrtcVersion) version = nullptr;
};

Nvrtc open_nvrtc() {
  void* library = nullptr;
  if (const char* const named = std::getenv("KILN_NVRTC")) library = ::dlopen(named, RTLD_NOW | RTLD_LOCAL);
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"})
    if (!library) library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error("NVRTC is not found, and nvcc built no natives");
  Nvrtc into;
  const auto look_up = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (!function) throw std::runtime_error(fmt::format("NVRTC has no {}", name));
  };
  look_up(into.create, "nvrtcCreateProgram");
  look_up(into.compile, "nvrtcCompileProgram");
  look_up(into.log_size, "nvrtcGetProgramLogSize");
  look_up(into.log, "nvrtcGetProgramLog");
  look_up(into.cubin_size, "nvrtcGetCUBINSize");
  look_up(into.cubin, "nvrtcGetCUBIN");
  look_up(into.version, "nvrtcVersion");
  return into;
}

const Nvrtc& nvrtc() {
  static const Nvrtc opened = open_nvrtc();
  return opened;
}

std::string cubin_of(const std::string& text, const std::string& name, int architecture) {
  nvrtcProgram program = nullptr;
  const std::string file = name + ".cu", target = fmt::format("--gpu-architecture=sm_{}", architecture);
  if (nvrtc().create(&program, text.c_str(), file.c_str(), 0, nullptr, nullptr) != NVRTC_SUCCESS)
    throw std::runtime_error("NVRTC cannot begin");
  const char* const options[] = {target.c_str(), "--std=c++17", "-fmad=false"};
  const nvrtcResult compiled = nvrtc().compile(program, int(std::size(options)), options);
  std::size_t size = 0;
  if (compiled != NVRTC_SUCCESS) {
    nvrtc().log_size(program, &size);
    std::string log(size, '\0');
    nvrtc().log(program, log.data());
    throw std::runtime_error(fmt::format("NVRTC refuses {}: {}", file, log));
  }
  nvrtc().cubin_size(program, &size);
  std::string cubin(size, '\0');
  nvrtc().cubin(program, cubin.data());
  return cubin;
}

}  // namespace

NativeModule::NativeModule(const Gpu& gpu, const std::string& name) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "cuda-natives";
  const auto built = folder / (name + ".fatbin");
  std::string image;
  // The simulated GPU takes what the simulated NVRTC made, and nothing else.
  if (std::filesystem::exists(built) && !gpu.is_simulated()) {
    image = bytes_of(built);
    variant_ = "native";
    implementation_ = "nvcc -fmad=false";
  } else {
    image = cubin_of(bytes_of(folder / (name + ".cu")), name, gpu.architecture());
    variant_ = gpu.is_simulated() ? "native" : "native_nvrtc";
    implementation_ = fmt::format("NVRTC {} -fmad=false", nvrtc_version());
  }
  expect_success(driver().cuModuleLoadData(&module_, image.data()), "load the natives");
}

std::string nvrtc_version() {
  int major = 0, minor = 0;
  nvrtc().version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

CUfunction NativeModule::function(const std::string& name) const {
  CUfunction found = nullptr;
  expect_success(driver().cuModuleGetFunction(&found, module_, name.c_str()), "find a native kernel");
  return found;
}

const NativeModule& native_module(const Gpu& gpu, const std::string& name) {
  static std::map<std::string, std::unique_ptr<NativeModule>>& modules =
      *new std::map<std::string, std::unique_ptr<NativeModule>>;
  std::unique_ptr<NativeModule>& module = modules[name];
  if (!module) module = std::make_unique<NativeModule>(gpu, name);
  return *module;
}

unsigned blocks_that_fill(const Gpu& gpu, CUfunction function, int threads) {
  if (gpu.is_simulated()) return 4;  // each of its threads takes the host's time
  int blocks = 0;
  expect_success(driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, threads, 0),
                 "ask for the occupancy of a native");
  return unsigned(blocks < 1 ? 1 : blocks) * unsigned(gpu.multiprocessors());
}

}  // namespace bench
