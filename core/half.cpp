// f16 and bf16 bits to and from float and double, rounding to nearest even.
#include "core/host_ops.h"

#include <bit>

namespace kiln {
namespace {

// A double as a float whose last bit says whether anything was lost (rounding to odd): rounding that again to a format
// two or more bits shorter gives what rounding the double at once would.
float round_to_odd(double x) {
  const float near = static_cast<float>(x);
  const double back = near;
  if (back == x || x != x) return near;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(near);
  const double magnitude = x < 0 ? -x : x;
  const double near_magnitude = x < 0 ? -back : back;
  if (near_magnitude > magnitude) --bits;  // towards zero; an infinity becomes the largest float
  return std::bit_cast<float>(bits | 1);
}

}  // namespace

float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1f;
  const std::uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

std::uint16_t float_to_f16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);  // 65520 and more round to infinity
  if (magnitude < 0x38800000) {
    // Below the smallest normal f16 the distance of neighbours is 2^-24; adding 0.5 leaves just those bits, rounded.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000));
  }
  const std::uint32_t odd = magnitude >> 13 & 1;
  return static_cast<std::uint16_t>(sign | (magnitude - (112u << 23) + 0xfff + odd) >> 13);
}

std::uint16_t double_to_f16(double x) { return float_to_f16(round_to_odd(x)); }

float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

std::uint16_t float_to_bf16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

std::uint16_t double_to_bf16(double x) { return float_to_bf16(round_to_odd(x)); }

}  // namespace kiln
