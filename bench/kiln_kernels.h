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

inline const auto copy = kiln::jit([](kiln::Array b) { return b.copy(); });
inline const auto triad = kiln::jit([](kiln::Array b, kiln::Array c, kiln::Value s) { return b + s * c; });
inline const auto sum = kiln::jit([](kiln::Array x) { return kiln::sum(x); });
inline const auto dot = kiln::jit([](kiln::Array x, kiln::Array y) { return kiln::dot(x, y); });
inline const auto sum_axis0 = kiln::jit([](kiln::Array x) { return kiln::sum(x, {.axis = 0}); });
inline const auto sum_axis1 = kiln::jit([](kiln::Array x) { return kiln::sum(x, {.axis = 1}); });
inline const auto call_4 =
    kiln::jit([](kiln::Array x, kiln::Array y, kiln::Array z, kiln::Array w) { return x + y + z + w; });
inline const auto accelerations =
    kiln::jit([](kiln::Array x, kiln::Array y, kiln::Array z, kiln::Array mass, kiln::Value softening) {
      using kiln::Value;
      kiln::Array ax = empty_like(x), ay = empty_like(x), az = empty_like(x);
      for (Value i : kiln::prange(x.size())) {
        kiln::Var sx = 0.0, sy = 0.0, sz = 0.0;
        for (Value j : kiln::range(x.size())) {
          Value dx = x(j) - x(i), dy = y(j) - y(i), dz = z(j) - z(i);
          Value inverse = 1 / sqrt(dx * dx + dy * dy + dz * dz + softening);
          Value weight = mass(j) * (inverse * inverse * inverse);
          sx += dx * weight;
          sy += dy * weight;
          sz += dz * weight;
        }
        ax(i) = sx;
        ay(i) = sy;
        az(i) = sz;
      }
      return std::tuple(ax, ay, az);
    });

}  // namespace bench::kernels
