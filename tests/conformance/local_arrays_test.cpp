// Small arrays that the iterations of a prange make: one for each lane, indexed by constants and by what varies.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <string>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

bool runs_in_lanes(const Text& scheduled) {
  return std::string(scheduled.c_str()).find("[lanes, distribute") != std::string::npos;
}

constexpr DType dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64};

TEST(LocalArrays, IndexedByWhatVaries) {
  static const auto modes = jit([](Array m, Array out) {
    for (Value i : prange(m.shape(0))) {
      Array h = zeros({8}, i32);
      for (Value j : range(m.shape(1))) h(m(i, j)) += 1;
      Var best = 0;
      for (Value k : range(8)) if_(h(k) > h(best), [&] { best = k; });
      out(i) = best;
    }
  });
  for (const std::int64_t n : {0, 1, 7, 64, 333}) {
    Integers m;
    for (std::size_t k = 0; k < static_cast<std::size_t>(n) * 20; ++k)
      m.push_back(static_cast<std::int64_t>(hashed(k, 81) % 8));
    const auto r = everywhere(modes, [&](const auto& f) {
      const Array out = zeros(n, i64);
      f(array_from(m, {n, 20}), out);
      return results(out);
    });
    for (std::int64_t i = 0; i < n; ++i) {
      Integers h(8);
      for (std::int64_t j = 0; j < 20; ++j) ++h[static_cast<std::size_t>(m[static_cast<std::size_t>(20 * i + j)])];
      EXPECT_EQ(std::int64_t(r[0](i)), std::max_element(h.begin(), h.end()) - h.begin());
    }
  }
  EXPECT_TRUE(runs_in_lanes(modes.inspect("scheduled")));
}

// The median of nine neighbours: a sort inside the lanes, each of which stops by itself.
TEST(LocalArrays, MedianOfNeighbours) {
  static const auto median = jit([](Array image, Array out) {
    for (auto [y, x] : prange(range(1, image.shape(0) - 1), range(1, image.shape(1) - 1))) {
      Array window = empty({9}, image.dtype());
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) window(3 * (dy + 1) + dx + 1) = image(y + dy, x + dx);
      for (Value k : range(1, 9)) {
        Value key = window(k);
        Var j = k - 1;
        while_([&] { return j >= 0 && window(j) > key; },
               [&] {
                 window(j + 1) = window(j);
                 j -= 1;
               });
        window(j + 1) = key;
      }
      out(y, x) = window(4);
    }
  });
  for (const DType dtype : dtypes) {
    const Array image = dtype(hashed_array(19 * 23, f64, 82) * 9).reshape({19, 23});
    const auto r = everywhere(median, [&](const auto& f) {
      const Array out = zeros({19, 23}, dtype);
      f(image, out);
      return results(out);
    });
    for (std::int64_t y = 1; y < 18; ++y)
      for (std::int64_t x = 1; x < 22; ++x) {
        std::vector<double> window;
        for (std::int64_t dy = -1; dy <= 1; ++dy)
          for (std::int64_t dx = -1; dx <= 1; ++dx) window.push_back(double(f64(image(y + dy, x + dx))));
        std::sort(window.begin(), window.end());
        EXPECT_EQ(double(f64(r[0](y, x))), window[4]) << dtype;
      }
  }
  EXPECT_TRUE(runs_in_lanes(median.inspect("scheduled")));
}

// Indexed by constants alone the array is registers: no memory of its own is left in the code.
TEST(LocalArrays, ConstantIndicesBecomeRegisters) {
  static const auto solve = jit([](Array a, Array out) {
    for (Value i : prange(a.shape(0))) {
      Array m = zeros({2, 3});
      for (int r = 0; r < 2; ++r)
        for (int c = 0; c < 3; ++c) m(r, c) = a(i, 3 * r + c);
      for (int c = 2; c >= 0; --c) m(0, c) = m(0, c) / m(0, 0);
      for (int c = 2; c >= 0; --c) m(1, c) -= m(0, c) * m(1, 0);
      Value y = m(1, 2) / m(1, 1);
      out(i, 1) = y;
      out(i, 0) = m(0, 2) - m(0, 1) * y;
    }
  });
  const Array a = hashed_array(200 * 6, f64, 83).reshape({200, 6}) + 3;
  const auto r = everywhere(solve, [&](const auto& f) {
    const Array out = zeros({200, 2});
    f(a, out);
    return results(out);
  });
  for (std::int64_t i = 0; i < 200; ++i) {
    const double x(r[0](i, 0)), y(r[0](i, 1));
    EXPECT_NEAR(double(a(i, 0)) * x + double(a(i, 1)) * y, double(a(i, 2)), 1e-6 * (1 + std::abs(x) + std::abs(y)));
  }
  EXPECT_TRUE(runs_in_lanes(solve.inspect("scheduled")));
}

TEST(LocalArrays, SeveralOfThemInBranchesAndLoops) {
  static const auto program = jit([](Array x, Array out) {
    for (Value i : prange(x.size())) {
      Array t = full({2, 3}, 1, i64), flags = zeros({4}, bool_);
      Var n = 0;
      for (Value k : range(x(i) % 7)) {
        Array u = empty({3}, i64);
        u(k % 3) = k;
        if_(x(i) % 2 == 0, [&] {
          t(k % 2, k % 3) += u(k % 3);
          flags(k % 4) = true;
          break_if(k > 4);
        });
        n += u(k % 3);
      }
      Var all = 0;
      for (Value r : range(2))
        for (Value c : range(3)) all += t(r, c) * (r + 1);
      Array row = t.reshape({6});
      out(i, 0) = all;
      out(i, 1) = n + row(x(i) % 6);
      out(i, 2) = where(flags(x(i) % 4), 1, 0);
      row(2) = 5;
      out(i, 3) = t(0, 2);
    }
  });
  Integers x;
  for (std::size_t k = 0; k < 500; ++k) x.push_back(static_cast<std::int64_t>(hashed(k, 84) % 1000));
  const auto r = everywhere(program, [&](const auto& f) {
    const Array out = zeros({500, 4}, i64);
    f(array(x), out);
    return results(out);
  });
  for (std::size_t i = 0; i < 500; ++i) {
    std::int64_t t[2][3] = {{1, 1, 1}, {1, 1, 1}}, n = 0, all = 0;
    bool flags[4] = {};
    for (std::int64_t k = 0; k < x[i] % 7; ++k) {
      if (x[i] % 2 == 0) {
        t[k % 2][k % 3] += k;
        flags[k % 4] = true;
        if (k > 4) break;
      }
      n += k;
    }
    for (int row = 0; row < 2; ++row)
      for (int c = 0; c < 3; ++c) all += t[row][c] * (row + 1);
    const auto at = static_cast<std::int64_t>(i);
    EXPECT_EQ(std::int64_t(r[0](at, 0)), all);
    EXPECT_EQ(std::int64_t(r[0](at, 1)), n + t[x[i] % 6 / 3][x[i] % 6 % 3]);
    EXPECT_EQ(std::int64_t(r[0](at, 2)), flags[x[i] % 4] ? 1 : 0);
    EXPECT_EQ(std::int64_t(r[0](at, 3)), 5);
  }
}

// Reductions over the iterations, beside arrays of their own; array expressions of them.
TEST(LocalArrays, WithReductions) {
  static const auto program = jit([](Array x) {
    Var total = 0.0;
    for (Value i : prange(x.size())) {
      Array p = empty({4});
      p(0) = 1.0;
      for (Value k : range(1, 4)) p(k) = p(k - 1) * x(i);
      Array q = p * 0.5;
      total += q(0) + q(1) + q(2) * q(3);
    }
    return total;
  });
  for (const std::int64_t n : {1, 100, 5000})
    everywhere(program, [&](const auto& f) { return results(f(hashed_array(n, f64, 85))); });
}

// Larger ones, and those of sizes known when it runs, are the iteration's alone.
TEST(LocalArrays, LargeOnesRunOneAfterTheOther) {
  static const auto program = jit([](Array x, Value size, Array out) {
    for (Value i : prange(x.size())) {
      Array large = zeros({1000}), sized = zeros({size + 1});
      large(x(i) % 1000) = 3.0;
      sized(x(i) % (size + 1)) = 4.0;
      out(i) = sum(large) + sum(sized) + large(0);
    }
  });
  Integers x;
  for (std::size_t k = 0; k < 70; ++k) x.push_back(static_cast<std::int64_t>(hashed(k, 86) % 3000));
  const auto r = everywhere(program, [&](const auto& f) {
    const Array out = zeros(70);
    f(array(x), 12, out);
    return results(out);
  });
  for (std::size_t k = 0; k < 70; ++k) EXPECT_EQ(double(r[0](static_cast<std::int64_t>(k))), x[k] % 1000 == 0 ? 10 : 7);
  EXPECT_FALSE(runs_in_lanes(program.inspect("scheduled")));
}

// Of sizes that are read before the loop, from what the loop of the turn before has written.
TEST(LocalArrays, SizesThatTheTurnBeforeLeft) {
  static const auto program = jit([](Array sizes, Array out) {
    Var longest = 1;
    for (Value turn : range(4)) {
      const Value first = sizes(0), more = longest;
      for (Value i : prange(out.shape(0))) {
        Array own = zeros({first + more}, i64);
        for (Value k : prange(first + more)) own(k) = k * i;
        out(i) += sum(own) + turn;
        if_(i == 0, [&] { sizes(0) = sizes(0) + 3; });
      }
      longest += 2 * sizes(0);
    }
  });
  const auto r = everywhere(program, [&](const auto& f) {
    const Array out = zeros(40, i64);
    f(Array{2, 7}, out);
    return results(out);
  });
  std::int64_t turns = 0, size = 2, longest = 1;
  for (int turn = 0; turn < 4; ++turn) {
    turns += (size + longest) * (size + longest - 1) / 2;
    size += 3;
    longest += 2 * size;
  }
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_EQ(std::int64_t(r[0](i)), turns * i + 6);
}

}  // namespace
}  // namespace kiln::conformance
