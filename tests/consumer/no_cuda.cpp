// A user's program against a Kiln that was built without the GPU's backend: it says so, and the CPU computes.
#include <kiln/kiln.h>

#include <cstdio>
#include <string>

using namespace kiln;

static const std::string absent = "this Kiln was built without CUDA; build it where the CUDA toolkit's headers are";

static bool only_the_cpu_is_there() {
  return devices().size() == 1 && !cuda().available() && cuda().memory_bytes() == 0 &&
         std::string(cuda().description().c_str()) == absent;
}

template <class Action>
static bool is_refused(const Action& action) {
  try {
    action();
  } catch (const RuntimeError& e) {
    const std::string what = e.what();
    if (e.line() != 0 && what.ends_with("cuda:0 is not there: " + absent)) return true;
    std::fprintf(stderr, "%s\n", e.what());
  }
  return false;
}

int main() {
  const auto twice = jit([](Array a) { return a + a; });
  const Array a = arange(1000);
  bool passed = only_the_cpu_is_there();
  passed = is_refused([&] { twice.on(cuda())(a); }) && passed;
  passed = is_refused([&] { prefetch(a, cuda()); }) && passed;
  passed = array_equal(twice(a), 2 * a).as_bool() && passed;
  passed = array_equal(twice.on(cpu())(a), arange(0, 2000, 2)).as_bool() && passed;
  std::printf("kiln %s without CUDA: %s\n", version(), passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}
