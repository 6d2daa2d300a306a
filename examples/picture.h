// Pictures for the examples: colours for numbers, and PNG files.
#pragma once

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// Red, green and blue of t = 0 … 1: from night blue over violet and pink to white.
inline void append_colour(std::vector<std::uint8_t>& pixels, double t) {
  const double channels[] = {std::min(1.0, 1.8 * t), t * t,
                             std::min(1.0, 0.25 + 0.6 * std::sin(3.1 * t) * (1 - t) + t * t * t)};
  for (const double c : channels) pixels.push_back(static_cast<std::uint8_t>(255 * std::clamp(c, 0.0, 1.0)));
}

/// Iteration counts as colours; what reached `most` is black.
inline std::vector<std::uint8_t> colours(std::span<const std::int32_t> counts, int most) {
  std::vector<std::uint8_t> pixels;
  pixels.reserve(counts.size() * 3);
  for (const std::int32_t n : counts) {
    if (n < most)
      append_colour(pixels, std::sqrt(n / static_cast<double>(most)));
    else
      pixels.insert(pixels.end(), 3, 0);
  }
  return pixels;
}

/// Width × height pixels of three bytes each.
struct Picture {
  std::uint32_t width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};

inline Picture read_png(const std::string& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, path.c_str()))
    throw std::runtime_error("cannot read " + path + ": " + image.message);
  image.format = PNG_FORMAT_RGB;
  Picture picture{image.width, image.height, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(image))};
  const png_color black{};  // behind what is transparent
  if (!png_image_finish_read(&image, &black, picture.pixels.data(), 0, nullptr))
    throw std::runtime_error("cannot read " + path + ": " + image.message);
  return picture;
}

/// Writes width × height pixels of three bytes each.
inline void write_png(const std::string& path, std::uint32_t width, std::uint32_t height,
                      const std::vector<std::uint8_t>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  if (!png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr))
    throw std::runtime_error("cannot write " + path + ": " + image.message);
}

}  // namespace examples
