// Misuse of lifetimes: symbols outside their trace, numbers that do not exist yet, arrays that are none.
#include "tests/errors/expect_error.h"

#include <memory>
#include <sstream>
#include <vector>

namespace {

using namespace kiln;
using namespace kiln::tests;

std::vector<Value> leaked_values;
std::vector<Array> leaked_arrays;
std::unique_ptr<Var> leaked_var;

// Lets symbols of a trace escape, once: afterwards the function is compiled and not traced again.
void leak() {
  static auto f = jit([](Array a) {
    leaked_values.clear();
    leaked_arrays.clear();
    leaked_values.push_back(a(0) + 1);
    leaked_arrays.push_back(a + 1);
    leaked_var = std::make_unique<Var>(a(0));
    return a;
  });
  f(zeros(3));
}

// ---- After the trace ------------------------------------------------------------------------------------------------

TEST(Lifetimes, ArrayPassedOnAfterItsTrace) {
  static auto f = jit([](Array a) { return a; });
  leak();
  expect_error<UsageError>({"Array", {"f64"}, {"rank 1"}, "return it", {"after its trace has ended"}}, [] {
    next_line_is_wrong();
    (void)f(leaked_arrays[0]);
  });
}

TEST(Lifetimes, ValuePassedOnAfterItsTrace) {
  static auto f = jit([](Value x) { return x; });
  leak();
  expect_error<UsageError>({"Value", {"f64"}, {"scalar"}, "return it", {"after its trace has ended"}}, [] {
    next_line_is_wrong();
    (void)f(leaked_values[0]);
  });
}

TEST(Lifetimes, ValueStoredAfterItsTrace) {
  leak();
  const Array a = zeros(3);
  expect_error<UsageError>({"'='", {"f64"}, {"scalar"}, "pass the array as a parameter", {"concrete array"}}, [&] {
    next_line_is_wrong();
    a(0) = leaked_values[0];
  });
  expect_error<UsageError>({"'='", {"f64"}, {"(3,)"}, "pass the array as a parameter", {"concrete array"}}, [&] {
    next_line_is_wrong();
    a(rest) = leaked_values[0];
  });
}

TEST(Lifetimes, VarUsedAfterItsTrace) {
  leak();
  expect_error<UsageError>({"Var", {"f64"}, {"scalar"}, "return its value", {"after its trace has ended"}}, [] {
    next_line_is_wrong();
    *leaked_var += 1;
  });
}

TEST(Lifetimes, ArrayOfAnotherTrace) {
  leak();
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + leaked_arrays[0];
  });
  expect_error<UsageError>({"Array", {"f64"}, {"rank 1"}, "parameter", {"another traced function's run"}},
                           [] { f(zeros(3)); });
}

TEST(Lifetimes, VarOfAnotherTrace) {
  leak();
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + *leaked_var;
  });
  expect_error<UsageError>({"Var", {"f64"}, {"scalar"}, "Value", {"another traced function's run"}},
                           [] { f(zeros(3)); });
}

// ---- Numbers that are not there yet ---------------------------------------------------------------------------------

const Array plain_numbers = arange(3);

TEST(Lifetimes, ReadingAConcreteArrayInATrace) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + plain_numbers.read<std::int64_t>()[0];
  });
  expect_error<UsageError>({"read()", {"i64"}, {"(3,)"}, "pass it as a parameter", {"inside a traced function"}},
                           [] { f(zeros(3)); });
}

TEST(Lifetimes, PrintingATracedValue) {
  static auto f = jit([](Array a) {
    std::ostringstream out;
    next_line_is_wrong();
    out << a(0) * 2;
    return a;
  });
  expect_error<UsageError>({"print", {"f64"}, {"scalar"}, "return it", {"inside a traced function"}},
                           [] { f(zeros(3)); });
}

TEST(Lifetimes, TracedValueAsANumber) {
  static auto f = jit([](Array a) {
    const Value x = a(0) + 1;
    (void)(a(1) + 1);
    next_line_is_wrong();
    return a + x.as_double();
  });
  expect_error<UsageError>({"C++ number", {"f64"}, {"scalar"}, "return it"}, [] { f(zeros(3)); });
}

TEST(Lifetimes, SavingATracedArray) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    save("traced.npy", a);
    return a;
  });
  expect_error<UsageError>({"save(\"traced.npy\"", {"f64"}, {"(3,)"}, "return it", {"inside a traced function"}},
                           [] { f(zeros(3)); });
}

// ---- Arrays that are none -------------------------------------------------------------------------------------------

TEST(Lifetimes, EagerElementOfNoArray) {
  const Array a;
  expect_error<UsageError>({"an element", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [&] {
    next_line_is_wrong();
    (void)a(0);
  });
}

TEST(Lifetimes, EagerStoreIntoNoArray) {
  const Array a, b = zeros(3);
  expect_error<UsageError>({"a view", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [&] {
    next_line_is_wrong();
    a(rest) = b;
  });
}

TEST(Lifetimes, EagerReductionOfNoArray) {
  const Array a;
  expect_error<UsageError>({"sum", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [&] {
    next_line_is_wrong();
    (void)sum(a);
  });
}

TEST(Lifetimes, TracedElementOfNoArray) {
  static auto f = jit([](Array a) {
    const Array b;
    next_line_is_wrong();
    return a + b(0);
  });
  expect_error<UsageError>({"an element", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [] { f(zeros(3)); });
}

TEST(Lifetimes, TracedStoreOfNoArray) {
  static auto f = jit([](Array a) {
    const Array b;
    next_line_is_wrong();
    a(rest) = b;
  });
  expect_error<UsageError>({"'='", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [] { f(zeros(3)); });
}

TEST(Lifetimes, TracedUpdateOfNoArray) {
  static auto f = jit([](Array a) {
    Array b;
    next_line_is_wrong();
    b *= a;
  });
  expect_error<UsageError>({"'*='", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [] { f(zeros(3)); });
}

TEST(Lifetimes, TracedTransposeOfNoArray) {
  static auto f = jit([](Array) {
    const Array b;
    next_line_is_wrong();
    return b.T();
  });
  expect_error<UsageError>({"transpose", no_dtypes, no_shapes, "assign", {"no elements yet"}}, [] { f(zeros(3)); });
}

}  // namespace
