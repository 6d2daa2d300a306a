// The driver's state: settings from the environment, contexts, the checks every call begins with, the reset.
#include "tests/simulated/driver.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kiln::simulated {
namespace {

bool environment_says(const char* name, const char* value) {
  const char* text = std::getenv(name);
  return text != nullptr && std::strcmp(text, value) == 0;
}

}  // namespace

Settings Settings::of_environment() {
  Settings settings;
  if (environment_says("KILN_SIMULATED_ORDER", "reverse")) settings.order = Order::reverse;
  settings.eager = environment_says("KILN_SIMULATED_STREAMS", "eager");
  settings.verbose = std::getenv("KILN_SIMULATED_VERBOSE") != nullptr;
  settings.protection = !environment_says("KILN_SIMULATED_PROTECTION", "0");
  if (const char* devices = std::getenv("KILN_SIMULATED_DEVICES")) settings.devices = std::atoi(devices);
  if (const char* memory = std::getenv("KILN_SIMULATED_MEMORY")) settings.memory = std::strtoull(memory, nullptr, 10);
  return settings;
}

Driver::Driver() {
  memory.set_protection(settings.protection);
  make_contexts();
}

Driver& driver() {
  static Driver& instance = *new Driver;  // threads may call until the process ends
  return instance;
}

void Driver::make_contexts() {
  const auto count = static_cast<std::size_t>(settings.devices);
  // Contexts that were made stay: a thread may hold one as its current.
  while (contexts.size() < count) {
    contexts.push_back(std::make_unique<Context>());
    contexts.back()->device = static_cast<int>(contexts.size()) - 1;
  }
  bytes_in_use.resize(contexts.size(), 0);
  lost.resize(contexts.size(), CUDA_SUCCESS);
}

CUcontext Driver::handle_of(const Context* context) {
  return reinterpret_cast<CUcontext>(const_cast<Context*>(context));
}

Context* Driver::context_of(CUcontext handle) {
  for (const std::unique_ptr<Context>& context : contexts) {
    if (handle_of(context.get()) == handle) return context.get();
  }
  return nullptr;
}

CUresult Driver::explain(CUresult result, std::string text) {
  diagnosis = std::move(text);
  if (settings.verbose) std::fprintf(stderr, "kiln simulated driver: %s\n", diagnosis.c_str());
  return result;
}

CUresult Driver::fault(kiln_simulated_fault kind, CUresult usual) {
  Fault& fault = faults[kind];
  if (fault.remaining == 0 || --fault.remaining > 0) return CUDA_SUCCESS;
  return fault.result == CUDA_SUCCESS ? usual : fault.result;
}

bool Driver::pinned_contains(std::uintptr_t address, std::size_t bytes) const {
  auto after = pinned.upper_bound(address);
  if (after == pinned.begin()) return false;
  const auto& [begin, size] = *--after;
  return address - begin <= size && bytes <= size - (address - begin);
}

// Everything the context owns goes, as when its last reference is released.
void Driver::destroy(Context& context) {
  for (const std::shared_ptr<Stream>& stream : streams) {
    if (stream->context == &context) {
      stream->queue.clear();
      stream->destroyed = true;
    }
  }
  std::erase_if(streams, [&](const auto& stream) { return stream->context == &context; });
  stream_handles.remove_if([&](const Stream& stream) { return stream.context == &context; });
  event_handles.remove_if([&](const Event& event) { return event.context == &context; });
  function_handles.remove_if([&](const Function& function) { return function.module->context == &context; });
  for (const auto& [handle, module] : module_handles) {
    if (module->context == &context) module->unloaded = true;
  }
  module_handles.remove_if([&](const LoadedModule& module) { return module.context == &context; });
  memory.for_each([&](AddressSpace::Allocation& allocation) {
    if (allocation.device == context.device && allocation.state != AddressSpace::State::freed) {
      memory.free(allocation.begin);
    }
  });
  bytes_in_use[static_cast<std::size_t>(context.device)] = 0;
  context.null_stream = nullptr;
  context.thread_streams.clear();
  context.pool_attributes.clear();
  context.pool_bytes = context.pool_peak = 0;
  context.sticky = CUDA_SUCCESS;
  context.retained = 0;
  ++context.generation;
}

void Driver::reset() {
  for (const std::unique_ptr<Context>& context : contexts) destroy(*context);
  for (const auto& [address, bytes] : pinned) {
    if (registered.count(address) == 0) ::operator delete(reinterpret_cast<void*>(address), std::align_val_t{4096});
  }
  pinned.clear();
  registered.clear();
  settings = Settings::of_environment();
  memory.set_protection(settings.protection);
  faults = {};
  lost.assign(contexts.size(), CUDA_SUCCESS);
  counts = {};
  diagnosis.clear();
  initialized = false;
  ++epoch;
  make_contexts();
}

LoadedModule::~LoadedModule() {
  if (library != nullptr) ::dlclose(library);
  if (!path.empty()) ::unlink(path.c_str());
}

// --- the current context of a thread ---

ContextStack& context_stack(Driver& driver) {
  thread_local ContextStack stack{};
  thread_local std::uint64_t epoch = 0;
  if (epoch != driver.epoch) {
    stack.size = 0;
    epoch = driver.epoch;
  }
  return stack;
}

Context* current_context(Driver& driver) {
  ContextStack& stack = context_stack(driver);
  return stack.empty() ? nullptr : stack.back();
}

// --- calls ---

namespace {

CUresult check(Call::Needs needs, Driver& driver, Context* context) {
  if (needs == Call::Needs::nothing) return CUDA_SUCCESS;
  if (!driver.initialized) return CUDA_ERROR_NOT_INITIALIZED;
  if (needs == Call::Needs::driver) return CUDA_SUCCESS;
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (context->retained == 0) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  const CUresult lost = driver.lost[static_cast<std::size_t>(context->device)];
  return lost != CUDA_SUCCESS ? lost : context->sticky;
}

}  // namespace

thread_local bool inside_host_function = false;

Call::Call(Needs needs) : driver(simulated::driver()), lock(driver.mutex) {
  context = current_context(driver);
  result = inside_host_function ? CUDA_ERROR_NOT_PERMITTED : check(needs, driver, context);
}

}  // namespace kiln::simulated
