// What a call on a GPU costs the host, without what the driver takes for it: warm calls on a driver that does nothing,
// their time and how often they ask it something. Needs NVRTC, and no GPU.
#include <kiln/kiln.h>

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using kiln::Array;
using Clock = std::chrono::steady_clock;

const auto call_4 = kiln::jit([](Array a, Array b, Array c, Array d) { return a + b + c + d; });
const auto call_4_into = kiln::jit([](Array a, Array b, Array c, Array out) { out(kiln::rest) = a + b + c; });

template <class F>
void measure(const char* name, std::size_t (*driver_calls)(), F&& call) {
  constexpr int batches = 2000, calls = 200;
  call();
  const std::size_t before = driver_calls();
  std::vector<double> each;
  for (int k = 0; k < batches; ++k) {
    const Clock::time_point begin = Clock::now();
    for (int n = 0; n < calls; ++n) call();
    each.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / calls);
  }
  std::sort(each.begin(), each.end());
  std::printf("%-12s %8.0f ns, the median %8.0f; %.2f calls of the driver\n", name, each[0], each[each.size() / 2],
              double(driver_calls() - before) / (batches * calls));
}

}  // namespace

int main() {
  setenv("KILN_CUDA_DRIVER", KILN_IDLE_DRIVER, 1);
  setenv("KILN_DISK_CACHE", "0", 1);
  void* const driver = dlopen(KILN_IDLE_DRIVER, RTLD_NOW | RTLD_LOCAL);
  auto* const driver_calls = driver ? reinterpret_cast<std::size_t (*)()>(dlsym(driver, "kiln_idle_calls")) : nullptr;
  if (!driver_calls) {
    std::fprintf(stderr, "kiln-call-cost: %s\n", dlerror());
    return 1;
  }
  if (!kiln::cuda().available()) {
    std::fprintf(stderr, "kiln-call-cost: %s\n", kiln::cuda().description().c_str());
    return 1;
  }
  std::vector<Array> v;
  for (int k = 0; k < 4; ++k) v.push_back(kiln::ones({32}, kiln::f32));
  measure("call_4", driver_calls, [&, f = call_4.on(kiln::cuda())] { f(v[0], v[1], v[2], v[3]); });
  measure("call_4_into", driver_calls, [&, f = call_4_into.on(kiln::cuda())] { f(v[0], v[1], v[2], v[3]); });
  return 0;
}
