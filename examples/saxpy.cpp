// y += alpha x: one loop over memory, on as many threads as pay off.
#include <kiln/kiln.h>

#include <chrono>
#include <iostream>

using namespace kiln;

namespace saxpy {

auto saxpy = jit([](Value alpha, Array x, Array y) { y += alpha * x; });

}  // namespace saxpy

int main() {
  using Clock = std::chrono::steady_clock;
  for (const std::int64_t n : {1'000, 1'000'000, 20'000'000}) {
    const Array x = arange(n).astype(f32), y = ones({n}, f32);
    saxpy::saxpy(2.0, x, y);  // compiles, once for all sizes
    const int calls = n > 1'000'000 ? 20 : 200;
    const auto begin = Clock::now();
    for (int k = 0; k < calls; ++k) saxpy::saxpy(0.5, x, y);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count() / calls;
    const LastCall call = last_call();

    std::cout << n << " numbers: " << seconds * 1e6 << " us, " << 12e-9 * static_cast<double>(n) / seconds
              << " GB/s on " << call.threads << " thread(s), because " << call.threads_reason << "\n";
    const double expected = 1 + (2 + 0.5 * calls) * 3;  // small enough to be exact in f32
    if (y(3).as_double() != expected) {
      std::cout << "y(3) is " << y(3) << " and not " << expected << "\n";
      return 1;
    }
  }
}
