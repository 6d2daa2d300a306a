// The Mandelbrot set: a parallel loop nest with a while inside, each pixel a SIMD lane; writes mandelbrot.png.
#include "picture.h"

#include <kiln/kiln.h>

#include <iostream>

using namespace kiln;

namespace mandelbrot {

constexpr int most = 200;

auto mandelbrot = jit([](Value xmin, Value xmax, Value ymin, Value ymax, Array image) {
  for (auto [row, col] : prange(image.shape(0), image.shape(1))) {
    Value cr = xmin + (xmax - xmin) * col / image.shape(1);
    Value ci = ymin + (ymax - ymin) * row / image.shape(0);
    Var zr = 0.0, zi = 0.0, n = 0;
    while_([&] { return zr * zr + zi * zi < 4.0 && n < most; },
           [&] {
             Value t = zr * zr - zi * zi + cr;
             zi = 2.0 * zr * zi + ci;
             zr = t;
             n += 1;
           });
    image(row, col) = n;
  }
});

}  // namespace mandelbrot

int main() {
  constexpr int width = 1200, height = 800;
  const Array image = empty({height, width}, i32);
  mandelbrot::mandelbrot(-2.2, 0.8, -1.0, 1.0, image);

  const LastCall call = last_call();
  std::cout << "on " << call.threads << " threads with vectors of " << call.vector_bits << " bits\n";
  std::cout << "iterations along the real axis: " << image(height / 2, slice(_, _, 100)) << "\n";
  examples::write_png("mandelbrot.png", width, height, examples::colours(image.read<std::int32_t>(), mandelbrot::most));
  std::cout << "written: mandelbrot.png\n";
  return image(height / 2, width / 2).as_integer() == mandelbrot::most ? 0 : 1;  // -0.7 is inside
}
