// Misuse of scopes: what is rebound or carried out of a traced loop or branch, and names of plain C++ code.
#include "tests/errors/expect_error.h"

#include <utility>
#include <vector>

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Rebinding ------------------------------------------------------------------------------------------------------

TEST(Scopes, RebindingAParameterInABranch) {
  static auto f = jit([](Array a, Value n) {
    if_(n > 2, [&] {
      next_line_is_wrong();
      a = a + 1;
    });
    return a;
  });
  expect_error<UsageError>({"'='", {"f32"}, {"(2, 2)"}, "x(rest) = ", {"rebound"}}, [] { f(zeros({2, 2}, f32), 3); });
}

TEST(Scopes, RebindingInTheBodyOfAWhile) {
  static auto f = jit([](Array a) {
    Var n = 0;
    while_([&] { return n < 3; },
           [&] {
             n += 1;
             next_line_is_wrong();
             a = a * 2;
           });
    return a;
  });
  expect_error<UsageError>({"'='", {"i64"}, {"(3,)"}, "x(rest) = ", {"rebound"}}, [] { f(arange(3)); });
}

TEST(Scopes, ChoosingAnArrayInABranch) {
  static auto f = jit([](Array a, Array b, Value n) {
    Array chosen;
    next_line_is_wrong();
    if_(n > 2, [&] { chosen = a; }, [&] { chosen = b; });
    return chosen;
  });
  expect_error<UsageError>({"'='", no_dtypes, no_shapes, "x(rest) = ", {"rebound"}}, [] { f(zeros(3), ones(3), 3); });
}

TEST(Scopes, StandardSwapInALoop) {
  static auto f = jit([](Array a, Array b, Value n) {
    for (Value t : range(n)) {
      // std::swap takes no line: the newest line of the trace is named.
      next_line_is_wrong();
      b(rest) = a * t;
      std::swap(a, b);
    }
    return a;
  });
  expect_error<UsageError>({"'='", {"f64"}, {"(3,)"}, "kiln::swap(a, b)", {"rebound"}},
                           [] { f(zeros(3), zeros(3), 2); });
}

// ---- Carried out of a scope -----------------------------------------------------------------------------------------

TEST(Scopes, IndexOfALoopUsedAfterIt) {
  static auto f = jit([](Array a) {
    std::vector<Value> kept;
    for (Value i : prange(a.shape(0))) {
      a(i) = 1;
      kept.push_back(i);
    }
    next_line_is_wrong();
    return a(kept[0]);
  });
  expect_error<UsageError>(
      {"Value", {"i64"}, {"scalar"}, "in a Var declared before it", {"loop or branch that has ended"}},
      [] { f(zeros(3)); });
}

TEST(Scopes, ValueOfABranchUsedInTheOther) {
  static auto f = jit([](Array a, Value n) {
    std::vector<Value> kept;
    Var s = 0.0;
    if_(
        n > 2, [&] { kept.push_back(a(0) * 2); },
        [&] {
          next_line_is_wrong();
          s = kept[0];
        });
    return s;
  });
  expect_error<UsageError>(
      {"Value", {"f64"}, {"scalar"}, "in a Var declared before it", {"loop or branch that has ended"}},
      [] { f(zeros(3), 3); });
}

TEST(Scopes, VarOfALoopUsedAfterIt) {
  static auto f = jit([](Array a, Value n) {
    std::vector<Var> kept;
    kept.reserve(1);
    for (Value i : range(n)) kept.emplace_back(i);
    next_line_is_wrong();
    return a + kept[0];
  });
  expect_error<UsageError>({"Var", {"i64"}, {"scalar"}, "before it", {"loop or branch that has ended"}},
                           [] { f(zeros(3), 2); });
}

// ---- Names of plain C++ code ----------------------------------------------------------------------------------------

Var plain_total = 0.0;

TEST(Scopes, VarOfPlainCodeAssignedInATrace) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    plain_total = sum(a);
  });
  expect_error<UsageError>({"Var", {"f64"}, {"scalar"}, "declare", {"plain C++ code"}}, [] { f(zeros(3)); });
}

const Array plain_array = arange(3);

TEST(Scopes, ElementOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + plain_array(0);
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, ViewOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + plain_array(slice(0, 1));
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, StoringIntoAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    plain_array(rest) = a;
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, ReductionOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * sum(plain_array);
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, ShapeOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * plain_array.shape(0);
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, ExtentOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * plain_array.extent(0);
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, StrideOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * plain_array.stride(0);
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

const Array plain_number = full({1}, 2.5);

TEST(Scopes, ItemOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * plain_number.item();
  });
  expect_error<UsageError>({"concrete array", {"f64"}, {"(1,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, NumbersOfAConcreteArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a * plain_number.read<double>()[0];
  });
  expect_error<UsageError>({"concrete array", {"f64"}, {"(1,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

TEST(Scopes, ReturningAConcreteArray) {
  static auto f = jit([](Array) { return plain_array; });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] {
    announced = {__FILE__, __LINE__ - 2};
    f(zeros(3));
  });
}

}  // namespace
