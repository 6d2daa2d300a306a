// Every reduction, along every axis, with its options: the same bits compiled, eager and interpreted, whatever the
// layout, the number of threads and the vector width.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"
#include "tests/conformance/reductions.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace kiln::conformance {
namespace {

constexpr DType all_dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64};

/// Hashed numbers, some of them NaN.
Array with_nan(std::int64_t count, DType dtype, std::uint64_t seed, std::uint64_t one_in = 7) {
  const Array a = hashed_array(count, dtype, seed);
  if (!dtype.is_floating()) return a;
  for (std::int64_t k = 0; k < count; ++k)
    if (hashed(static_cast<std::uint64_t>(k), seed + 1) % one_in == 0) a(k) = std::nan("");
  return a;
}

Array mask(std::int64_t rows, std::int64_t columns) {
  const Array m = hashed_array(rows * columns, u8, 5) > 80;
  return m.reshape({rows, columns});
}

class EveryReduction : public testing::TestWithParam<DType> {
 protected:
  /// Of the sweep over dtypes, for the functions of a test: each has two other ways, 0 to 4 all nine.
  int number(int function = 0) const {
    return static_cast<int>(std::find(std::begin(all_dtypes), std::end(all_dtypes), GetParam()) - all_dtypes) +
           function;
  }
};

const auto totals = jit([](Array a) {
  return std::tuple(sum(a), prod(a), mean(a), variance(a), stddev(a), any(a), all(a), count_nonzero(a), nansum(a),
                    nanprod(a), nanmean(a), nanvariance(a), nanstddev(a));
});
const auto extremes = jit([](Array a) {
  return std::tuple(min(a), max(a), argmin(a), argmax(a), nanmin(a), nanmax(a), nanargmin(a), nanargmax(a));
});

TEST_P(EveryReduction, OfEverything) {
  for (const std::int64_t n : {1, 2, 63, 2048, 2049, 5000}) {
    SCOPED_TRACE(n);
    const Array a = hashed_array(n, GetParam(), 11), b = with_nan(n, GetParam(), 13);
    for (const Array& x : {a, b, placed(a, Placement::reversed_2)}) {
      everywhere(totals, [&](const auto& f) { return results(f(x)); }, number());
      everywhere(extremes, [&](const auto& f) { return results(f(x)); }, number(1));
    }
    if (HasFailure()) return;
  }
}

// Rows of any length, columns, and both, of memory that lies in any way.
const auto along = jit([](Array a, Array m, int k) {
  return std::tuple(argmin(a, {.axis = k}), nanargmax(a, {.axis = k, .keepdims = true}), nanmin(a, {.axis = k}),
                    sum(a, {.axis = k, .where = m, .initial = 1}), nanmean(a, {.axis = k, .where = m}),
                    variance(a, {.axis = k, .keepdims = true, .ddof = 1}), count_nonzero(a, {.axis = k}),
                    prod(a, {.axis = k, .dtype = f64}));
});

TEST_P(EveryReduction, AlongAnAxis) {
  struct {
    std::int64_t rows, columns;
  } const shapes[] = {{1, 1}, {3, 1}, {1, 5}, {17, 33}, {5, 2100}, {300, 3}};
  for (const auto& [rows, columns] : shapes) {
    SCOPED_TRACE(std::to_string(rows) + " by " + std::to_string(columns));
    const Array a = with_nan(rows * columns, GetParam(), 17).reshape({rows, columns}), m = mask(rows, columns);
    for (const int k : {0, 1}) {
      everywhere(along, [&](const auto& f) { return results(f(a, m, k)); }, number(k));
      if (rows == 17)
        everywhere(
            along, [&](const auto& f) { return results(f(placed(a, Placement::fortran), m(0, _), k)); }, number(2 + k));
      if (HasFailure()) return;
    }
  }
}

TEST_P(EveryReduction, OfViews) {
  static const auto of_views = jit([](Array a) {
    return std::tuple(argmin(a), argmax(a, {.axis = 1}), mean(a, {.axis = {0, 2}}), stddev(a, {.axis = {1, 2}}),
                      nanargmin(a, {.axis = -1}), count_nonzero(a, {.axis = {-1, 0}}), max(a, {.axis = 0}));
  });
  const Array cube = with_nan(6 * 10 * 14, GetParam(), 19, 40).reshape({6, 10, 14});
  int view = 0;
  for (const Array& x : {cube, cube.transpose({2, 0, 1}), Array(cube(slice(_, _, -1), slice(1, 9, 3), slice(_, _, -2))),
                         broadcast_to(Array(cube(slice(0, 1), slice(0, 1), _)), {4, 5, 14})}) {
    everywhere(of_views, [&](const auto& f) { return results(f(x)); }, number(view++));
    if (HasFailure()) return;
  }
}

TEST_P(EveryReduction, OfExpressions) {
  static const auto of_expressions = jit([](Array a, Array b) {
    const Array joined = where(b, a, a * a);
    return std::tuple(argmin(joined), argmax(a * a), sum(a * a, {.where = b}), variance(a * a, {.axis = 1}),
                      nanargmax(joined, {.axis = 0}), mean(where(b, a, 0)));
  });
  for (const std::int64_t n : {3, 100, 2500}) {
    const Array a = with_nan(4 * n, GetParam(), 23, 1000).reshape({4, n}), b = mask(4, n);
    everywhere(of_expressions, [&](const auto& f) { return results(f(a, b)); }, number(4));
    if (HasFailure()) return;
  }
}

// Each by itself, so that no loop is shared with another; all options of each together.
TEST_P(EveryReduction, Alone) {
  const auto functions = reduction_functions();
  const Array a = with_nan(9 * 130, GetParam(), 29).reshape({9, 130}), m = mask(9, 130);
  for (int k = 0; k < static_cast<int>(functions.size()); ++k) {
    const ReductionFunction& f = functions[static_cast<std::size_t>(k)];
    if (!f.takes_dtype(GetParam())) continue;
    SCOPED_TRACE(f.name);
    const auto one = jit([](Array x, Array y, ReduceConstants c) { return reduced(x, y, c); });
    for (const int axes : {1, 2, 3}) {
      ReduceConstants c{.which = k, .axes = axes, .keepdims = axes == 2};
      c.masked = f.takes(detail::ReduceOption::where);
      c.initial = f.takes(detail::ReduceOption::initial);
      if (f.takes(detail::ReduceOption::ddof)) c.ddof = 1;
      const Array wanted = one.with({.interpret = true})(a, m, c);
      if (tests::is_gpu_tested()) {
        if (tests::is_taken(3 * k + axes + static_cast<int>(GetParam().size()), 9))
          on_gpu(one, [&](const auto& g) { return results(g(a, m, c)); }, {wanted});
        continue;
      }
      const JitOptions narrow{.vector_bits = 128, .threads = 3, .force_threads = true};
      EXPECT_TRUE(same_bits(axes == 3 ? reduced(a, m, c) : one.with(narrow)(a, m, c), wanted));
    }
    if (HasFailure()) return;
  }
}

TEST_P(EveryReduction, Cumulative) {
  static const auto cumulative = jit([](Array a) {
    return std::tuple(cumsum(a), cumsum(a, {.axis = 0}), cumprod(a, {.axis = -1}), cumsum(a * a, {.axis = 1}),
                      cumprod(a, {.axis = 0, .dtype = f32}));
  });
  for (const std::int64_t columns : {0, 1, 5, 70}) {
    const Array a = with_nan(13 * columns, GetParam(), 31, 300).reshape({13, columns});
    everywhere(cumulative, [&](const auto& f) { return results(f(a)); }, number());
    everywhere(cumulative, [&](const auto& f) { return results(f(placed(a, Placement::reversed_2))); }, number(1));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, EveryReduction, testing::ValuesIn(all_dtypes),
                         [](const auto& test) { return test.param.name(); });

// ---- Definitions ----------------------------------------------------------------------------------------------------

// Halves are summed in f32 and rounded once: what f32 gives, rounded.
TEST(Reductions, HalvesAreF32RoundedOnce) {
  static const auto all_of = jit([](Array a) {
    return std::tuple(sum(a), prod(a), mean(a), variance(a), stddev(a), min(a), max(a), ptp(a), nansum(a));
  });
  for (const DType half : {f16, bf16}) {
    const Array a = hashed_array(3000, half, 31) * half(Value(0.25));
    const auto narrow = results(all_of(a)), wide = results(all_of(a.astype(f32)));
    for (std::size_t k = 0; k < narrow.size(); ++k) EXPECT_TRUE(same_bits(narrow[k], wide[k].astype(half))) << k;
  }
}

TEST(Reductions, TheFirstOfEqualsIsFound) {
  static const auto positions = jit([](Array a) {
    return std::tuple(argmin(a), argmax(a), nanargmin(a), nanargmax(a), argmin(a, {.axis = 0}),
                      nanargmax(a, {.axis = 0}));
  });
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  struct {
    std::vector<double> numbers;
    std::int64_t least, most, least_number, most_number;
  } const cases[] = {
      {{0.0, -0.0, 0.0}, 0, 0, 0, 0},
      {{1, nan, 0, nan, 2}, 1, 1, 2, 4},
      {{nan, nan}, 0, 0, -1, -1},
      {{infinity, infinity}, 0, 0, 0, 0},
      {{nan, infinity, infinity}, 0, 0, 1, 1},
      {{-infinity, -infinity, nan}, 2, 2, 0, 0},
  };
  for (const auto& c : cases) {
    const auto r = everywhere(positions, [&](const auto& f) { return results(f(array(c.numbers))); });
    const std::int64_t wanted[] = {c.least, c.most, c.least_number, c.most_number, c.least, c.most_number};
    for (std::size_t k = 0; k < r.size(); ++k) EXPECT_EQ(numbers<std::int64_t>(r[k])[0], wanted[k]) << "result " << k;
    // Along an axis that is not the last.
    const auto column = array(c.numbers).reshape({-1, 1});
    EXPECT_EQ(numbers<std::int64_t>(argmin(column, {.axis = 0}))[0], c.least);
    EXPECT_EQ(numbers<std::int64_t>(nanargmin(column, {.axis = 0}))[0], c.least_number);
    EXPECT_EQ(numbers<std::int64_t>(nanargmax(column, {.axis = 0}))[0], c.most_number);
  }
  // In whichever block they lie.
  for (const std::int64_t at : {0, 2047, 2048, 4095, 9999}) {
    const Array a = ones({10'000}, f32);
    a(at) = -1;
    a(9999) = -1;
    EXPECT_EQ(argmin(a).as_integer(), at);
    EXPECT_EQ(argmin(a.reshape({100, 100}).T()).as_integer(), at % 100 * 100 + at / 100);
    a(at) = std::nan("");
    EXPECT_EQ(argmax(a).as_integer(), at);
    EXPECT_EQ(nanargmin(a).as_integer(), at == 9999 ? 0 : 9999);
  }
}

TEST(Reductions, OfNothing) {
  const Array none = zeros({0}), rows = zeros({3, 0}), columns = zeros({0, 3});
  EXPECT_EQ(sum(none).as_double(), 0);
  EXPECT_EQ(prod(none).as_double(), 1);
  EXPECT_TRUE(std::isnan(mean(none).as_double()));
  EXPECT_TRUE(std::isnan(variance(none).as_double()));
  EXPECT_TRUE(std::isnan(nanstddev(none).as_double()));
  EXPECT_EQ(count_nonzero(none).as_integer(), 0);
  EXPECT_TRUE(same_bits(min(rows, {.axis = 1, .initial = 4}), full({3}, 4.0)));
  EXPECT_TRUE(same_bits(nanmax(none, {.initial = -1}), as_array(Value(-1.0))));
  // Nothing of nothing is asked for: no error, as in NumPy.
  EXPECT_TRUE(same_bits(max(rows, {.axis = 0}), zeros({0})));
  EXPECT_TRUE(same_bits(min(zeros({0, 0}), {.axis = 1}), zeros({0})));
  EXPECT_TRUE(same_bits(argmax(columns, {.axis = 1}), zeros({0}, i64)));
}

TEST(Reductions, OfRank0) {
  static const auto f = jit([](Array a) {
    return std::tuple(sum(a), argmin(a), variance(a), nanargmin(a), max(a, {.keepdims = true}), count_nonzero(a));
  });
  for (const double x : {2.5, std::nan("")}) {
    const Array a = empty(Shape({}));
    a(rest) = x;
    const auto r = everywhere(f, [&](const auto& g) { return results(g(a)); });
    EXPECT_EQ(numbers<std::int64_t>(r[1])[0], 0);
    EXPECT_EQ(numbers<std::int64_t>(r[3])[0], std::isnan(x) ? -1 : 0);
    EXPECT_EQ(r[4].rank(), 0);
  }
}

TEST(Reductions, NumbersOfTheCallAsOptions) {
  static const auto f = jit([](Array a, Value from) {
    Var most = from;
    most.max(a(0));
    return std::tuple(sum(a, {.where = a > from, .initial = from}), min(a, {.initial = most}));
  });
  const Array a = array_from<double>({3, -1, 8, 5});
  const auto r = everywhere(f, [&](const auto& g) { return results(g(a, 2)); });
  EXPECT_EQ(numbers<double>(r[0])[0], 18);
  EXPECT_EQ(numbers<double>(r[1])[0], -1);
}

// ---- Inside loops ---------------------------------------------------------------------------------------------------

TEST(Reductions, InsideLoops) {
  static const auto f = jit([](Array a, Array out) {
    Var total = 0;
    for (Value i : prange(a.shape(0))) {
      out(i, 0) = argmin(a(i, _));
      out(i, 1) = i64(100 * nanvariance(a(i, _) * 2));
      out(i, 2) = nanargmax(a(i, slice(0, 7)));
      total += argmax(a(i, _));
    }
    for (Value i : range(a.shape(1))) out(0, 0) += argmin(a(_, i));
    return std::tuple(total, out);
  });
  const Array a = with_nan(40 * 300, f64, 37, 90).reshape({40, 300});
  everywhere(f, [&](const auto& g) { return results(g(a, zeros({40, 3}, i64))); });
}

// A Var of outside a prange, updated in loops inside it: what a loop contributes is folded by its own order, then joins
// the term of the turn around it.
TEST(Reductions, NestedLoops) {
  static const auto nested = jit([](Array a) {
    Var by_range = 0.0, by_prange = 0.0, by_rows = 0.0, guarded = 0.0, several = 1.0, most = a(0, 0);
    for (Value i : prange(a.shape(0)))
      for (Value j : range(a.shape(1))) by_range += a(i, j);
    for (Value i : prange(a.shape(0)))
      for (Value j : prange(a.shape(1))) by_prange += a(i, j);
    for (Value i : range(a.shape(0)))
      for (Value j : range(a.shape(1))) by_rows += a(i, j);
    for (Value i : prange(a.shape(0))) {
      if_(a(i, 0) > 0, [&] {
        for (Value j : range(i)) if_(a(i, j % a.shape(1)) > 0, [&] { guarded += a(i, j % a.shape(1)); });
      });
      guarded += 1;
    }
    for (Value i : prange(a.shape(0))) {
      Var left = 3;
      while_([&] { return left > 0; },
             [&] {
               for (Value j : prange(a.shape(1))) {
                 several *= 1 + a(i, j) * 0.01;
                 for (Value k : range(left)) most.max(a(i, j) - k);
               }
               left -= 1;
             });
      several *= 1 - a(i, 0) * 0.01;
    }
    return std::tuple(by_range, by_prange, by_rows, guarded, several, most);
  });
  static const auto left_early = jit([](Array a) {
    Var s = 0.0, n = 0;
    for (Value i : prange(a.shape(0))) {
      for (Value j : range(a.shape(1))) {
        s += a(i, j);
        break_if(a(i, j) > 2);
        continue_if(a(i, j) < -2);
        n += 1;
      }
    }
    return std::tuple(s, n);
  });
  for (const std::int64_t columns : {0, 1, 37, 300, 2100}) {
    SCOPED_TRACE(columns);
    const Array a = hashed_array(50 * columns, f64, 43).reshape({50, columns});
    if (columns > 0) everywhere(nested, [&](const auto& f) { return results(f(a)); });
    everywhere(left_early, [&](const auto& f) { return results(f(a)); });
    if (HasFailure()) return;
  }
  // The definition, of one of them: rows of the wide order, whose sums are the terms of the wide order.
  const Array a = hashed_array(50 * 2100, f64, 43).reshape({50, 2100});
  const Array rows = sum(a, {.axis = 1});
  static const auto by_prange = jit([](Array x) {
    Var s = 0.0;
    for (Value i : prange(x.shape(0)))
      for (Value j : prange(x.shape(1))) s += x(i, j);
    return s;
  });
  EXPECT_TRUE(same_bits(by_prange(a), sum(rows)));
}

// A Var of halves is folded in f32 through all its loops and rounded once.
TEST(Reductions, NestedLoopsOfHalves) {
  static const auto nested = jit([](Array x) {
    Var s(0, x.dtype());
    for (Value i : prange(x.shape(0)))
      for (Value j : range(x.shape(1))) s += x(i, j);
    for (Value i : prange(x.shape(0)))
      for (Value j : prange(x.shape(1))) s += x(i, j);
    return s;
  });
  for (const DType half : {f16, bf16}) {
    const Array a = hashed_array(40 * 300, half, 61).reshape({40, 300});
    const auto r = everywhere(nested, [&](const auto& f) { return results(f(a)); });
    EXPECT_EQ(r[0].dtype(), half);
  }
  static const auto ones_of = jit([](Array x) {
    Var s(0, x.dtype());
    for (Value i : prange(x.shape(0)))
      for (Value j : range(x.shape(1))) s += x(i, j);
    return s;
  });
  // 2049 is no f16; 31 times that is 63520, rounded once, and 63488, if each row were rounded.
  EXPECT_EQ(ones_of(ones({31, 2049}, f16)).as_double(), 63520);
}

// ---- Loops and memory -----------------------------------------------------------------------------------------------

int parallel_loops(const std::string& program) {
  int count = 0;
  for (std::size_t at = program.find("parallel i"); at != std::string::npos; at = program.find("parallel i", at + 1))
    ++count;
  return count;
}

// The bytes that a call takes at most beside its arguments.
template <class F, class... A>
std::uint64_t bytes_taken(const F& f, const A&... arguments) {
  (void)f(arguments...);
  reset_high_water_mark();
  const std::uint64_t before = memory_info().bytes_in_use;
  (void)f(arguments...);
  return memory_info().high_water_mark - before;
}

TEST(Reductions, OnePassAndNoTemporary) {
  static const auto masked = jit([](Array a, Array b) { return sum(a * b, {.where = a > 0}); });
  static const auto chosen = jit([](Array a, Array b) { return sum(where(a > 0, a * b, 0)); });
  static const auto rows = jit([](Array a) { return variance(a, {.axis = 1}); });
  static const auto rows_of_products = jit([](Array a, Array b) { return stddev(a * b, {.axis = 1}); });
  static const auto first = jit([](Array a) { return argmin(a); });
  static const auto first_of_products = jit([](Array a, Array b) { return argmax(a * b + 1); });
  const Array a = hashed_array(1 << 20, f64, 47).reshape({1024, 1024}), b = a + 1;
  constexpr std::uint64_t little = 400'000;  // a is 8 MB; the counter is exact to 64 KiB for each thread
  EXPECT_LT(bytes_taken(masked, a, b), little);
  EXPECT_LT(bytes_taken(chosen, a, b), little);
  EXPECT_LT(bytes_taken(rows, a), little);
  EXPECT_LT(bytes_taken(rows_of_products, a, b), little);
  EXPECT_LT(bytes_taken(first, a), little);
  // Where indices are checked, as in a debug build, the product does not move: its last index is read from memory.
  EXPECT_LT(bytes_taken(first_of_products.with({.bounds_check = false}), a, b), little);
  EXPECT_EQ(parallel_loops(masked.inspect("scheduled").c_str()), 1);
  EXPECT_EQ(parallel_loops(chosen.inspect("scheduled").c_str()), 1);
  const std::string program = rows.inspect("scheduled").c_str();
  EXPECT_EQ(parallel_loops(program), 3);  // over the rows, and inside it both passes
  EXPECT_EQ(parallel_loops(program.substr(program.find("\n    parallel i"))), 2) << program;
}

// ---- Many elements --------------------------------------------------------------------------------------------------

#if defined(__SANITIZE_ADDRESS__)
constexpr std::int64_t many = 1'000'000;
#else
constexpr std::int64_t many = 10'000'000;
#endif

/// Hashes as numbers of a dtype: integers as they are, floats of both signs and several magnitudes, as hashed_array's.
Array many_hashed(DType dtype) {
  static const Array hashes = hashed_array(many, u64, 41);
  static const auto spread = jit([](Array h) { return (f64(h >> 11) * 0x1p-52 - 1) / f64(1 << i64(h & 7)); });
  if (dtype.is_bool()) return (hashes & 3) != 0;
  if (dtype.is_integer()) return hashes.astype(dtype);
  const Array x = spread(hashes);
  return dtype.is_complex() ? complex(x, Array(x(slice(_, _, -1)))).astype(dtype) : x.astype(dtype);
}

class ManyElements : public testing::TestWithParam<DType> {};

// Ten million elements: the same results on 1, 2, 3, 5 and 8 threads with vectors of 128, 256 and 512 bits.
TEST_P(ManyElements, AnyThreadsAndAnyWidth) {
  static const auto f = jit([](Array a) {
    // Factors near 1, or odd, so that a product stays a number that every rounding shows in.
    const auto factors = [&] {
      if (a.dtype().is_bool()) return a;
      if (a.dtype().is_integer()) return a | 1;
      const double little = a.dtype() == f16 ? 0x1p-10 : a.dtype() == bf16 ? 0x1p-7 : 1e-6;
      return a * a.dtype()(little) + a.dtype()(1);
    };
    return std::tuple(sum(a), prod(factors()), mean(a), variance(a), argmin(a));
  });
  if (tests::is_gpu_sample()) GTEST_SKIP() << "too many elements for the simulated GPU";
  const Array a = many_hashed(GetParam());
  Results wanted;
  for (const int bits : {128, 256, 512})
    for (const int threads : {1, 2, 3, 5, 8}) {
      const JitOptions options{.vector_bits = bits, .threads = threads, .force_threads = true};
      const Results actual = results(f.with(options)(a));
      EXPECT_EQ(last_call().vector_bits, bits);
      EXPECT_EQ(last_call().threads, threads) << last_call().threads_reason;
      if (wanted.empty()) wanted = actual;
      for (std::size_t k = 0; k < wanted.size(); ++k)
        EXPECT_TRUE(same_bits(actual[k], wanted[k])) << "result " << k << ", " << text_of(options);
    }
  if (tests::is_gpu_tested()) on_gpu(f, [&](const auto& g) { return results(g(a)); }, wanted);
  EXPECT_TRUE(same_bits(as_array(sum(a)), wanted[0])) << "eager";
  // Numbers, so that equal bits say something.
  for (const Array& r : wanted) EXPECT_TRUE(isfinite(r.astype(r.dtype().is_complex() ? c128 : f64))().as_bool());
}

INSTANTIATE_TEST_SUITE_P(Dtypes, ManyElements,
                         testing::Values(bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64, c64, c128),
                         [](const auto& test) { return test.param.name(); });

}  // namespace
}  // namespace kiln::conformance
