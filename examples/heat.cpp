// Heat that spreads in a plate with cold edges: a time loop that swaps two arrays; writes heat.png.
#include "picture.h"

#include <kiln/kiln.h>

#include <cmath>
#include <iostream>
#include <numbers>

using namespace kiln;

namespace heat {

// Every step moves each temperature towards the mean of its four neighbours; stable up to a rate of 1/4.
auto spread = jit([](Array start, Value rate, Value steps) {
  Array now = start.copy(), next = start.copy();
  for ([[maybe_unused]] Value step : range(steps)) {
    for (auto [i, j] : prange(range(1, now.shape(0) - 1), range(1, now.shape(1) - 1))) {
      Value here = now(i, j);
      next(i, j) = here + rate * (now(i - 1, j) + now(i + 1, j) + now(i, j - 1) + now(i, j + 1) - 4.0 * here);
    }
    kiln::swap(now, next);
  }
  return now;
});

}  // namespace heat

int main() {
  constexpr int side = 400, steps = 2000;
  constexpr double rate = 0.2;

  // Three hot bodies.
  const Array plate = zeros({side, side}, f32);
  plate(slice(60, 140), slice(60, 340)) = 1;
  plate(slice(220, 330), slice(70, 130)) = 0.8;
  plate(slice(240, 300), slice(240, 320)) = 1;
  const Array later = heat::spread(plate, rate, steps);
  std::cout << "hottest " << max(plate) << " at first, " << max(later) << " after " << steps << " steps on "
            << last_call().threads << " thread(s)\n";

  std::vector<std::uint8_t> pixels;
  for (const float t : later.read<float>()) examples::append_colour(pixels, std::sqrt(t));
  examples::write_png("heat.png", side, side, pixels);
  std::cout << "written: heat.png\n";

  // One arch of a sine in each direction keeps its form and shrinks by the same factor in every step.
  const Array x = sin(linspace(0.0, std::numbers::pi, side));
  const Array arch = x.reshape({side, 1}) * x;
  const double half = std::sin(std::numbers::pi / (2 * (side - 1)));
  const double factor = std::pow(1 - 8 * rate * half * half, steps);
  const double error = max(abs(heat::spread(arch, rate, steps) - factor * arch)).as_double();
  std::cout << "an arch of a sine shrinks to " << factor << ", to within " << error << "\n";
  return error < 1e-12 ? 0 : 1;
}
