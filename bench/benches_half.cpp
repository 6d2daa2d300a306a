// chain6 on f16 and bf16: six operations, each rounded, so that there is one right result.
#include <bit>
#include <cstdint>

#include "bench/prepare.h"

namespace bench {
namespace {

// A format of 16 bits by its digits, the hidden one not counted. Only normal positive numbers occur here.
struct Format {
  const char* dtype;
  int digits;
  int bias;

  int shift() const { return 23 - digits; }  // between the digits of an f32 and these
};
constexpr Format f16 = {"f16", 10, 15}, bf16 = {"bf16", 7, 127};

// To the nearest number of the format, ties to even.
float rounded(float x, Format format) {
  const std::uint32_t unit = std::uint32_t{1} << format.shift();
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  bits += unit / 2 - 1 + (bits / unit & 1);
  return std::bit_cast<float>(bits & ~(unit - 1));
}

// Exponent and digits are as those of an f32, the exponent counted from elsewhere and the last digits missing.
float number_of(std::uint16_t bits, Format format) {
  return std::bit_cast<float>((std::uint32_t{bits} << format.shift()) + (std::uint32_t(127 - format.bias) << 23));
}
std::uint16_t bits_of(float x, Format format) {
  return std::uint16_t((std::bit_cast<std::uint32_t>(x) - (std::uint32_t(127 - format.bias) << 23)) >> format.shift());
}

// Numbers in [1, 2): their fractions are random.
const std::uint16_t* random_halves(Work& work, Format format, std::uint64_t seed) {
  std::uint16_t* values = work.add_input(format.dtype, work.n()).as<std::uint16_t>();
  on_all_cores(work.n(), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::uint64_t mixed = (std::uint64_t(i) + seed * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
      mixed = (mixed ^ (mixed >> 31)) * 0x94d049bb133111ebu;
      values[i] = std::uint16_t((format.bias << format.digits) | int(mixed >> (64 - format.digits)));
    }
  });
  return values;
}

void prepare_chain6_half(Work& work, Format format) {
  const std::int64_t n = work.n();
  const std::uint16_t* inputs[4];
  for (int k = 0; k < 4; ++k) inputs[k] = random_halves(work, format, std::uint64_t(k + 1));
  std::uint16_t* reference = work.add_reference(format.dtype, n).as<std::uint16_t>();
  on_all_cores(n, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float a = number_of(inputs[0][i], format), b = number_of(inputs[1][i], format),
                  c = number_of(inputs[2][i], format), d = number_of(inputs[3][i], format);
      const float sum = rounded(a + b, format), product = rounded(sum * c, format);
      const float left = rounded(rounded(product - d, format) * a, format), right = rounded(b * d, format);
      reference[i] = bits_of(rounded(left + right, format), format);
    }
  });
  work.add_output(format.dtype, n);
  add_natives(work, "chain6", false);
}

}  // namespace

void add_half_benches(Suite& suite, bool quick) {
  for (const Format format : {f16, bf16})
    suite.add_bench({"chain6",
                     format.dtype,
                     quick ? 10'000'000 : 100'000'000,
                     [format](Work& work) { prepare_chain6_half(work, format); },
                     {{ratio, "kiln", "native", 1.15, 0}},
                     false,
                     ""});
}

}  // namespace bench
