// Bodies that attract each other, stepped by leapfrog: functions of arrays that call one another become one program;
// prints the energy, which must stay.
#include <kiln/kiln.h>

#include <cmath>
#include <iostream>
#include <numbers>

using namespace kiln;

namespace nbody {

constexpr double softening = 0.05;  // of the distance, so that close encounters stay finite

// The pull of all others on each body; positions are rows of three numbers.
Array accelerations(Array position, Array mass) {
  Array result = empty_like(position);
  for (Value i : prange(position.shape(0))) {
    Var x = 0.0, y = 0.0, z = 0.0;
    for (Value j : range(position.shape(0))) {
      Value dx = position(j, 0) - position(i, 0), dy = position(j, 1) - position(i, 1),
            dz = position(j, 2) - position(i, 2);
      Value square = dx * dx + dy * dy + dz * dz + softening * softening;
      Value weight = mass(j) / (square * sqrt(square));
      x += weight * dx;
      y += weight * dy;
      z += weight * dz;
    }
    result(i, 0) = x;
    result(i, 1) = y;
    result(i, 2) = z;
  }
  return result;
}

auto leapfrog = jit([](Array position, Array velocity, Array mass, Value seconds, Value steps) {
  for ([[maybe_unused]] Value step : range(steps)) {
    velocity += 0.5 * seconds * accelerations(position, mass);
    position += seconds * velocity;
    velocity += 0.5 * seconds * accelerations(position, mass);
  }
});

auto energy = jit([](Array position, Array velocity, Array mass) {
  Var total = 0.5 * sum(mass * sum(velocity * velocity, {.axis = 1}));
  for (Value i : prange(position.shape(0)))
    for (Value j : range(i)) {
      Value dx = position(j, 0) - position(i, 0), dy = position(j, 1) - position(i, 1),
            dz = position(j, 2) - position(i, 2);
      total += -mass(i) * mass(j) / sqrt(dx * dx + dy * dy + dz * dz + softening * softening);
    }
  return Value(total);
});

}  // namespace nbody

int main() {
  // A disc in the order of a sunflower's seeds, turning about as fast as it must to keep its size.
  const std::int64_t n = 1000;
  const Array seed = arange(n).astype(f64) + 0.5, radius = sqrt(seed / static_cast<double>(n)),
              angle = seed * (std::numbers::pi * (3 - std::sqrt(5.0)));
  const Array position = zeros({n, 3}), velocity = zeros({n, 3}), mass = full({n}, 1.0 / static_cast<double>(n));
  position(_, 0) = radius * cos(angle);
  position(_, 1) = radius * sin(angle);
  velocity(_, 0) = -sqrt(radius) * sin(angle);
  velocity(_, 1) = sqrt(radius) * cos(angle);

  const double before = nbody::energy(position, velocity, mass).as_double();
  std::cout << n << " bodies, energy " << before << ", the first at " << position(0, _) << "\n";
  nbody::leapfrog(position, velocity, mass, 0.002, 500);
  const double after = nbody::energy(position, velocity, mass).as_double();
  std::cout << "after 500 steps    " << after << ", the first at " << position(0, _) << "\n";

  const double drift = std::abs(after / before - 1);
  std::cout << "the energy changed by a part of " << drift << "\n";
  return drift < 1e-4 ? 0 : 1;
}
