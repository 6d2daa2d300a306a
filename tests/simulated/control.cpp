// The tests' control of the simulated driver.
#pragma GCC visibility push(default)
#include "tests/simulated/control.h"
#pragma GCC visibility pop

#include "tests/simulated/driver.h"

using namespace kiln::simulated;

extern "C" {

void kiln_simulated_reset() {
  const Lock lock(driver().mutex);
  driver().reset();
}

void kiln_simulated_reset_counts() {
  const Lock lock(driver().mutex);
  kiln_simulated_counts kept{};
  kept.live_allocations = driver().counts.live_allocations;
  kept.live_bytes = driver().counts.live_bytes;
  kept.peak_bytes = kept.live_bytes;
  kept.live_host_allocations = driver().counts.live_host_allocations;
  driver().counts = kept;
}

void kiln_simulated_get_counts(kiln_simulated_counts* counts) {
  const Lock lock(driver().mutex);
  *counts = driver().counts;
  counts->live_streams = driver().stream_handles.size();
  counts->live_events = driver().event_handles.size();
  counts->live_modules = driver().module_handles.size();
  for (const std::shared_ptr<Stream>& stream : driver().streams) counts->queued += stream->queue.size();
}

void kiln_simulated_fail(kiln_simulated_fault fault, unsigned long long kth, int result) {
  const Lock lock(driver().mutex);
  driver().faults[fault] = {kth, static_cast<CUresult>(result)};
}

void kiln_simulated_lose_device(int device, int result) {
  const Lock lock(driver().mutex);
  const auto ordinal = static_cast<std::size_t>(device);
  if (ordinal < driver().lost.size()) driver().lost[ordinal] = static_cast<CUresult>(result);
}

void kiln_simulated_set_devices(int count) {
  const Lock lock(driver().mutex);
  driver().settings.devices = count;
  driver().make_contexts();
}

void kiln_simulated_set_driver_version(int version) {
  const Lock lock(driver().mutex);
  driver().settings.driver_version = version;
}

void kiln_simulated_set_pools(int supported) {
  const Lock lock(driver().mutex);
  driver().settings.pools = supported != 0;
}

void kiln_simulated_set_capturing(void* stream) {
  const Lock lock(driver().mutex);
  driver().settings.captures = static_cast<CUstream>(stream);
}

void kiln_simulated_set_compute_capability(int major, int minor) {
  const Lock lock(driver().mutex);
  driver().settings.major = major;
  driver().settings.minor = minor;
}

void kiln_simulated_set_init_result(int result) {
  const Lock lock(driver().mutex);
  driver().settings.init_result = static_cast<CUresult>(result);
}

void kiln_simulated_set_memory(size_t bytes) {
  const Lock lock(driver().mutex);
  driver().settings.memory = bytes;
}

void kiln_simulated_set_order(kiln_simulated_order order) {
  const Lock lock(driver().mutex);
  driver().settings.order = order == kiln_simulated_order_reverse ? Order::reverse : Order::forward;
}

void kiln_simulated_set_streams(kiln_simulated_streams streams) {
  const Lock lock(driver().mutex);
  driver().settings.eager = streams == kiln_simulated_streams_eager;
}

void kiln_simulated_set_protection(int on) {
  const Lock lock(driver().mutex);
  driver().settings.protection = on != 0;
  driver().memory.set_protection(on != 0);
}

// The text stays until the next failure.
const char* kiln_simulated_diagnosis() {
  const Lock lock(driver().mutex);
  return driver().diagnosis.c_str();
}

}  // extern "C"
