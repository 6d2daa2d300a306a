// Control flow: programs compiled in every way against the interpreter and against the same program in plain C++.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

Integers hashed_integers(std::size_t count, std::uint64_t seed, std::int64_t below) {
  Integers out;
  for (std::size_t k = 0; k < count; ++k)
    out.push_back(static_cast<std::int64_t>(hashed(k, seed) % static_cast<std::uint64_t>(below)));
  return out;
}

constexpr std::size_t lengths[] = {0, 1, 5, 8, 31, 64, 67, 500};

// ---- while_ ---------------------------------------------------------------------------------------------------------

TEST(Control, CollatzEachLaneStopsByItself) {
  static const auto collatz = jit([](Array start) {
    Array steps = empty({start.size()}, i64), peak = empty({start.size()}, i64);
    for (Value i : prange(start.size())) {
      Var n = start(i), count = 0, top = start(i);
      while_([&] { return n > 1; },
             [&] {
               if_(n % 2 == 0, [&] { n = floordiv(n, 2); }, [&] { n = 3 * n + 1; });
               top.max(n);
               count += 1;
             });
      steps(i) = count;
      peak(i) = top;
    }
    return std::tuple(steps, peak);
  });
  for (const std::size_t length : lengths) {
    const Integers start = hashed_integers(length, 1, 1000);
    const auto r = everywhere(collatz, [&](const auto& f) { return results(f(array(start))); });
    Integers steps, peak;
    for (std::int64_t n : start) {
      std::int64_t count = 0, top = n;
      for (; n > 1; ++count) {
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        top = std::max(top, n);
      }
      steps.push_back(count);
      peak.push_back(top);
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0]), steps);
    EXPECT_EQ(numbers<std::int64_t>(r[1]), peak);
  }
}

template <class T>
std::vector<std::int64_t> mandelbrot_counts(std::int64_t rows, std::int64_t columns, T low, T high,
                                            std::int64_t limit) {
  std::vector<std::int64_t> out;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column) {
      const T cr = low + (high - low) * static_cast<T>(column) / static_cast<T>(columns);
      const T ci = low + (high - low) * static_cast<T>(row) / static_cast<T>(rows);
      T zr = 0, zi = 0;
      std::int64_t n = 0;
      while (zr * zr + zi * zi < T(4) && n < limit) {
        const T t = zr * zr - zi * zi + cr;
        zi = T(2) * zr * zi + ci;
        zr = t;
        ++n;
      }
      out.push_back(n);
    }
  return out;
}

TEST(Control, Mandelbrot) {
  static const auto mandelbrot = jit([](Value low, Value high, Array image, Value limit) {
    for (auto [row, column] : prange(image.shape(0), image.shape(1))) {
      Value cr = low + (high - low) * column / image.shape(1);
      Value ci = low + (high - low) * row / image.shape(0);
      Var zr = 0.0, zi = 0.0, n = 0;
      while_([&] { return zr * zr + zi * zi < 4.0 && n < limit; },
             [&] {
               Value t = zr * zr - zi * zi + cr;
               zi = 2.0 * zr * zi + ci;
               zr = t;
               n += 1;
             });
      image(row, column) = n;
    }
  });
  const auto with = [&](Value low, Value high) {
    return everywhere(mandelbrot, [&](const auto& f) {
      Array image = zeros({23, 37}, i64);
      f(low, high, image, 60);
      return results(image);
    });
  };
  EXPECT_EQ(numbers<std::int64_t>(with(-2.0, 1.25)[0]), mandelbrot_counts<double>(23, 37, -2.0, 1.25, 60));
  EXPECT_EQ(numbers<std::int64_t>(with(-2.0f, 1.25f)[0]), mandelbrot_counts<float>(23, 37, -2.0f, 1.25f, 60));
}

TEST(Control, BreakAndContinueInWhile) {
  static const auto program = jit([](Array a) {
    Array out = empty({a.size()}, i64);
    for (Value i : prange(a.size())) {
      Var n = 0, s = 0;
      while_([&] { return n < 50; },
             [&] {
               n += 1;
               continue_if((n + a(i)) % 3 == 0);
               s += n;
               if_(s > 100 + a(i), [&] {
                 s = -s;
                 break_();
               });
               if_(n % 7 == 0, [&] { continue_(); });
               s += 1;
             });
      out(i) = s * 1000 + n;
    }
    return out;
  });
  for (const std::size_t length : lengths) {
    const Integers a = hashed_integers(length, 2, 300);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a))); });
    Integers wanted;
    for (const std::int64_t x : a) {
      std::int64_t n = 0, s = 0;
      while (n < 50) {
        ++n;
        if ((n + x) % 3 == 0) continue;
        s += n;
        if (s > 100 + x) {
          s = -s;
          break;
        }
        if (n % 7 == 0) continue;
        s += 1;
      }
      wanted.push_back(s * 1000 + n);
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
  }
}

// ---- Loops in loops -------------------------------------------------------------------------------------------------

TEST(Control, NestedLoopsOfVaryingLength) {
  static const auto program = jit([](Array a) {
    Array out = empty({a.size()}, i64);
    for (Value i : prange(a.size())) {
      Var s = 0;
      for (Value j : range(a(i))) {
        continue_if(j % 4 == 1);
        for (Value k : range(j, a(i), 3)) {
          break_if(k - j > 9 + i % 5);
          Var inner = k;
          while_([&] { return inner > 0; },
                 [&] {
                   s += inner;
                   inner = floordiv(inner, 3);
                 });
        }
        if_(s > 5000, [&] { break_(); });
      }
      out(i) = s;
    }
    return out;
  });
  for (const std::size_t length : lengths) {
    const Integers a = hashed_integers(length, 3, 40);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a))); });
    Integers wanted;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(length); ++i) {
      const std::int64_t n = a[static_cast<std::size_t>(i)];
      std::int64_t s = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        if (j % 4 == 1) continue;
        for (std::int64_t k = j; k < n; k += 3) {
          if (k - j > 9 + i % 5) break;
          for (std::int64_t inner = k; inner > 0; inner /= 3) s += inner;
        }
        if (s > 5000) break;
      }
      wanted.push_back(s);
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
  }
}

TEST(Control, RangesThatStepBackwards) {
  static const auto program = jit([](Array a, Value begin, Value end, Value step) {
    Var s = 0, turns = 0;
    for (Value i : range(begin, end, step)) {
      s = 3 * s + a(i);
      turns += 1;
    }
    Array out = zeros({a.size()}, i64);
    for (Value i : prange(range(begin, end, step))) out(i) = a(i) + i;
    return std::tuple(s, turns, out);
  });
  struct {
    std::int64_t begin, end, step;
  } const cases[] = {{0, 40, 1}, {39, -1, -1}, {38, 3, -5}, {2, 39, 7}, {7, 7, 1}, {9, 2, 1}, {2, 9, -1}};
  const Integers a = hashed_integers(40, 4, 100);
  for (const auto& c : cases) {
    SCOPED_TRACE(std::to_string(c.begin) + ", " + std::to_string(c.end) + ", " + std::to_string(c.step));
    const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a), c.begin, c.end, c.step)); });
    std::uint64_t s = 0;
    std::int64_t turns = 0;
    Integers out(40, 0);
    for (std::int64_t i = c.begin; c.step > 0 ? i < c.end : i > c.end; i += c.step, ++turns) {
      s = 3 * s + static_cast<std::uint64_t>(a[static_cast<std::size_t>(i)]);
      out[static_cast<std::size_t>(i)] = a[static_cast<std::size_t>(i)] + i;
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0])[0], static_cast<std::int64_t>(s));
    EXPECT_EQ(numbers<std::int64_t>(r[1])[0], turns);
    EXPECT_EQ(numbers<std::int64_t>(r[2]), out);
  }
}

TEST(Control, FourDimensions) {
  static const auto program = jit([](Array out) {
    for (auto [i, j, k, l] :
         prange(out.shape(0), range(out.shape(1) - 1, -1, -2), out.shape(2), range(1, out.shape(3))))
      out(i, j, k, l) = i * 1000 + j * 100 + k * 10 + l;
  });
  const auto r = everywhere(program, [&](const auto& f) {
    Array out = full({3, 5, 2, 7}, -1, i32);
    f(out);
    return results(out);
  });
  const auto out = numbers<std::int32_t>(r[0]);
  std::size_t at = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5; ++j)
      for (int k = 0; k < 2; ++k)
        for (int l = 0; l < 7; ++l, ++at)
          EXPECT_EQ(out[at], j % 2 == 0 && l > 0 ? i * 1000 + j * 100 + k * 10 + l : -1);
}

TEST(Control, ContinueInAPrange) {
  static const auto program = jit([](Array a) {
    Array out = zeros({a.size()}, i64);
    Var kept = 0;
    for (Value i : prange(a.size())) {
      continue_if(a(i) % 2 == 0);
      if_(a(i) > 70, [&] {
        out(i) = -1;
        continue_();
      });
      out(i) = a(i);
      kept += a(i);
    }
    return std::tuple(out, kept);
  });
  for (const std::size_t length : lengths) {
    const Integers a = hashed_integers(length, 5, 100);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a))); });
    Integers wanted;
    std::int64_t kept = 0;
    for (const std::int64_t x : a) {
      wanted.push_back(x % 2 == 0 ? 0 : x > 70 ? -1 : x);
      if (x % 2 != 0 && x <= 70) kept += x;
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
    EXPECT_EQ(numbers<std::int64_t>(r[1])[0], kept);
  }
}

// ---- Branches -------------------------------------------------------------------------------------------------------

TEST(Control, BranchesInBranches) {
  static const auto program = jit([](Array a) {
    Array out = empty({a.size()}, a.dtype());
    for (Value i : prange(a.size())) {
      Var y = a(i);
      if_(
          y > 0,
          [&] {
            if_(
                y > 2, [&] { y = y - 2; },
                [&] {
                  y = y * 2;
                  if_(y > 3, [&] { y += 10; });
                });
          },
          [&] {
            Value z = if_(y < -2, [&] { return y + 2; }, [&] { return -y; });
            y = z * 3;
          });
      out(i) = y;
    }
    return out;
  });
  for (const std::size_t length : lengths) {
    const Array a = hashed_array(static_cast<std::int64_t>(length), f32, 6);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
    std::vector<float> wanted;
    for (float y : numbers<float>(a)) {
      if (y > 0) {
        if (y > 2)
          y = y - 2;
        else {
          y = y * 2;
          if (y > 3) y += 10;
        }
      } else {
        y = (y < -2 ? y + 2 : -y) * 3;
      }
      wanted.push_back(y);
    }
    EXPECT_EQ(numbers<float>(r[0]), wanted);
    const Array bytes = hashed_array(static_cast<std::int64_t>(length), i8, 6);
    everywhere(program, [&](const auto& f) { return results(f(bytes)); });
  }
}

TEST(Control, UniformBranches) {
  static const auto program = jit([](Array a, Value n, bool doubled) {
    Array out = a.copy();
    if_(n > 3, [&] { out += 1; }, [&] { out *= 3; });
    if (doubled) out += out;
    Value scale = if_(n % 2 == 0, [] { return Value(10); }, [&] { return n + 100; });
    return std::tuple(out * scale, scale);
  });
  const Integers a = hashed_integers(50, 7, 100);
  for (const int n : {2, 3, 4, 5})
    for (const bool doubled : {false, true}) {
      const auto r = everywhere(program, [&](const auto& f) { return results(f(array(a), n, doubled)); });
      const std::int64_t scale = n % 2 == 0 ? 10 : n + 100;
      Integers wanted;
      for (const std::int64_t x : a) wanted.push_back((n > 3 ? x + 1 : x * 3) * (doubled ? 2 : 1) * scale);
      EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
      EXPECT_EQ(numbers<std::int64_t>(r[1])[0], scale);
    }
}

TEST(Control, ReductionsInBranches) {
  static const auto program = jit([](Array a) {
    Var positive = 0.0, count = 0, smallest = 1e9, none = 5.0;
    for (Value i : prange(a.size())) {
      if_(
          a(i) > 0,
          [&] {
            positive += a(i);
            count += 1;
            if_(a(i) < 0.5, [&] { smallest.min(a(i)); });
          },
          [&] { positive += 0.25; });
      if_(a(i) > 1e6, [&] { none += 1.0; });
    }
    return std::tuple(positive, count, smallest, none);
  });
  for (const std::size_t length : {0, 1, 100, 5000}) {
    const Array a = hashed_array(static_cast<std::int64_t>(length), f64, 8);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
    std::int64_t count = 0;
    double smallest = 1e9, positive = 0;
    for (const double x : numbers<double>(a)) {
      count += x > 0;
      positive += x > 0 ? x : 0.25;
      if (x > 0 && x < 0.5) smallest = std::min(smallest, x);
    }
    EXPECT_NEAR(numbers<double>(r[0])[0], positive, 1e-9 * static_cast<double>(length));
    EXPECT_EQ(numbers<std::int64_t>(r[1])[0], count);
    EXPECT_EQ(numbers<double>(r[2])[0], smallest);
    EXPECT_EQ(numbers<double>(r[3])[0], 5.0);
  }
}

// ---- Guarded evaluation ---------------------------------------------------------------------------------------------

TEST(Control, InsertionSort) {
  static const auto sort = jit([](Array a) {
    for (Value i : range(1, a.size())) {
      Value key = a(i);
      Var j = i - 1;
      while_([&] { return j >= 0 && a(j) > key; },
             [&] {
               a(j + 1) = a(j);
               j -= 1;
             });
      a(j + 1) = key;
    }
  });
  for (const std::size_t length : {0, 1, 2, 17, 100}) {
    const Integers a = hashed_integers(length, 9, 1000);
    const auto r = everywhere(sort, [&](const auto& f) {
      Array x = array(a);
      f(x);
      return results(x);
    });
    Integers sorted = a;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(numbers<std::int64_t>(r[0]), sorted);
  }
}

TEST(Control, SortedRowsInAPrange) {
  static const auto sort_rows = jit([](Array a) {
    for (Value row : prange(a.shape(0)))
      for (Value i : range(1, a.shape(1))) {
        Value key = a(row, i);
        Var j = i - 1;
        while_([&] { return j >= 0 && a(row, j) > key; },
               [&] {
                 a(row, j + 1) = a(row, j);
                 j -= 1;
               });
        a(row, j + 1) = key;
      }
  });
  const std::vector<float> a = numbers<float>(hashed_array(37 * 21, f32, 10));
  const auto r = everywhere(sort_rows, [&](const auto& f) {
    Array x = array_from(a, {37, 21});
    f(x);
    return results(x);
  });
  std::vector<float> sorted = a;
  for (int row = 0; row < 37; ++row) std::sort(sorted.begin() + row * 21, sorted.begin() + (row + 1) * 21);
  EXPECT_EQ(numbers<float>(r[0]), sorted);
}

TEST(Control, BordersGuardedByWhere) {
  static const auto neighbours = jit([](Array a) {
    Array out = empty({a.size()}, a.dtype());
    for (Value i : prange(a.size())) {
      Value left = where(i >= 1, a(i - 1), 0), right = where(i + 1 < a.size(), a(i + 1), 0);
      Value far = where(i >= 3 && a(i - 3) > 50, a(i - 3), where(i < a.size() - 4 || a(i - 4) > 10, 1, 2));
      out(i) = left + right * 10 + far * 1000;
    }
    return out;
  });
  for (const std::size_t length : lengths) {
    if (length > 0 && length < 8) continue;  // a(i - 4) is then out of bounds where the guard lets it through
    const Integers a = hashed_integers(length, 11, 100);
    const auto r = everywhere(neighbours, [&](const auto& f) { return results(f(array(a))); });
    Integers wanted;
    for (std::size_t i = 0; i < length; ++i) {
      const std::int64_t far = i >= 3 && a[i - 3] > 50 ? a[i - 3] : i + 4 < length || a[i - 4] > 10 ? 1 : 2;
      wanted.push_back((i >= 1 ? a[i - 1] : 0) + (i + 1 < length ? a[i + 1] : 0) * 10 + far * 1000);
    }
    EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
  }
}

// Data decides where is read: out of reach only under the guard.
TEST(Control, GuardedGather) {
  static const auto gather = jit([](Array table, Array at) {
    Array out = empty({at.size()}, table.dtype());
    for (Value i : prange(at.size())) out(i) = where(at(i) >= 0 && at(i) < table.size(), table(at(i)), -1);
    return out;
  });
  for (const std::size_t length : lengths) {
    const Integers table = hashed_integers(13, 12, 100);
    Integers at = hashed_integers(length, 13, 30);
    for (std::int64_t& x : at) x = x % 5 == 0 ? x * 1'000'000'000'000 - 1 : x - 8;
    const auto r = everywhere(gather, [&](const auto& f) { return results(f(array(table), array(at))); });
    Integers wanted;
    for (const std::int64_t x : at) wanted.push_back(x >= 0 && x < 13 ? table[static_cast<std::size_t>(x)] : -1);
    EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
  }
}

// ---- Integers -------------------------------------------------------------------------------------------------------

TEST(Control, GreatestCommonDivisorOfEveryWidth) {
  static const auto gcd = jit([](Array a, Array b) {
    Array out = empty({a.size()}, a.dtype());
    for (Value i : prange(a.size())) {
      Var x = a(i), y = b(i);
      while_([&] { return y != 0; },
             [&] {
               Value rest_of = x % y;
               x = y;
               y = rest_of;
             });
      out(i) = x;
    }
    return out;
  });
  for (const DType dtype : {u8, u16, u32, u64, i16}) {
    const Array a = hashed_array(100, dtype, 14), b = hashed_array(100, dtype, 15);
    const auto r = everywhere(gcd, [&](const auto& f) { return results(f(a, b)); });
    if (dtype == i16) continue;  // signs are the remainder's
    const auto x = elements(a), y = elements(b), out = elements(r[0]);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_EQ(static_cast<std::uint64_t>(out[k].i),
                std::gcd(static_cast<std::uint64_t>(x[k].i), static_cast<std::uint64_t>(y[k].i)));
  }
}

TEST(Control, NarrowIntegersWrap) {
  static const auto wrap = jit([](Array a) {
    Array out = empty({a.size()}, a.dtype());
    for (Value i : prange(a.size())) {
      Var x = a(i);
      for ([[maybe_unused]] Value k : range(5)) x = x * x + a(i) - (x >> 1);
      out(i) = x;
    }
    return out;
  });
  for (const DType dtype : {i8, u8, i16, u16, i32, u32, i64, u64})
    everywhere(wrap, [&](const auto& f) { return results(f(hashed_array(133, dtype, 16))); });
  const Array a = hashed_array(133, i8, 16);
  const auto r = everywhere(wrap, [&](const auto& f) { return results(f(a)); });
  std::vector<std::int8_t> wanted;
  for (const std::int8_t start : numbers<std::int8_t>(a)) {
    std::int8_t x = start;
    for (int k = 0; k < 5; ++k) x = static_cast<std::int8_t>(x * x + start - (x >> 1));
    wanted.push_back(x);
  }
  EXPECT_EQ(numbers<std::int8_t>(r[0]), wanted);
}

TEST(Control, MixedWidthsInOneLoop) {
  static const auto mixed = jit([](Array bytes, Array singles, Array longs, Array flags) {
    Array a = empty({bytes.size()}, f32), b = empty({bytes.size()}, i64), c = empty({bytes.size()}, u8),
          d = empty({bytes.size()}, f64);
    for (Value i : prange(bytes.size())) {
      Value x = bytes(i) * singles(i);
      a(i) = where(flags(i), x, -x);
      if_(flags(i) || longs(i) > 0, [&] { b(i) = longs(i) + bytes(i); }, [&] { b(i) = i64(singles(i) * 100); });
      c(i) = u8(longs(i)) ^ bytes(i);
      d(i) = longs(i) * singles(i) / 3;
    }
    return std::tuple(a, b, c, d);
  });
  for (const std::int64_t n : {0, 1, 15, 64, 333})
    everywhere(mixed, [&](const auto& f) {
      return results(
          f(hashed_array(n, u8, 17), hashed_array(n, f32, 18), hashed_array(n, i64, 19), hashed_array(n, bool_, 20)));
    });
}

}  // namespace
}  // namespace kiln::conformance
