// The two functions that the demo shows.
#pragma once

#include <kiln/kiln.h>

namespace demo {

namespace kernels {
using namespace kiln;

/// The tutorial function: a loop, a scalar that it sums up, and a whole-array expression.
inline constexpr auto a_plus_tr_tanh_a = jit([](Array a) {
  Var trace = 0.0;
  for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
  return a + trace;
});

inline constexpr int mandelbrot_most = 200;
inline constexpr auto mandelbrot = jit([](Value xmin, Value xmax, Value ymin, Value ymax, Array image) {
  for (auto [row, col] : prange(image.shape(0), image.shape(1))) {
    Value cr = xmin + (xmax - xmin) * col / image.shape(1);
    Value ci = ymin + (ymax - ymin) * row / image.shape(0);
    Var zr = 0.0, zi = 0.0, n = 0;
    while_([&] { return zr * zr + zi * zi < 4.0 && n < mandelbrot_most; },
           [&] {
             Value t = zr * zr - zi * zi + cr;
             zi = 2.0 * zr * zi + ci;
             zr = t;
             n += 1;
           });
    image(row, col) = n;
  }
});

}  // namespace kernels

}  // namespace demo
