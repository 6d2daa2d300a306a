// Array programs: slices, overlap, aliasing, swaps, broadcasting, functions of functions; in every way against plain
// C++.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

Integers counted(std::int64_t n) {
  Integers out;
  for (std::int64_t k = 0; k < n; ++k) out.push_back(k * k % 97 + k);
  return out;
}

constexpr std::int64_t lengths[] = {2, 3, 9, 64, 65, 200, 5000};

// ---- Slices on the left, overlap ------------------------------------------------------------------------------------

TEST(Arrays, OverlapBehavesAsThroughATemporary) {
  static const auto forward = jit([](Array a) { a(slice(1, _)) = a(slice(0, -1)); });
  static const auto backward = jit([](Array a) { a(slice(0, -1)) = a(slice(1, _)); });
  static const auto reverse = jit([](Array a) { a(rest) = a(slice(_, _, -1)); });
  static const auto add_forward = jit([](Array a) { a(slice(1, _)) += a(slice(0, -1)); });
  static const auto add_backward = jit([](Array a) { a(slice(0, -1)) += 2 * a(slice(1, _)); });
  static const auto every_other =
      jit([](Array a) { a(slice(0, floordiv(a.size(), 2))) = a(slice(0, 2 * floordiv(a.size(), 2), 2)); });
  for (const std::int64_t n : lengths) {
    SCOPED_TRACE(n);
    const Integers a = counted(n);
    const auto run = [&](const auto& function) {
      return numbers<std::int64_t>(everywhere(function, [&](const auto& f) {
        Array x = array(a);
        f(x);
        return results(x);
      })[0]);
    };
    const auto at = [&](std::int64_t k) { return a[static_cast<std::size_t>(k)]; };
    const auto made = [&](auto&& element) {
      Integers out;
      for (std::int64_t k = 0; k < n; ++k) out.push_back(element(k));
      return out;
    };
    EXPECT_EQ(run(forward), made([&](std::int64_t k) { return k > 0 ? at(k - 1) : at(0); }));
    EXPECT_EQ(run(backward), made([&](std::int64_t k) { return k < n - 1 ? at(k + 1) : at(k); }));
    EXPECT_EQ(run(reverse), made([&](std::int64_t k) { return at(n - 1 - k); }));
    EXPECT_EQ(run(add_forward), made([&](std::int64_t k) { return at(k) + (k > 0 ? at(k - 1) : 0); }));
    EXPECT_EQ(run(add_backward), made([&](std::int64_t k) { return at(k) + (k < n - 1 ? 2 * at(k + 1) : 0); }));
    EXPECT_EQ(run(every_other), made([&](std::int64_t k) { return k < n / 2 ? at(2 * k) : at(k); }));
    // The same statements outside a trace.
    Array eager = array(a);
    eager(slice(1, _)) += eager(slice(0, -1));
    EXPECT_EQ(numbers<std::int64_t>(eager), run(add_forward));
    eager = array(a);
    eager(rest) = eager(slice(_, _, -1));
    EXPECT_EQ(numbers<std::int64_t>(eager), run(reverse));
  }
}

TEST(Arrays, TransposedIntoItself) {
  static const auto flip = jit([](Array a) { a(rest) = a.T() + a; });
  static const auto triangle = jit([](Array a) { a(_, 0) = a(0, _); });
  const Integers a = counted(49);
  auto r = everywhere(flip, [&](const auto& f) {
    Array x = array_from(a, {7, 7});
    f(x);
    return results(x);
  });
  const auto x = numbers<std::int64_t>(r[0]);
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j < 7; ++j) EXPECT_EQ(x[i * 7 + j], a[i * 7 + j] + a[j * 7 + i]);
  r = everywhere(triangle, [&](const auto& f) {
    Array y = array_from(a, {7, 7});
    f(y);
    return results(y);
  });
  const auto y = numbers<std::int64_t>(r[0]);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(y[i * 7], a[i]);
}

TEST(Arrays, InnerSlicesOfAMatrix) {
  static const auto program = jit([](Array a, Array b) {
    a(slice(1, -1), slice(1, -1)) = b(slice(0, -2), slice(1, -1)) + b(slice(2, _), slice(1, -1)) +
                                    b(slice(1, -1), slice(0, -2)) + b(slice(1, -1), slice(2, _));
    a(0, _) += 5;
    a(slice(_, _, 2), -1) *= 2;
    a(-1, slice(_, _, -1)) -= b(0, _);
    a(_, newaxis, 1)(rest) = 7;
    a(slice(2, 4), _) %= 10;
  });
  constexpr std::int64_t h = 11, w = 17;
  const Integers a = counted(h * w), b = numbers<std::int64_t>(hashed_array(h * w, i64, 1) % 1000);
  const auto r = everywhere(program, [&](const auto& f) {
    Array x = array_from(a, {h, w});
    f(x, array_from(b, {h, w}));
    return results(x);
  });
  Integers x = a;
  const auto at = [](std::int64_t i, std::int64_t j) { return static_cast<std::size_t>(i * w + j); };
  for (std::int64_t i = 1; i < h - 1; ++i)
    for (std::int64_t j = 1; j < w - 1; ++j)
      x[at(i, j)] = b[at(i - 1, j)] + b[at(i + 1, j)] + b[at(i, j - 1)] + b[at(i, j + 1)];
  for (std::int64_t j = 0; j < w; ++j) x[at(0, j)] += 5;
  for (std::int64_t i = 0; i < h; i += 2) x[at(i, w - 1)] *= 2;
  for (std::int64_t j = 0; j < w; ++j) x[at(h - 1, w - 1 - j)] -= b[at(0, j)];
  for (std::int64_t i = 0; i < h; ++i) x[at(i, 1)] = 7;
  for (std::int64_t j = 0; j < 2 * w; ++j) x[at(2, j)] = ((x[at(2, j)] % 10) + 10) % 10;
  EXPECT_EQ(numbers<std::int64_t>(r[0]), x);
}

// A view is an alias: what is written through it is seen in the array and the other way round.
TEST(Arrays, ViewsAreAliases) {
  static const auto program = jit([](Array a) {
    Array middle = a(slice(2, -2)), other = a(slice(_, _, 2));
    Array before = a + 0;
    middle(0) = 100;
    other += 1000;
    Value seen = a(2);
    middle(rest) = middle * 2;
    for (Value i : range(middle.size())) a(i) += middle(i);
    return std::tuple(before, sum(other), seen);
  });
  const Integers a = counted(41);
  const auto r = everywhere(program, [&](const auto& f) {
    Array x = array(a);
    Results all = results(f(x));
    all.push_back(x);
    return all;
  });
  Integers x = a;
  x[2] = 100;
  for (std::size_t k = 0; k < x.size(); k += 2) x[k] += 1000;
  const std::int64_t seen = x[2];
  for (std::size_t k = 2; k < x.size() - 2; ++k) x[k] *= 2;
  for (std::size_t k = 0; k < x.size() - 4; ++k) x[k] += x[k + 2];
  std::int64_t total = 0;
  for (std::size_t k = 0; k < x.size(); k += 2) total += x[k];
  EXPECT_EQ(numbers<std::int64_t>(r[0]), a);
  EXPECT_EQ(numbers<std::int64_t>(r[1])[0], total);
  EXPECT_EQ(numbers<std::int64_t>(r[2])[0], seen);
  EXPECT_EQ(numbers<std::int64_t>(r[3]), x);
}

// ---- Parameters that share memory -----------------------------------------------------------------------------------

TEST(Arrays, ParametersThatAreTheSame) {
  static const auto program = jit([](Array a, Array b) {
    a(rest) = b + a;
    b(slice(1, _)) = a(slice(0, -1)) * 2;
    return a + b;
  });
  for (const std::int64_t n : lengths) {
    const Integers a = counted(n);
    auto r = everywhere(program, [&](const auto& f) {
      Array x = array(a);
      Array out = f(x, x);
      return results(x, out);
    });
    Integers x = a;
    for (std::int64_t& each : x) each *= 2;
    const Integers doubled = x;
    for (std::size_t k = 1; k < x.size(); ++k) x[k] = doubled[k - 1] * 2;
    EXPECT_EQ(numbers<std::int64_t>(r[0]), x);
    r = everywhere(program, [&](const auto& f) {
      Array y = array(a), z = array(a);
      Array out = f(y, z);
      return results(y, z, out);
    });
    EXPECT_EQ(numbers<std::int64_t>(r[0]), doubled);
  }
}

TEST(Arrays, ParametersThatOverlapInPart) {
  static const auto shifted_sum = jit([](Array to, Array from) { to(rest) = from + to; });
  static const auto in_a_loop = jit([](Array to, Array from) {
    for (Value i : range(to.size())) to(i) = from(i) + 1;
  });
  for (const std::int64_t n : lengths)
    for (const int shift : {1, -1}) {
      const Integers a = counted(n);
      const auto run = [&](const auto& function) {
        return numbers<std::int64_t>(everywhere(function, [&](const auto& f) {
          Array x = array(a);
          Array low = x(slice(0, -1)), high = x(slice(1, _));
          if (shift > 0)
            f(high, low);
          else
            f(low, high);
          return results(x);
        })[0]);
      };
      Integers sums = a, loop = a;
      const auto m = static_cast<std::size_t>(n - 1);
      for (std::size_t k = 0; k < m; ++k) {
        if (shift > 0)
          sums[k + 1] = a[k] + a[k + 1], loop[k + 1] = loop[k] + 1;
        else
          sums[k] = a[k] + a[k + 1], loop[k] = loop[k + 1] + 1;
      }
      EXPECT_EQ(run(shifted_sum), sums);
      EXPECT_EQ(run(in_a_loop), loop);
    }
}

TEST(Arrays, ReversedAndTransposedParameters) {
  static const auto add_into = jit([](Array to, Array from) { to += from; });
  const Integers a = counted(64);
  auto r = everywhere(add_into, [&](const auto& f) {
    Array x = array(a);
    f(x, x(slice(_, _, -1)));
    return results(x);
  });
  Integers x = a;
  for (std::size_t k = 0; k < 64; ++k) x[k] = a[k] + a[63 - k];
  EXPECT_EQ(numbers<std::int64_t>(r[0]), x);
  r = everywhere(add_into, [&](const auto& f) {
    Array y = array_from(a, {8, 8});
    f(y, y.T());
    return results(y);
  });
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t j = 0; j < 8; ++j) x[i * 8 + j] = a[i * 8 + j] + a[j * 8 + i];
  EXPECT_EQ(numbers<std::int64_t>(r[0]), x);
}

// ---- Time loops -----------------------------------------------------------------------------------------------------

TEST(Arrays, SwapInATimeLoop) {
  static const auto heat = jit([](Array u, Value turns) {
    Array next = u.copy();
    for ([[maybe_unused]] Value t : range(turns)) {
      for (auto [i, j] : prange(range(1, u.shape(0) - 1), range(1, u.shape(1) - 1)))
        next(i, j) = 0.25 * (u(i - 1, j) + u(i + 1, j) + u(i, j - 1) + u(i, j + 1));
      kiln::swap(u, next);
    }
    return std::tuple(u, next);
  });
  constexpr std::size_t h = 13, w = 22;
  const std::vector<double> start = numbers<double>(hashed_array(h * w, f64, 3));
  for (const int turns : {0, 1, 2, 7}) {
    SCOPED_TRACE(turns);
    const auto r = everywhere(heat, [&](const auto& f) { return results(f(array_from(start, {h, w}), turns)); });
    std::vector<double> u = start, next = start;
    for (int t = 0; t < turns; ++t) {
      for (std::size_t i = 1; i < h - 1; ++i)
        for (std::size_t j = 1; j < w - 1; ++j)
          next[i * w + j] = 0.25 * (u[(i - 1) * w + j] + u[(i + 1) * w + j] + u[i * w + j - 1] + u[i * w + j + 1]);
      std::swap(u, next);
    }
    EXPECT_EQ(numbers<double>(r[0]), u);
    EXPECT_EQ(numbers<double>(r[1]), next);
  }
}

TEST(Arrays, SlicesThatGrowWithTheLoop) {
  static const auto program = jit([](Array a) {
    Array out = empty({a.size()}, a.dtype());
    for (Value i : range(a.size())) {
      out(i) = sum(a(slice(0, i + 1)));
      a(slice(i, _)) += 1;
    }
    return out;
  });
  const Integers a = counted(33);
  const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a))); });
  Integers x = a, out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t total = 0;
    for (std::size_t k = 0; k <= i; ++k) total += x[k];
    out.push_back(total);
    for (std::size_t k = i; k < x.size(); ++k) x[k] += 1;
  }
  EXPECT_EQ(numbers<std::int64_t>(r[0]), out);
}

// ---- Functions ------------------------------------------------------------------------------------------------------

const auto scale_and_shift = vectorize([](Value x, Value factor, Value shift) { return x * factor + shift; });

TEST(Arrays, VectorizeBroadcasts) {
  const auto a = numbers<float>(hashed_array(30, f32, 4)), b = numbers<float>(hashed_array(6, f32, 5));
  auto r = everywhere(scale_and_shift, [&](const auto& f) {
    return results(f(array_from(a, {5, 6}), array(b), 2.0), f(array_from(a, {5, 6, 1}), 3.0, array(b)),
                   f(array_from(b, {6, 1}), array(b), array(b)));
  });
  const auto x = numbers<float>(r[0]), y = numbers<float>(r[1]), z = numbers<float>(r[2]);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(x[i], a[i] * b[i % 6] + 2.0f);
    for (std::size_t j = 0; j < 6; ++j) EXPECT_EQ(y[i * 6 + j], a[i] * 3.0f + b[j]);
  }
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) EXPECT_EQ(z[i * 6 + j], b[i] * b[j] + b[j]);
}

TEST(Arrays, VectorizeWithControlFlow) {
  static const auto clipped =
      vectorize([](Value x, Value low, Value high) { return where(x < low, low, where(x > high, high, x)); });
  static const auto root = vectorize([](Value x) {
    Var low = 0.0, high = maximum(x, 1.0), turns = 0;
    while_([&] { return high - low > 1e-9 * high && turns < 100; },
           [&] {
             Value middle = (low + high) / 2;
             if_(middle * middle < x, [&] { low = middle; }, [&] { high = middle; });
             turns += 1;
           });
    return low;
  });
  const Array a = abs(hashed_array(103, f64, 6));
  auto r = everywhere(root, [&](const auto& f) { return results(f(a)); });
  const auto in = numbers<double>(a), out = numbers<double>(r[0]);
  for (std::size_t k = 0; k < in.size(); ++k) EXPECT_NEAR(out[k], std::sqrt(in[k]), 1e-7);
  r = everywhere(clipped, [&](const auto& f) { return results(f(a, 0.5, 2.0)); });
  const auto between = numbers<double>(r[0]);
  for (std::size_t k = 0; k < in.size(); ++k) EXPECT_EQ(between[k], std::clamp(in[k], 0.5, 2.0));
}

const auto moment = jit([](Array a, int power) {
  Var s = 0.0;
  for (Value i : prange(a.size())) {
    Var x = 1.0;
    for (int k = 0; k < power; ++k) x *= a(i);
    s += x;
  }
  return s / a.size();
});

TEST(Arrays, TracedFunctionsCallOthers) {
  static const auto normalised = jit([](Array a) {
    Value first = moment(a, 1), second = moment(a, 2);
    Array scaled = scale_and_shift(a, 1 / sqrt(second - first * first), 0.0);
    return std::tuple(scaled, moment(scaled, 2), first);
  });
  const Array a = hashed_array(3000, f64, 7);
  const auto r = everywhere(normalised, [&](const auto& f) { return results(f(a)); });
  double first = 0;
  for (const double x : numbers<double>(a)) first += x;
  EXPECT_NEAR(numbers<double>(r[2])[0], first / 3000, 1e-12);
}

enum class Mode { plain, squared };
struct Settings {
  Mode mode;
  bool negated;
  int repeats;
};
struct Pair {
  Array left, right;
};
struct Summary {
  Array values;
  Value total;
};

TEST(Arrays, AggregatesAndConstants) {
  static const auto program = jit([](Pair p, Settings s, Value offset, double factor, DType dtype) {
    Array x = p.left * p.right;
    if (s.mode == Mode::squared) x = square(x);
    if (s.negated) x = -x;
    for (int k = 0; k < s.repeats; ++k) x = x + offset;
    return Summary{dtype(x * factor), sum(x)};
  });
  const auto a = numbers<double>(hashed_array(70, f64, 8)), b = numbers<double>(hashed_array(70, f64, 9));
  for (const Settings& s : {Settings{Mode::plain, false, 2}, {Mode::squared, true, 0}, {Mode::squared, false, 3}}) {
    const auto r = everywhere(program, [&](const auto& f) {
      const Summary out = f(Pair{array(a), array(b)}, s, 1.5, 0.5, f32);
      return results(out.values, out.total);
    });
    const auto values = numbers<float>(r[0]);
    for (std::size_t k = 0; k < a.size(); ++k) {
      double x = a[k] * b[k];
      if (s.mode == Mode::squared) x = x * x;
      if (s.negated) x = -x;
      for (int j = 0; j < s.repeats; ++j) x = x + 1.5;
      EXPECT_EQ(values[k], static_cast<float>(x * 0.5));
    }
  }
}

TEST(Arrays, SeveralResultsThatShareWork) {
  static const auto program = jit([](Array a) {
    Array e = a * a, f = e + 1, view = f(slice(0, 10));
    return std::tuple(e, f, view, f.T(), a, sum(e), e.shape(0));
  });
  const auto in = numbers<double>(hashed_array(100, f64, 10));
  const auto r = everywhere(program, [&](const auto& f) { return results(f(array(in))); });
  for (std::size_t k = 0; k < 100; ++k) {
    EXPECT_EQ(numbers<double>(r[0])[k], in[k] * in[k]);
    EXPECT_EQ(numbers<double>(r[1])[k], in[k] * in[k] + 1);
  }
  EXPECT_EQ(r[2].extent(0), 10);
  EXPECT_EQ(numbers<double>(r[4]), in);
  EXPECT_EQ(numbers<std::int64_t>(r[6])[0], 100);
}

// ---- Shapes ---------------------------------------------------------------------------------------------------------

TEST(Arrays, ShapesInATrace) {
  static const auto program = jit([](Array a, Value n) {
    Array table = arange(n * 6).reshape({n, 2, 3}), grid = table.transpose({2, 0, 1});
    Array wide = broadcast_to(a, {n, a.shape(0)}), line = linspace(0.0, 1.0, n), one = eye(n, i32);
    return std::tuple(grid.copy(), wide + line(_, newaxis), trace(one + 2), diagonal(one).copy(), clip(a, -1, 1),
                      a.reshape({a.size(), 1}) + a(newaxis, _), sum(grid.ravel()));
  });
  const Array a = hashed_array(9, f64, 11);
  for (const int n : {1, 2, 5, 40}) {
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a, n)); });
    const auto grid = numbers<std::int64_t>(r[0]);
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < n; ++j)
        for (int k = 0; k < 2; ++k) EXPECT_EQ(grid[static_cast<std::size_t>((i * n + j) * 2 + k)], (j * 2 + k) * 3 + i);
    EXPECT_EQ(elements(r[2])[0].i, 3 * n);
  }
}

TEST(Arrays, NothingAndAlmostNothing) {
  static const auto program = jit([](Array a) {
    Array b = a + 1, c = b(slice(1, _)) * 2;
    for (Value i : prange(a.size())) b(i) += i;
    a(slice(0, 0)) = 7;
    return std::tuple(b, c, sum(c), sum(a * b));
  });
  for (const std::int64_t n : {0, 1, 2}) {
    const Integers a = counted(n);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a))); });
    EXPECT_EQ(r[0].extent(0), n);
    EXPECT_EQ(r[1].extent(0), std::max<std::int64_t>(0, n - 1));
  }
}

// Beyond the caches results are streamed: all those that a loop stores side by side, heads and tails apart.
TEST(Arrays, ResultsBeyondTheCaches) {
  if (tests::is_gpu_tested()) GTEST_SKIP() << "of the CPU's caches";
  static auto f = jit([](Array a, Value first) {
    Array plus = empty_like(a), minus = empty_like(a);
    for (Value i : prange(range(first, a.shape(0)))) {
      plus(i) = a(i) + 1;
      minus(i) = a(i) - first;
    }
    return std::tuple(plus, minus);
  });
  const std::int64_t n = (std::int64_t{64} << 20) / 8 + 3;
  const Array a = arange(n).astype(f64);
  for (const std::int64_t first : {0, 1, 5}) {
    const auto [plus, minus] = f(a, first);
    const auto p = plus.read<double>(), m = minus.read<double>();
    std::int64_t wrong = 0;
    for (std::int64_t i = first; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      wrong += p[k] != static_cast<double>(i) + 1 || m[k] != static_cast<double>(i - first);
    }
    EXPECT_EQ(wrong, 0) << first;
  }
  const std::string assembly = f.inspect("asm").c_str();
  const std::size_t one = assembly.find("movnt");
  EXPECT_TRUE(one != std::string::npos && assembly.find("movnt", one + 1) != std::string::npos) << assembly;
}

TEST(Arrays, BorrowedMemoryOfAShapeInBraces) {
  double numbers[6] = {1, 2, 3, 4, 5, 6};
  const Array a = borrow(numbers, f64, {2, 3});
  EXPECT_EQ(a.shape(0).as_integer(), 2);
  EXPECT_EQ(a(1, 2).as_double(), 6);
  a(0, 1) = 7;
  EXPECT_EQ(numbers[1], 7);
  EXPECT_EQ(borrow(numbers, f64, {6}).shape(0).as_integer(), 6);
}

TEST(Arrays, BytesOfAnyDtype) {
  const auto bits = [](const Array& a) {
    std::vector<std::uint16_t> out(a.read_bytes().size() / 2);
    std::memcpy(out.data(), a.read_bytes().data(), a.read_bytes().size());
    return out;
  };
  const Array a = Array{1.0, -2.0, 0.5};
  EXPECT_EQ(bits(a.astype(f16)), (std::vector<std::uint16_t>{0x3c00, 0xc000, 0x3800}));
  EXPECT_EQ(bits(a.astype(bf16)), (std::vector<std::uint16_t>{0x3f80, 0xc000, 0x3f00}));
  EXPECT_EQ(a.astype(c128)(slice(1, _)).read_bytes().size(), 32);
  EXPECT_EQ(zeros({0, 3}, i8).read_bytes().size(), 0);
  EXPECT_EQ(zeros({}, f32).read_bytes().size(), 4);

  const Array half = zeros({2, 2}, f16);
  const std::uint16_t one = 0x3c00;
  std::memcpy(half(1, _).write_bytes().data(), &one, sizeof(one));
  EXPECT_EQ(half(1, 0).as_double(), 1);
  EXPECT_EQ(half(0, 0).as_double(), 0);
}

TEST(Arrays, StridedParametersOfEveryKind) {
  static const auto program = jit([](Array a, Array b) {
    Array out = a * 2 + b;
    for (auto [i, j] : prange(a.shape(0), a.shape(1))) out(i, j) += a(i, j) * b(i, a.shape(1) - 1 - j);
    return std::tuple(out, sum(out, {.axis = 0}), max(a));
  });
  const Array a = hashed_array(11 * 37, f32, 12).reshape({11, 37}),
              b = hashed_array(11 * 37, f32, 13).reshape({11, 37});
  const auto wanted = program.with({.interpret = true})(a, b);
  for (int k = 0; k < static_cast<int>(Placement::count); ++k)
    for (int j = 0; j < static_cast<int>(Placement::count); j += 3) {
      const auto r = everywhere(program, [&](const auto& f) {
        return results(f(placed(a, static_cast<Placement>(k)), placed(b, static_cast<Placement>(j))));
      });
      EXPECT_TRUE(same_bits(r[0], std::get<0>(wanted)))
          << name_of(static_cast<Placement>(k)) << " and " << name_of(static_cast<Placement>(j));
    }
  const Array row = b(slice(0, 1), _).broadcast_to({11, 37});
  const auto r = everywhere(program, [&](const auto& f) { return results(f(a, row)); });
  EXPECT_TRUE(same_bits(r[0], std::get<0>(program.with({.interpret = true})(a, row.copy()))));
}

TEST(Arrays, ExpressionsOfRowsInAParallelLoop) {
  static const auto f = jit([](Array a, Array b, Array to) {
    for (Value i : prange(a.shape(0))) {
      Value largest = max(a(i, _));
      Value inner = dot(a(i, _), b);
      to(i, _) = (a(i, _) + b) * 2 - largest;
      to(i, slice(1, _)) += a(i, slice(1, _)) - b(slice(_, -1));
      to(i, 0) = to(i, 0) + inner;
    }
  });
  for (const auto& [rows, columns] : {std::pair{4, 3}, {1, 70}, {33, 1}, {0, 5}})
    everywhere(f, [&](const auto& g) {
      const Array to = zeros({rows, columns});
      g(hashed_array(std::int64_t{rows} * columns, f64, 1).reshape({rows, columns}), hashed_array(columns, f64, 2), to);
      return results(to);
    });
}

TEST(Arrays, ShapesInAParallelLoopAreCheckedOnlyIfItRuns) {
  static const auto f = jit([](Array a, Array b) {
    for (Value i : prange(a.shape(0))) a(i, _) = b;
  });
  for (const JitOptions& options : {JitOptions{}, JitOptions{.interpret = true}}) {
    const Array a = zeros({3, 4});
    EXPECT_THROW(f.with(options)(a, ones(5)), ShapeError);
    EXPECT_FALSE(any(a).as_bool());
    f.with(options)(zeros({0, 4}), ones(5));
  }
}

}  // namespace
}  // namespace kiln::conformance
