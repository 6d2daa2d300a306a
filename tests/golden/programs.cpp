// The Programs that are compared with committed texts: the functions of the tutorial and the examples, and one for each
// thing the passes do. Operands are named one by one where C++ leaves the order of their evaluation open.
#include "tests/golden/programs.h"

#include "tests/support/prepared.h"

#include <kiln/kiln.h>

#include <numbers>
#include <tuple>

namespace kiln::test {

namespace {

const auto tutorial = jit([](Array a) {
  Var trace = 0.0;
  for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
  return a + trace;
});

const auto mandelbrot = jit([](Value xmin, Value xmax, Value ymin, Value ymax, Array image) {
  for (auto [row, col] : prange(image.shape(0), image.shape(1))) {
    Value width = (xmax - xmin) * col;
    Value cr = xmin + width / image.shape(1);
    Value height = (ymax - ymin) * row;
    Value ci = ymin + height / image.shape(0);
    Var zr = 0.0, zi = 0.0, n = 0;
    while_(
        [&] {
          Value r = zr;
          Value i = zi;
          Value inside = r * r + i * i < 4.0;
          return inside && n < 200;
        },
        [&] {
          Value r = zr;
          Value i = zi;
          zi = 2.0 * r * i + ci;
          zr = r * r - i * i + cr;
          n += 1;
        });
    image(row, col) = n;
  }
});

Value normal_cdf(Value x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }

const auto black_scholes = jit([](Array spot, Array strike, Array years, Value rate, Value volatility) {
  Array call = empty_like(spot);
  Array put = empty_like(spot);
  for (Value i : prange(spot.size())) {
    Value s = spot(i);
    Value k = strike(i);
    Value t = years(i);
    Value deviation = volatility * sqrt(t);
    Value drift = rate + volatility * volatility / 2.0;
    Value logarithm = log(s / k);
    Value d1 = (logarithm + drift * t) / deviation;
    Value d2 = d1 - deviation;
    Value discounted = k * exp(-rate * t);
    Value gain = s * normal_cdf(d1);
    Value cost = discounted * normal_cdf(d2);
    call(i) = gain - cost;
    Value kept = discounted * normal_cdf(-d2);
    Value given = s * normal_cdf(-d1);
    put(i) = kept - given;
  }
  return std::tuple(call, put);
});

// Shape checks stand between these expressions; all the same they become one loop without temporaries.
Array normal_cdf_of_all(Array x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }

const auto black_scholes_arrays = jit([](Array spot, Array strike, Array years, Value rate, Value volatility) {
  Array deviation = volatility * sqrt(years);
  Array drift = (rate + volatility * volatility / 2.0) * years;
  Array logarithm = log(spot / strike);
  Array d1 = (logarithm + drift) / deviation;
  Array d2 = d1 - deviation;
  Array discounted = strike * exp(-rate * years);
  Array gain = spot * normal_cdf_of_all(d1);
  Array cost = discounted * normal_cdf_of_all(d2);
  Array call = gain - cost;
  Array kept = discounted * normal_cdf_of_all(-d2);
  Array given = spot * normal_cdf_of_all(-d1);
  Array put = kept - given;
  return std::tuple(call, put);
});

const auto softmax = jit([](Array x) {
  Array top = max(x, {.axis = 1, .keepdims = true});
  Array e = exp(x - top);
  Array total = sum(e, {.axis = 1, .keepdims = true});
  Array r = e / total;
  return r;
});

const auto jacobi = jit([](Array u, Value steps) {
  Array v = u.copy();
  Array w = u.copy();
  for ([[maybe_unused]] Value k : range(steps)) {
    Array left = v(slice(1, -1), slice(_, -2));
    Array right = v(slice(1, -1), slice(2, _));
    Array sides = left + right;
    Array up = v(slice(_, -2), slice(1, -1));
    Array down = v(slice(2, _), slice(1, -1));
    Array ends = up + down;
    w(slice(1, -1), slice(1, -1)) = 0.25 * (sides + ends);
    swap(v, w);
  }
  return v;
});

const auto chain6 = jit([](Array x, Array y) {
  Array a = x + y;
  Array b = a * x;
  Array c = b - y;
  Array d = c * 0.5;
  Array e = d + a;
  return e * e;
});

const auto histogram = jit([](Array x, Array counts) {
  for (Value i : prange(x.shape(0))) {
    Value bin = clip(i64(x(i) * 10.0), 0, counts.shape(0) - 1);
    counts(bin) += 1;
  }
});

const auto sums = jit([](Array x) {
  Array rows = sum(x, {.axis = 1});
  Array columns = sum(x, {.axis = 0});
  Array outer = sum(x, {.axis = {0, 2}});
  Value all = sum(x);
  return std::tuple(rows, columns, outer, all);
});

const auto in_place = jit([](Array a) {
  a(slice(1, _)) = a(slice(_, -1)) + 1.0;
  for (Value i : range(1, a.shape(0))) a(i) += a(i - 1);
});

const auto trace_of_tanh = jit([](Array a) { return a + trace(tanh(a)); });

template <class F, class... A>
Printed printed(const F& f, const A&... arguments) {
  const auto variant = prepared(f, {}, arguments...);
  return {ir::print(variant->traced), ir::print(variant->scheduled)};
}

}  // namespace

std::vector<GoldenProgram> golden_programs() {
  return {
      {"tutorial", [] { return printed(tutorial, ones({4, 4}, f32)); }},
      {"mandelbrot", [] { return printed(mandelbrot, -2.0, 0.5, -1.0, 1.0, empty({3, 4}, i32)); }},
      {"black_scholes", [] { return printed(black_scholes, ones({5}), ones({5}), ones({5}), 0.02, 0.3); }},
      {"black_scholes_arrays",
       [] { return printed(black_scholes_arrays, ones({5}), ones({5}), ones({5}), 0.02, 0.3); }},
      {"softmax", [] { return printed(softmax, ones({3, 5}, f32)); }},
      {"jacobi", [] { return printed(jacobi, ones({6, 5}), 2); }},
      {"chain6", [] { return printed(chain6, ones({7}), ones({7})); }},
      {"histogram", [] { return printed(histogram, linspace(0.0, 1.0, 9), zeros({10}, i64)); }},
      {"sums", [] { return printed(sums, ones({2, 3, 4})); }},
      {"trace_of_tanh", [] { return printed(trace_of_tanh, ones({4, 4})); }},
      {"in_place", [] { return printed(in_place, ones({8})); }},
  };
}

}  // namespace kiln::test
