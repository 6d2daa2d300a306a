// Filters for a picture: 3 x 3 weights are plain C++ numbers, known when the function is traced.
// image_filter PICTURE.png writes blurred.png and edges.png.
#include "picture.h"

#include <kiln/kiln.h>

#include <cmath>
#include <exception>
#include <iostream>

using namespace kiln;

namespace filter {

using Weights = double[3][3];
constexpr Weights blur = {{1, 2, 1}, {2, 4, 2}, {1, 2, 1}};
constexpr Weights across = {{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}, down = {{-1, -2, -1}, {0, 0, 0}, {1, 2, 1}};

// The weighted sum around a pixel; beyond the border the nearest pixel counts.
Value around(const Array& image, const Weights& weights, Value row, Value column, Value channel) {
  Var sum = 0.0f;
  for (const int i : {-1, 0, 1})
    for (const int j : {-1, 0, 1})
      if (weights[i + 1][j + 1] != 0)
        sum += weights[i + 1][j + 1] *
               f32(image(clip(row + i, 0, image.shape(0) - 1), clip(column + j, 0, image.shape(1) - 1), channel));
  return sum;
}

auto blurred = jit([](Array image) {
  Array out = empty_like(image);
  for (auto [row, column, channel] : prange(image.shape(0), image.shape(1), image.shape(2)))
    out(row, column, channel) = u8(rint(around(image, blur, row, column, channel) / 16.0));
  return out;
});

auto edges = jit([](Array image) {
  Array out = empty_like(image);
  for (auto [row, column, channel] : prange(image.shape(0), image.shape(1), image.shape(2))) {
    Value x = around(image, across, row, column, channel), y = around(image, down, row, column, channel);
    out(row, column, channel) = u8(minimum(hypot(x, y), 255.0));
  }
  return out;
});

}  // namespace filter

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: image_filter PICTURE.png\n";
    return 2;
  }
  try {
    const examples::Picture picture = examples::read_png(argv[1]);
    const Array image = array(picture.pixels).reshape({picture.height, picture.width, 3});
    const auto write = [&](const char* path, const Array& filtered) {
      const auto pixels = filtered.read<std::uint8_t>();
      examples::write_png(path, picture.width, picture.height, {pixels.begin(), pixels.end()});
      std::cout << "written: " << path << ", mean " << mean(filtered) << "\n";
    };
    std::cout << argv[1] << ": " << picture.width << " x " << picture.height << ", mean " << mean(image) << "\n";
    const Array soft = filter::blurred(image);
    write("blurred.png", soft);
    write("edges.png", filter::edges(image));
    // Blurring moves light around and makes none.
    return std::abs(mean(soft).as_double() - mean(image).as_double()) < 0.5 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "image_filter: " << error.what() << "\n";
    return 1;
  }
}
