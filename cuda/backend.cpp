// The GPU's backend: plan, disk cache, NVRTC, loaded modules.
#include "core/backend.h"

#include "backends/disk_cache.h"
#include "core/config.h"
#include "core/error_text.h"
#include "core/forks.h"
#include "cuda/compile.h"
#include "cuda/inspect.h"
#include "cuda/launch.h"
#include "cuda/modules.h"
#include "cuda/units.h"

#include <kiln/error.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>

namespace kiln::on_cuda {

namespace {

Residents residents(CUfunction function, const Kernel& kernel) {
  Residents found;
  for (int size = kernel.grid == Kernel::Grid::teams ? 0 : 3; size < 4; ++size) {
    const int threads = size == 3 ? kernel.threads() : 32 << size;
    driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(&found.blocks[size], function, threads, 0);
    found.blocks[size] = std::max(found.blocks[size], 1);
  }
  return found;
}

class CudaExecutable final : public Executable {
 public:
  CudaExecutable(Device& device, const ir::Program& program, Plan plan, const std::vector<Unit>& units,
                 const std::vector<std::string>& cubins)
      : modules_(device) {
    loaded_.program = program;
    loaded_.plan = std::move(plan);
    loaded_.device = &device;
    device.check_alive();
    const Device::Current current(device);
    for (std::size_t k = 0; k < units.size(); ++k) modules_.load(cubins[k], units[k].kernels);
    const auto function = [&](const std::string& name) { return modules_.function(name); };
    for (const Kernel& k : loaded_.plan.kernels) {
      loaded_.functions.kernels.push_back(function(k.name));
      loaded_.functions.resident.push_back(residents(loaded_.functions.kernels.back(), k));
      std::vector<CUfunction> folders;
      if (!k.folder.empty()) folders.push_back(function(k.folder));
      for (const Reduction& r : k.reductions)
        if (!r.folder.empty()) folders.push_back(function(r.folder));
      loaded_.functions.folders.push_back(std::move(folders));
    }
  }
  std::int32_t run(Frame& frame, LaunchOptions options, LaunchReport* report) override {
    return launch(loaded_, frame, *options.arguments, report);
  }

 private:
  Loaded loaded_;
  Modules modules_;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(int index, bool is_first) : device_(index, is_first) {}

  const char* name() const override { return device_.name(); }
  std::string description() const override { return device_.description(); }
  std::int64_t memory_bytes() const override { return device_.memory_bytes(); }
  bool is_lost() const override { return device_.is_lost(); }
  DeviceMemory* memory() override { return &device_; }
  void trim_memory() override { device_.trim(); }
  std::size_t streaming_bytes() const override { return ~std::size_t{0}; }

  std::unique_ptr<Executable> compile(const ir::Program& scheduled, const CompileOptions&) override {
    const auto start = std::chrono::steady_clock::now();
    Plan plan = make_plan(scheduled);
    std::string made_of = text("cuda ", nvrtc().major, ".", nvrtc().minor, " sm_", device_.architecture(), "\n");
    for (const char* option : compile_options()) made_of += text(option, " ");
    made_of += text("\n", prelude);
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const std::vector<Unit> parts = units(plan.source, std::min<std::size_t>(config().gpu_units, cores));
    std::vector<backends::Hash128> keys;
    std::vector<std::string> cubins;
    for (const Unit& part : parts) {
      keys.push_back(backends::hash128(text(made_of, part.text)));
      const auto blob = cache_.load(keys.back());
      cubins.push_back(blob ? std::string(blob->data(), blob->size()) : std::string());
    }
    const std::vector<std::string> kept = cubins;
    const auto is_kept = [](const std::string& cubin) { return !cubin.empty(); };
    const bool from_disk = std::all_of(kept.begin(), kept.end(), is_kept);
    std::unique_ptr<Executable> executable;
    try {
      compile_units(parts, device_.architecture(), cubins);
      executable = std::make_unique<CudaExecutable>(device_, scheduled, plan, parts, cubins);
    } catch (const Error&) {
      // The cache can only help: what does not load is compiled again.
      if (std::none_of(kept.begin(), kept.end(), is_kept)) throw;
      cubins.assign(parts.size(), std::string());
      compile_units(parts, device_.architecture(), cubins);
      executable = std::make_unique<CudaExecutable>(device_, scheduled, plan, parts, cubins);
    }
    for (std::size_t k = 0; k < keys.size(); ++k)
      if (cubins[k] != kept[k]) cache_.store(keys[k], {cubins[k].data(), cubins[k].size()});
    executable->from_disk = from_disk && cubins == kept;
    executable->codegen_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    return executable;
  }

  std::string inspect(const ir::Program& scheduled, const CompileOptions&, const char* what) override {
    const Plan plan = make_plan(scheduled);
    const std::string_view form(what);
    if (form == "cuda") return plan.source;
    if (form == "ptx") return on_cuda::compile(plan.source, device_.architecture(), Output::ptx);
    const std::string cubin = on_cuda::compile(plan.source, device_.architecture(), Output::cubin);
    return form == "sass" ? sass(cubin) : resources(device_, plan, cubin);
  }

 private:
  Device device_;
  backends::DiskCache cache_{{config().cache_directory, config().cache_bytes}};
};

struct Devices {
  std::mutex mutex;
  std::deque<CudaDevice> known;
};

}  // namespace

}  // namespace kiln::on_cuda

namespace kiln {

int cuda_device_count() {
  int count = 0;
  if (on_cuda::driver().why_not.empty()) on_cuda::driver().cuDeviceGetCount(&count);
  return count;
}

CudaDevice cuda_device(int index) {
  // Never torn down: arrays that are globals give their memory back after main.
  static on_cuda::Devices& devices = *new on_cuda::Devices;
  CudaDevice device;
  const int count = cuda_device_count();
  if (!on_cuda::driver().why_not.empty())
    device.description = on_cuda::driver().why_not;
  else if (index >= count)
    device.description = text("there ", count == 1 ? "is 1 GPU" : text("are ", count, " GPUs"), ", numbered from 0");
  else if (!on_cuda::nvrtc().why_not.empty())
    device.description = on_cuda::nvrtc().why_not;
  if (!device.description.empty()) return device;
  const std::lock_guard lock(devices.mutex);
  if (devices.known.size() <= static_cast<std::size_t>(index)) devices.known.resize(static_cast<std::size_t>(count));
  CudaDevice& known = devices.known[static_cast<std::size_t>(index)];
  if (known.backend) {
    CudaDevice now = known;
    now.description = known.backend->description();
    if (known.backend->is_lost()) now.backend = nullptr;
    return now;
  }
  try {
    const detail::HoldsOffForks holds;
    const bool is_first = std::none_of(devices.known.begin(), devices.known.end(),
                                       [](const CudaDevice& each) { return each.backend != nullptr; });
    known.backend = new on_cuda::CudaBackend(index, is_first);
    known.description = known.backend->description();
    known.memory_bytes = known.backend->memory_bytes();
  } catch (const RuntimeError& e) {
    known.description = e.what();
  }
  return known;
}

}  // namespace kiln
