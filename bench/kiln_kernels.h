// The functions that several parts of the benchmark use, and the test of their memory; written as a user would.
#pragma once

#include <numbers>
#include <tuple>

#include <kiln/kiln.h>

namespace bench::kernels {

inline kiln::Value normal_cdf(kiln::Value x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }

inline std::tuple<kiln::Array, kiln::Array> black_scholes_of(kiln::Array spot, kiln::Array strike, kiln::Array years,
                                                             kiln::Value rate, kiln::Value volatility) {
  using kiln::Value;
  kiln::Array call = empty_like(spot), put = empty_like(spot);
  for (Value i : kiln::prange(spot.size())) {
    Value root = sqrt(years(i));
    Value d1 = (log(spot(i) / strike(i)) + (rate + volatility * volatility / 2) * years(i)) / (volatility * root);
    Value d2 = d1 - volatility * root;
    Value discounted = strike(i) * exp(-rate * years(i));
    call(i) = spot(i) * normal_cdf(d1) - discounted * normal_cdf(d2);
    put(i) = discounted * normal_cdf(-d2) - spot(i) * normal_cdf(-d1);
  }
  return {call, put};
}

inline void mandelbrot_into(kiln::Value xmin, kiln::Value xmax, kiln::Value ymin, kiln::Value ymax, kiln::Array image) {
  using kiln::Value;
  using kiln::Var;
  for (auto [row, col] : kiln::prange(image.shape(0), image.shape(1))) {
    Value cr = xmin + (xmax - xmin) * col / image.shape(1);
    Value ci = ymin + (ymax - ymin) * row / image.shape(0);
    Var zr = 0.0, zi = 0.0, n = 0;
    kiln::while_([&] { return zr * zr + zi * zi < 4.0 && n < 200; },
                 [&] {
                   Value t = zr * zr - zi * zi + cr;
                   zi = 2.0 * zr * zi + ci;
                   zr = t;
                   n += 1;
                 });
    image(row, col) = n;
  }
}

constexpr auto black_scholes = kiln::jit<black_scholes_of>();
constexpr auto mandelbrot = kiln::jit<mandelbrot_into>();
inline const auto tutorial = kiln::jit([](kiln::Array a) {
  kiln::Var trace = 0.0;
  for (kiln::Value i : kiln::range(a.shape(0))) trace += tanh(a(i, i));
  return a + trace;
});
inline const auto add = kiln::jit([](kiln::Array a, kiln::Array b) { return a + b; });
inline const auto chain6 =
    kiln::jit([](kiln::Array a, kiln::Array b, kiln::Array c, kiln::Array d) { return ((a + b) * c - d) * a + b * d; });

}  // namespace bench::kernels
