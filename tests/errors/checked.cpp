// Indices that nothing can prove before the loops: checked as they come, with the error that the interpreter raises.
#include "tests/errors/expect_error.h"
#include "tests/support/gpu_run.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

constexpr JitOptions ways[] = {
    {.bounds_check = true},
    {.bounds_check = true, .vector_bits = 128},
    {.bounds_check = true, .vector_bits = 512, .threads = 1, .force_threads = true},
    {.bounds_check = true, .vector_bits = 256, .threads = 3, .force_threads = true},
};

template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const IndexError& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}

// The call raises the same error, letter by letter, interpreted and compiled in every way. Returns its text.
template <class F, class Call>
std::string same_error(const F& f, const Call& call, Location where = Location::current()) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "same_error");
  const std::string wanted = error_of([&] { call(f.with({.interpret = true})); });
  EXPECT_NE(wanted.find("index out of bounds: "), std::string::npos) << wanted;
  for (const JitOptions& options : ways) {
    EXPECT_EQ(error_of([&] { call(f.with(options)); }), wanted)
        << options.vector_bits << " bits, " << options.threads << " threads";
  }
  return wanted;
}

Array indices(std::int64_t n, std::int64_t at, std::int64_t wrong) {
  const Array a = arange(n) % 7;
  if (n > 0) a(at) = wrong;
  return a;
}

Array pair(std::int64_t first, std::int64_t second) { return array(std::vector<std::int64_t>{first, second}); }

const auto gather = jit([](Array a, Array at) {
  Array out = zeros_like(at).astype(a.dtype());
  for (Value i : prange(at.shape(0))) {
    next_line_is_wrong();
    out(i) = a(at(i));
  }
  return out;
});

TEST(Checked, EveryPartOfTheMessage) {
  for (const bool interpret : {false, true})
    expect_error<IndexError>(
        {"bounds: 7 on axis 0", {"f32"}, {"(7,)"}, "shorten the range, or guard the access", {"array argument 1"}},
        [&] { gather.with({.bounds_check = true, .interpret = interpret})(zeros(7, f32), indices(100, 60, 7)); });
}

// The term of each i reads a(at(i)), whatever is folded.
template <class Term>
void expect_asked(const Term&) {
  const auto f = jit([](Array a, Array at) {
    Array out = zeros_like(at).astype(f64);
    for (Value i : prange(at.shape(0))) out(i) = Term{}(a, at, i);
    return out;
  });
  const Array a = arange(7) * 1.5, within = indices(100, 60, 6);
  const std::string text = same_error(f, [&](const auto& g) { g(a, indices(100, 60, 7)); });
  EXPECT_NE(text.find("bounds: 7 on axis 0"), std::string::npos) << text;
  const Array wanted = f.with({.interpret = true})(a, within);
  for (const JitOptions& options : ways) EXPECT_TRUE(array_equal(f.with(options)(a, within), wanted).as_bool());
}

// `x || true` is true, and has asked for x.
TEST(Checked, ElementsOfWhatIsFoldedAway) {
  expect_asked([](Array a, Array at, Value i) { return where(a(at(i)) > 3 || Value(true), 1, 2); });
  expect_asked([](Array a, Array at, Value i) { return where(a(at(i)) > 3 && Value(false), 1, 2); });
  expect_asked([](Array a, Array at, Value i) {
    const Value above = a(at(i)) > 3;
    return where(above || !above, 1, 2);
  });
  expect_asked([](Array a, Array at, Value i) { return where(a(at(i)) > 3, a(i % 7), a(i % 7)); });
  expect_asked([](Array a, Array at, Value i) {
    const Value j = i64(a(at(i)));
    return a(j - j);
  });
  expect_asked([](Array a, Array at, Value i) {
    const Value j = i64(a(at(i)));
    return where(j <= j + 1, 1, 2);
  });
  expect_asked([](Array a, Array at, Value i) {
    const Value j = i64(i32(a(at(i))));
    return i64(a(slice(j, j + 4, 2)).shape(0)) * 0 + 1;
  });
  expect_asked([](Array a, Array at, Value i) {
    const Value above = a(at(i)) > 3, either = a(i % 7) < 100 || above;
    return where(above, either, either);
  });
}

// What is named in front of a branch or a loop is read there, whether or not they run.
TEST(Checked, ElementsThatOnlyABranchUses) {
  static const auto branch = jit([](Array a, Array at) {
    Array out = zeros_like(at).astype(f64);
    for (Value i : prange(at.shape(0))) {
      Value x = a(at(i));
      if_(at(i) < 7, [&] { out(i) = x; });
    }
    return out;
  });
  static const auto loop = jit([](Array a, Array at) {
    Array out = zeros_like(at).astype(f64);
    for (Value i : prange(at.shape(0))) {
      Value x = a(at(i));
      for (Value j : range(at(i) - 8)) out(i) += x * j;
    }
    return out;
  });
  const Array a = arange(7) * 1.5;
  for (const std::string& text : {same_error(branch, [&](const auto& f) { f(a, indices(100, 60, 7)); }),
                                  same_error(loop, [&](const auto& f) { f(a, indices(100, 60, 7)); })})
    EXPECT_NE(text.find("bounds: 7 on axis 0"), std::string::npos) << text;
}

TEST(Checked, AtTheBorders) {
  constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  const Array a = arange(7) * 1.5;
  for (const std::int64_t n : {1, 5, 64, 1000, 5000})
    for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{7}, std::int64_t{8}, std::int64_t{1} << 32,
                                       -(std::int64_t{1} << 32), smallest, largest})
        EXPECT_NE(
            same_error(gather, [&](const auto& f) { f(a, indices(n, at, wrong)); })
                .find("bounds: " + std::to_string(wrong) + " on axis 0 of array argument 1 (f64 array of shape (7,))"),
            std::string::npos);
      for (const std::int64_t right : {0, 6})
        for (const JitOptions& options : ways)
          EXPECT_TRUE(array_equal(gather.with(options)(a, indices(n, at, right)),
                                  gather.with({.interpret = true})(a, indices(n, at, right)))
                          .as_bool());
    }
}

TEST(Checked, NarrowIndices) {
  const Array a = arange(100).astype(u8);
  for (const DType dtype : {i8, i16, i32, u8, u32})
    for (const int wrong : {100, 120})
      same_error(gather, [&](const auto& f) { f(a, indices(300, 200, wrong).astype(dtype)); });
  for (const DType dtype : {i8, i16, i32})
    same_error(gather, [&](const auto& f) { f(a, indices(300, 200, -1).astype(dtype)); });
}

TEST(Checked, EmptyArrays) {
  same_error(gather, [](const auto& f) { f(zeros(0), zeros(3, i64)); });
  for (const JitOptions& options : ways)
    EXPECT_EQ(gather.with(options)(zeros(0), zeros(0, i64)).shape(0).as_integer(), 0);
}

TEST(Checked, Numbers) {
  const auto pick = jit([](Array a, Array at) { return Value(a(i64(at(0)), i64(at(1)))); });
  const Array m = zeros({3, 4});
  EXPECT_NE(same_error(pick, [&](const auto& g) { g(m, pair(3, 1)); }).find("3 on axis 0"), std::string::npos);
  EXPECT_NE(same_error(pick, [&](const auto& g) { g(m, pair(1, -1)); }).find("-1 on axis 1"), std::string::npos);
  EXPECT_NE(same_error(pick, [&](const auto& g) { g(m, pair(9, 9)); }).find("9 on axis 0"), std::string::npos);
}

TEST(Checked, SecondAxisInLanes) {
  const auto f = jit([](Array m, Array row, Array column) {
    Array out = zeros_like(row).astype(m.dtype());
    for (Value i : prange(row.shape(0))) out(i) = m(row(i), column(i));
    return out;
  });
  const Array m = zeros({7, 9});
  EXPECT_NE(same_error(f, [&](const auto& g) { g(m, indices(200, 150, 6), indices(200, 150, 9)); }).find("9 on axis 1"),
            std::string::npos);
  EXPECT_NE(same_error(f, [&](const auto& g) { g(m, indices(200, 150, 7), indices(200, 150, 9)); }).find("7 on axis 0"),
            std::string::npos);
}

TEST(Checked, Stores) {
  const auto f = jit([](Array to, Array at, Array a) {
    for (Value i : range(at.shape(0))) to(at(i)) = a(i);
  });
  same_error(f, [](const auto& g) { g(zeros(7), indices(90, 70, 7), zeros(90)); });
  same_error(f, [](const auto& g) { g(zeros(7)(slice(_, _, -1)), indices(90, 70, -2), zeros(90)); });
}

TEST(Checked, Updates) {
  const auto histogram = jit([](Array bins, Array at) {
    for (Value i : prange(at.shape(0))) bins(at(i)) += 1;
  });
  for (const DType dtype : {i32, i64, f32, f64})
    same_error(histogram, [&](const auto& g) { g(zeros(7, dtype), indices(5000, 4321, 7)); });
}

TEST(Checked, UnderConditions) {
  const auto f = jit([](Array a, Array at, Array on) {
    for (Value i : prange(at.shape(0))) if_(on(i), [&] { a(i) = a(at(i)) + 1; }, [&] { a(i) = 2; });
  });
  const Array at = indices(100, 77, -3);
  const auto on = [](std::int64_t which) {
    const Array mask = zeros(100, bool_);
    mask(which) = true;
    return mask;
  };
  same_error(f, [&](const auto& g) { g(zeros(100), at, on(77)); });
  for (const JitOptions& options : ways) EXPECT_NO_THROW(f.with(options)(zeros(100), at, on(76)));
}

TEST(Checked, GuardedLoads) {
  const auto f = jit([](Array a, Array at, Value limit) {
    Array out = zeros_like(at).astype(f64);
    for (Value i : prange(at.shape(0))) {
      Value j = at(i);
      out(i) = where(j < limit, a(j), -1.0) + where(j >= 0 && a(j) > 100, 1, 0);
    }
    return out;
  });
  const Array a = arange(7) * 1.0;
  same_error(f, [&](const auto& g) { g(a, indices(100, 50, 8), 9); });
  same_error(f, [&](const auto& g) { g(a, indices(100, 50, -1), 0); });
  const Array fine = indices(100, 50, 6);
  for (const JitOptions& options : ways)
    EXPECT_TRUE(array_equal(f.with(options)(a, fine, 7), f.with({.interpret = true})(a, fine, 7)).as_bool());
}

TEST(Checked, LoopsInsideLanes) {
  const auto f = jit([](Array starts, Array next, Array out) {
    for (Value i : prange(starts.shape(0))) {
      Var at = i64(starts(i)), steps = 0;
      while_([&] { return at != 0 && steps < 50; },
             [&] {
               at = i64(next(at));
               steps += 1;
             });
      out(i) = steps;
    }
  });
  const auto chain = [](std::int64_t last) {
    const Array next = maximum(arange(20) - 1, 0);
    next(5) = last;
    return next;
  };
  same_error(f, [&](const auto& g) { g(arange(40) % 20, chain(20), zeros(40, i64)); });
  same_error(f, [&](const auto& g) { g(arange(40) % 20, chain(-1), zeros(40, i64)); });
  for (const JitOptions& options : ways) EXPECT_NO_THROW(f.with(options)(arange(40) % 20, chain(3), zeros(40, i64)));
}

TEST(Checked, RaggedRows) {
  const auto f = jit([](Array starts, Array values) {
    Array out = zeros({starts.shape(0) - 1});
    for (Value i : prange(starts.shape(0) - 1)) {
      Var sum = 0.0;
      for (Value k : range(i64(starts(i)), i64(starts(i + 1)))) sum += values(k);
      out(i) = sum;
    }
    return out;
  });
  const auto starts = [](std::int64_t last) {
    const Array a = arange(33) * 3;
    a(32) = last;
    return a;
  };
  const std::string what = same_error(f, [&](const auto& g) { g(starts(97), zeros(96)); });
  EXPECT_NE(what.find("96 on axis 0 of array argument 2"), std::string::npos) << what;
  for (const JitOptions& options : ways) EXPECT_NO_THROW(f.with(options)(starts(96), zeros(96)));
}

TEST(Checked, Reductions) {
  const auto f = jit([](Array a, Array at) {
    Var side_by_side = 0.0, in_order = 0.0;
    for (Value i : prange(at.shape(0))) side_by_side += a(at(i));
    for (Value i : range(at.shape(0))) in_order += a(at(i)) * 2;
    return std::tuple(side_by_side, in_order);
  });
  for (const std::int64_t n : {10, 1000, 20000})
    same_error(f, [&](const auto& g) { g(arange(7) * 1.0, indices(n, n - 1, 7)); });
}

TEST(Checked, RowsAndTheirOwnArrays) {
  const auto f = jit([](Array m, Array at) {
    Array out = zeros({m.shape(0)});
    for (Value i : prange(m.shape(0))) {
      Array row = zeros({8});
      for (Value j : range(8)) row(at(i, j)) = m(i, j);
      out(i) = sum(row);
    }
    return out;
  });
  const auto at = [](std::int64_t wrong) {
    const Array a = (arange(240) % 8).reshape({30, 8});
    a(17, 3) = wrong;
    return a;
  };
  const std::string what = same_error(f, [&](const auto& g) { g(ones({30, 8}), at(8)); });
  EXPECT_NE(what.find("an array made in the function (f64 array of shape (8,))"), std::string::npos) << what;
  same_error(f, [&](const auto& g) { g(ones({30, 8}), at(-1)); });
}

TEST(Checked, Reshapes) {
  const auto f = jit([](Array m, Array at) {
    Array flat = m.reshape({-1});
    Array out = zeros_like(at).astype(f64);
    for (Value i : prange(at.shape(0))) out(i) = flat(at(i));
    return out;
  });
  const std::string what = same_error(f, [&](const auto& g) { g(zeros({3, 4}), indices(30, 20, 12)); });
  EXPECT_NE(what.find("a reshape of array argument 1"), std::string::npos) << what;
}

// An array that nobody reads, written outside: an error all the same.
TEST(Checked, StoresThatNothingReads) {
  const auto f = jit([](Array at) {
    Array scratch = zeros({7});
    for (Value i : range(at.shape(0))) scratch(at(i)) = 1;
    return at + 1;
  });
  same_error(f, [&](const auto& g) { g(indices(30, 20, 7)); });
}

// Of several the first iteration counts, however many threads there are.
TEST(Checked, TheFirstIterationIsReported) {
  const Array at = indices(100'000, 99'999, 1000);
  for (std::int64_t k = 61'007; k < 100'000; k += 64) at(k) = k;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const std::string what = same_error(gather, [&](const auto& g) { g(zeros(7), at); });
    EXPECT_NE(what.find("bounds: 61007 on"), std::string::npos) << what;
  }
}

TEST(Checked, FunctionsServeAgainAfterAnError) {
  const auto checked = gather.with({.bounds_check = true, .threads = 2, .force_threads = true});
  const Array a = arange(7) * 1.0, fine = indices(5000, 0, 3);
  for (int k = 0; k < 5; ++k) {
    EXPECT_THROW(checked(a, indices(5000, 4000, 7)), IndexError);
    EXPECT_TRUE(array_equal(checked(a, fine), gather.with({.interpret = true})(a, fine)).as_bool());
  }
}

// ---- Shapes and slices that depend on the iteration of a prange -----------------------------------------------------

// Checked in any mode, as shapes and slices always are; the same error as interpreted, or the same results.
template <class F, class Call>
void same_outcome(const F& f, const Call& call, bool fails, Location where = Location::current()) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "same_outcome");
  const auto outcome = [&](const JitOptions& options) {
    Array result;
    std::string error;
    try {
      result = call(f.with(options));
    } catch (const UsageError& e) {
      error = e.what();
    }
    return std::pair(result, error);
  };
  const auto [wanted, error] = outcome({.interpret = true});
  EXPECT_EQ(!error.empty(), fails) << error;
  for (JitOptions options : ways)
    for (const bool check : {false, true}) {
      options.bounds_check = check;
      const auto [found, message] = outcome(options);
      EXPECT_EQ(message, error) << options.vector_bits << " bits, " << options.threads << " threads";
      if (error.empty() && message.empty()) {
        EXPECT_TRUE(array_equal(found, wanted).as_bool());
      }
    }
}

TEST(Iterations, ShapesThatDiffer) {
  const auto f = jit([](Array a, Array m) {
    for (Value i : prange(m.shape(0))) m(i, 0) = sum(m(i, slice(i, 2)) * a);
    return m;
  });
  same_outcome(f, [](const auto& g) { return g(ones(2), ones({1, 3}, f32)); }, false);

  same_outcome(f, [](const auto& g) { return g(ones(3), ones({40, 3}, f32)); }, true);
}

TEST(Iterations, StoreOfASliceThatIsRead) {
  const auto f = jit([](Array n, Array a, Array m) {
    for (Value i : prange(m.shape(0))) m(i, slice(0, n(i))) = a(slice(0, n(i)));
    return m;
  });
  same_outcome(f, [](const auto& g) { return g(arange(3), arange(3), zeros({3, 3})); }, false);
  same_outcome(f, [](const auto& g) { return g(arange(300) % 5, arange(4), zeros({300, 4})); }, false);
  same_outcome(f, [](const auto& g) { return g(arange(300) % 5, arange(3), zeros({300, 4})); }, true);
}

TEST(Iterations, MaximumOfASliceThatIsRead) {
  const auto f = jit([](Array n, Array m) {
    for (Value i : prange(m.shape(0))) m(i, 0) = max(m(i, slice(0, n(i))));
    return m;
  });
  same_outcome(f, [](const auto& g) { return g(arange(1, 4), zeros({3, 3})); }, false);
  same_outcome(
      f, [](const auto& g) { return g(arange(100) % 3 + 1, (arange(300) % 17 * 1.0).reshape({100, 3})); }, false);
  same_outcome(f, [](const auto& g) { return g(arange(100) % 3, zeros({100, 3})); }, true);
}

TEST(Iterations, StepsThatAreRead) {
  const auto f = jit([](Array n, Array m) {
    for (Value i : prange(m.shape(0)))
      for (Value j : range(0, m.shape(1), n(i))) m(i, j) = 1;
    return m;
  });
  same_outcome(f, [](const auto& g) { return g(arange(1, 4), zeros({3, 3})); }, false);
  same_outcome(f, [](const auto& g) { return g(arange(1, 101), zeros({100, 30})); }, false);
  same_outcome(f, [](const auto& g) { return g(90 - arange(100), zeros({100, 30})); }, true);
}

TEST(Iterations, SumsOfRows) {
  const auto f = jit([](Array a, Array length) {
    Array out = zeros({length.shape(0)});
    for (Value i : prange(length.shape(0))) out(i) = sum(a(slice(0, i64(length(i)))));
    return out;
  });
  same_outcome(f, [](const auto& g) { return g(arange(50) * 0.5, arange(51)); }, false);
  const int rows = is_gpu_sample() ? 600 : 5100;  // the simulated GPU has a block of fibers for each
  same_outcome(f, [rows](const auto& g) { return g(arange(50) * 0.5, arange(rows) - 60); }, false);
}

}  // namespace
