// The simulated driver's functions about modules, kernels and launches.
#include "tests/simulated/driver.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

using namespace kiln::simulated;

namespace {

constexpr unsigned most_parameter_bytes = 4096;
constexpr unsigned multiprocessors = 132;

// --- modules ---

// A file of its own for each module, as the loader takes a name it knows for the library it has loaded.
std::string file_of(const void* bytes, std::size_t size) {
  std::string path = std::filesystem::temp_directory_path() / "kiln-simulated-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return "";
  const auto* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::write(file, at, size);
    if (count <= 0) break;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  ::close(file);
  if (size == 0) return path;
  ::unlink(path.c_str());
  return "";
}

#if defined(__SANITIZE_ADDRESS__)
// Of modules that are never unloaded.
void remove_files_at_exit() {
  static const int registered = std::atexit([] {
    for (const auto& [handle, module] : driver().module_handles) {
      if (!module->path.empty()) ::unlink(module->path.c_str());
    }
  });
  (void)registered;
}
#endif

std::string symbol_of(unsigned number) {
  return number == 0 ? module_symbol : module_symbol + ('_' + std::to_string(number));
}

// False where there is no room for the file; library stays null where it cannot be opened.
bool open(const void* image, const Cubin& header, LoadedModule& module) {
  const char* const bytes = static_cast<const char*>(image) + sizeof header;
  if (header.number != 0) {  // a unit stays in the compiler's folder
    module.library = ::dlopen(std::string(bytes, header.bytes).c_str(), RTLD_NOW | RTLD_LOCAL);
    return true;
  }
  const std::string path = file_of(bytes, header.bytes);
  if (path.empty()) return false;
  module.library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
#if defined(__SANITIZE_ADDRESS__)
  module.path = path;  // stays for the lines in a report of AddressSanitizer
  remove_files_at_exit();
#else
  ::unlink(path.c_str());
#endif
  return true;
}

CUresult load(Call& call, const void* image, std::shared_ptr<LoadedModule>& result) {
  Cubin header;
  std::memcpy(&header, image, sizeof header.magic);
  if (std::memcmp(header.magic, cubin_magic, sizeof header.magic) != 0) return CUDA_ERROR_INVALID_IMAGE;
  std::memcpy(&header, image, sizeof header);
  const Settings& settings = call.driver.settings;
  const auto major = static_cast<unsigned>(settings.major);
  const auto minor = static_cast<unsigned>(settings.minor);
  if (header.architecture / 10 != major || header.architecture % 10 > minor) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  auto module = std::make_shared<LoadedModule>();
  if (!open(image, header, *module)) return CUDA_ERROR_OUT_OF_MEMORY;
  if (module->library == nullptr) {
    return call.driver.explain(CUDA_ERROR_INVALID_IMAGE, ::dlerror());
  }
  module->context = call.context;
  module->contents = static_cast<const Module*>(::dlsym(module->library, symbol_of(header.number).c_str()));
  if (module->contents == nullptr || module->contents->version != module_version) return CUDA_ERROR_INVALID_IMAGE;
  result = std::move(module);
  return CUDA_SUCCESS;
}

// --- launches ---

unsigned static_shared_bytes(const Function& function) {
  const Module& contents = *function.module->contents;
  return static_cast<unsigned>(contents.shared_end - contents.shared_begin);
}

unsigned most_threads(const Function& function) {
  return function.kernel->most_threads == 0 ? 1024 : std::min(1024u, function.kernel->most_threads);
}

CUresult check_extents(Driver& driver, const Function& function, const Launch& launch) {
  const auto refuse = [&](std::string reason) {
    return driver.explain(CUDA_ERROR_INVALID_VALUE,
                          std::string("kernel ") + launch.kernel->name + ": " + std::move(reason));
  };
  const auto within = [](Index3 extents, Index3 most) {
    return extents.x >= 1 && extents.y >= 1 && extents.z >= 1 && extents.x <= most.x && extents.y <= most.y &&
           extents.z <= most.z;
  };
  if (!within(launch.grid, {0x7fffffff, 65535, 65535})) return refuse("no grid can be so large or empty");
  if (!within(launch.block, {1024, 1024, 64})) return refuse("no block can be so large or empty");
  const std::uint64_t threads = std::uint64_t{launch.block.x} * launch.block.y * launch.block.z;
  if (threads > most_threads(function)) {
    return refuse("a block of " + std::to_string(threads) + " threads, where " +
                  std::to_string(most_threads(function)) + " can be");
  }
  const std::uint64_t dynamic = launch.dynamic_shared_bytes;
  if (dynamic > static_cast<unsigned>(function.most_dynamic_shared)) {
    return refuse(std::to_string(dynamic) +
                  " bytes of dynamic shared memory are more than the function's attribute allows");
  }
  if (static_shared_bytes(function) + dynamic > most_dynamic_shared_bytes) {
    return refuse(std::to_string(static_shared_bytes(function) + dynamic) +
                  " bytes of shared memory are more than there are");
  }
  if (launch.kernel->parameter_bytes > most_parameter_bytes) {
    return refuse(std::to_string(launch.kernel->parameter_bytes) + " bytes of parameters are more than can be passed");
  }
  return CUDA_SUCCESS;
}

// The parameters' values, each aligned, as they are when the launch is called.
class Parameters {
 public:
  explicit Parameters(const Kernel& kernel) : kernel_(kernel), storage_(kernel.parameter_bytes / sizeof(Block) + 1) {}

  void take(void** values) {
    for (unsigned i = 0; i < kernel_.parameter_count; ++i) {
      std::memcpy(at(i), values[i], kernel_.parameters[i].bytes);
    }
  }
  void take_packed(const void* buffer, std::size_t bytes) {
    std::memcpy(storage_.data(), buffer, std::min<std::size_t>(bytes, kernel_.parameter_bytes));
  }
  std::vector<void*> pointers() {
    std::vector<void*> result;
    for (unsigned i = 0; i < kernel_.parameter_count; ++i) result.push_back(at(i));
    return result;
  }

 private:
  struct alignas(16) Block {
    unsigned char bytes[16];
  };
  void* at(unsigned i) { return reinterpret_cast<unsigned char*>(storage_.data()) + kernel_.parameters[i].offset; }

  const Kernel& kernel_;
  std::vector<Block> storage_;
};

// The buffer that cuLaunchKernel's `extra` describes, where there is one.
bool take_extra(void** extra, Parameters& parameters) {
  const void* buffer = nullptr;
  const std::size_t* bytes = nullptr;
  for (; extra != nullptr && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = extra[1];
    if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) bytes = static_cast<const std::size_t*>(extra[1]);
  }
  if (buffer == nullptr || bytes == nullptr) return false;
  parameters.take_packed(buffer, *bytes);
  return true;
}

CUresult result_of(LaunchEnd end) {
  switch (end) {
    case LaunchEnd::done: return CUDA_SUCCESS;
    case LaunchEnd::trap: return CUDA_ERROR_LAUNCH_FAILED;
    case LaunchEnd::assertion: return CUDA_ERROR_ASSERT;
    case LaunchEnd::timeout: return CUDA_ERROR_LAUNCH_TIMEOUT;
    case LaunchEnd::illegal_address: return CUDA_ERROR_ILLEGAL_ADDRESS;
    default: return CUDA_ERROR_LAUNCH_FAILED;
  }
}

// The number of the first parameter, from 1, that is a pointer to memory of the host; 0 without one.
unsigned host_pointer(const Driver& driver, const Kernel& kernel, const std::vector<void*>& values) {
  for (unsigned i = 0; i < kernel.parameter_count; ++i) {
    if (!kernel.parameters[i].is_pointer) continue;
    std::uintptr_t address = 0;
    std::memcpy(&address, values[i], sizeof address);
    if (address != 0 && !driver.memory.owns(address) && !driver.pinned_contains(address, 0)) return i + 1;
  }
  return 0;
}

CUresult run_launch(Driver& driver, Context& context, const LoadedModule& module, Launch& launch,
                    Parameters& parameters) {
  const Kernel& kernel = *launch.kernel;
  if (module.unloaded) {
    return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS,
                         std::string("kernel ") + kernel.name + ": its module was unloaded before it ran");
  }
  const CUresult fault = driver.fault(kiln_simulated_fault_kernel, CUDA_ERROR_ILLEGAL_ADDRESS);
  if (fault != CUDA_SUCCESS) {
    return break_context(context, fault, std::string("kernel ") + kernel.name + ": an injected fault");
  }
  std::vector<void*> values = parameters.pointers();
  if (const unsigned position = host_pointer(driver, kernel, values); position != 0) {
    return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS,
                         std::string("kernel ") + kernel.name + ": parameter " + std::to_string(position) +
                             " points to memory of the host");
  }
  launch.parameters = values.data();
  launch.order = driver.settings.order;
  LaunchResult result = kiln::simulated::run(launch);
  ++driver.counts.kernels_run;
  driver.counts.threads_run += result.threads;
  std::string diagnosis;
  const bool intact = driver.memory.close(diagnosis);
  if (result.end != LaunchEnd::done) return break_context(context, result_of(result.end), std::move(result.diagnosis));
  if (intact) return CUDA_SUCCESS;
  return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS, std::string("kernel ") + kernel.name + ": " + diagnosis);
}

// --- occupancy ---

int active_blocks(const Function& function, int block_size, std::size_t dynamic_shared) {
  if (block_size <= 0 || static_cast<unsigned>(block_size) > most_threads(function)) return 0;
  const unsigned warps = (static_cast<unsigned>(block_size) + 31) / 32;
  const std::size_t shared = dynamic_shared + static_shared_bytes(function) + 1024;
  const std::size_t by_shared = 228 * 1024 / shared;
  return static_cast<int>(std::min({std::size_t{64 / warps}, std::size_t{32}, by_shared}));
}

std::shared_ptr<Function> function_of(Call& call, CUfunction handle) {
  return handle == nullptr ? nullptr : call.driver.function_handles.find(handle);
}

}  // namespace

extern "C" {

CUresult cuModuleLoadData(CUmodule* handle, const void* image) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (handle == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_module, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  std::shared_ptr<LoadedModule> module;
  const CUresult loaded = load(call, image, module);
  if (loaded != CUDA_SUCCESS) return loaded;
  ++call.driver.counts.modules_loaded;
  *handle = call.driver.module_handles.add(std::move(module));
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadDataEx(CUmodule* handle, const void* image, unsigned, CUjit_option*, void**) {
  return cuModuleLoadData(handle, image);
}

// Launches that wait in a queue are not waited for, and fail.
CUresult cuModuleUnload(CUmodule handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<LoadedModule> module = call.driver.module_handles.find(handle);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  module->unloaded = true;
  call.driver.function_handles.remove_if([&](const Function& function) { return function.module == module; });
  call.driver.module_handles.remove(handle);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (handle == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::shared_ptr<LoadedModule> module = call.driver.module_handles.find(module_handle);
  if (!module || module->context != call.context) return CUDA_ERROR_INVALID_HANDLE;
  for (const auto& [known, function] : call.driver.function_handles) {
    if (function->module == module && std::strcmp(function->kernel->name, name) == 0) {
      *handle = known;
      return CUDA_SUCCESS;
    }
  }
  for (const Kernel* kernel = *module->contents->kernels; kernel != nullptr; kernel = kernel->next) {
    if (std::strcmp(kernel->name, name) != 0) continue;
    auto function = std::make_shared<Function>();
    function->module = module;
    function->kernel = kernel;
    *handle = call.driver.function_handles.add(std::move(function));
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned dynamic_shared, CUstream stream_handle,
                        void** values, void** extra) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  Driver& driver = call.driver;
  const std::shared_ptr<Function> function = function_of(call, handle);
  const std::shared_ptr<Stream> stream = stream_of(call, stream_handle);
  if (!function || !stream || function->module->context != call.context) return CUDA_ERROR_INVALID_HANDLE;
  Launch launch;
  launch.kernel = function->kernel;
  launch.module = function->module->contents;
  launch.grid = {grid_x, grid_y, grid_z};
  launch.block = {block_x, block_y, block_z};
  launch.dynamic_shared_bytes = dynamic_shared;
  const CUresult bad = check_extents(driver, *function, launch);
  if (bad != CUDA_SUCCESS) return bad;
  if (values != nullptr && extra != nullptr) return CUDA_ERROR_INVALID_VALUE;
  Parameters parameters(*launch.kernel);
  if (values != nullptr) {
    parameters.take(values);
  } else if (!take_extra(extra, parameters) && launch.kernel->parameter_count > 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const CUresult fault = driver.fault(kiln_simulated_fault_launch, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  if (fault != CUDA_SUCCESS) return fault;
  ++driver.counts.launches;
  Context& context = *call.context;
  Operation operation;
  operation.run = [&driver, &context, module = function->module, launch, parameters](Lock&) mutable {
    return run_launch(driver, context, *module, launch, parameters);
  };
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Function> function = function_of(call, handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const int version = 10 * call.driver.settings.major + call.driver.settings.minor;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = static_cast<int>(most_threads(*function)); break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = static_cast<int>(static_shared_bytes(*function)); break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = version; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->most_dynamic_shared; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = -1; break;
    default: *value = 0;
  }
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Function> function = function_of(call, handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
    return value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0) return CUDA_ERROR_INVALID_VALUE;
  if (static_cast<unsigned>(value) + static_shared_bytes(*function) > most_dynamic_shared_bytes) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  function->most_dynamic_shared = value;
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int block_size,
                                                     std::size_t dynamic_shared) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Function> function = function_of(call, handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (blocks == nullptr || block_size <= 0) return CUDA_ERROR_INVALID_VALUE;
  *blocks = active_blocks(*function, block_size, dynamic_shared);
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxPotentialBlockSize(int* least_grid, int* block_size, CUfunction handle,
                                          CUoccupancyB2DSize of_size, std::size_t dynamic_shared, int limit) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Function> function = function_of(call, handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (least_grid == nullptr || block_size == nullptr) return CUDA_ERROR_INVALID_VALUE;
  int most = static_cast<int>(most_threads(*function));
  if (limit > 0) most = std::min(most, limit);
  int best = 0;
  *block_size = 0;
  for (int size = most; size > 0; size = (size - 1) / 32 * 32) {
    const std::size_t shared = of_size != nullptr ? of_size(size) : dynamic_shared;
    const int blocks = active_blocks(*function, size, shared);
    if (blocks * size <= best) continue;
    best = blocks * size;
    *block_size = size;
    *least_grid = blocks * static_cast<int>(multiprocessors);
  }
  return *block_size > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
