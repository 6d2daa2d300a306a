// The reference interpreter against NumPy's values: every row of the operation table, dtypes that meet, casts.
#include "core/composed.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reference.h"

#include <kiln/error.h>

#include <set>
#include <string>

namespace kiln::conformance {
namespace {

constexpr JitOptions interpreted{.interpret = true};

std::string named(const std::string& a, DType dtype) { return a + "/" + dtype.name(); }

// The operands an operation has in the files, as many as its result has elements.
std::vector<Array> operands_of(const Operation& operation, DType dtype, std::int64_t count) {
  const auto operand = [&](const char* label) {
    return Array(reference("operations", named(label, dtype))(slice(0, count)));
  };
  if (operation.op == ir::Op::select) return {operand("condition"), operand("a"), operand("b")};
  if (operation.arity == 1) return {operand("x")};
  if (operation.arity == 2) return {operand("a"), operand("b")};
  return {operand("a"), operand("b"), operand("c")};
}

// The error allowed of functions of complex numbers, relative to the magnitude; 0 where the bits are NumPy's.
double complex_bound(ir::Op op, DType dtype) {
  if (!dtype.is_complex() || composed::is_arithmetic(op)) return 0;
  switch (ir::row(op).rule) {
    case ir::Rule::comparison:
    case ir::Rule::predicate:
    case ir::Rule::logical:
    case ir::Rule::select:
    case ir::Rule::part: return 0;
    default: break;
  }
  if (dtype == c64) return 1e-7;
  return op == ir::Op::pow ? 4e-13 : 4e-15;
}

// What a DTypeError says, without its line; nothing if there is none.
template <class Action>
std::string refusal(Action&& action) {
  try {
    action();
  } catch (const DTypeError& e) {
    const std::string what = e.what();
    return what.substr(what.find(": ", what.find(": ") + 2) + 2);
  }
  return "";
}

class NumPy : public testing::TestWithParam<DType> {};

TEST_P(NumPy, Operations) {
  const DType dtype = GetParam();
  int compared = 0;
  for (const Operation& operation : operations()) {
    const std::string name = named(operation.name, dtype);
    SCOPED_TRACE(name);
    if (!has_reference("operations", name)) {
      if (operation.op == ir::Op::fma) continue;  // of integers: NumPy has no fma to ask
      // NumPy refuses it, so must Kiln, in every way with the same reason (eager code knows the shapes as well).
      const auto operands = operands_of(operation, dtype, 2);
      const std::vector<Value> numbers = {operands[0](0), operands.back()(0)};
      const std::string wanted = refusal([&] { operation.call(interpreted, operands.data()); });
      EXPECT_NE(wanted, "");
      EXPECT_EQ(refusal([&] { operation.call({}, operands.data()); }), wanted);
      EXPECT_EQ(refusal([&] { operation.apply(operands.data()); }), wanted);
      EXPECT_NE(refusal([&] { operation.apply_scalars(numbers.data()); }), "");
      continue;
    }
    const Array expected = reference("operations", name);
    const auto operands = operands_of(operation, dtype, expected.extent(0));
    // Halves compute in f32 with the same function and round once.
    const double ulp = expected.dtype() == f16 && ir::row(operation.op).ulp > 0 ? 1 : ir::row(operation.op).ulp;
    const Array actual = operation.call(interpreted, operands.data());
    if (const double bound = complex_bound(operation.op, dtype); bound > 0 && expected.dtype().is_complex())
      EXPECT_TRUE(within_norm(actual, expected, bound));
    else if (bound > 0)  // abs and angle
      EXPECT_TRUE(within_ulp(actual, expected, 4));
    else if (ulp == 0)
      EXPECT_TRUE(same_bits(actual, expected));
    else
      EXPECT_TRUE(within_ulp(actual, expected, ulp));
    ++compared;
  }
  EXPECT_GT(compared, 40);
}

TEST_P(NumPy, Casts) {
  const DType from = GetParam();
  static const auto cast = jit([](Array x, DType to) { return to(x); });
  static const auto cast_value = jit([](Array x, DType to) {
    Array out = empty(x.shape(), to);
    for (Value i : range(x.size())) out(i) = x(i);
    return out;
  });
  const Array x = reference("casts", named("x", from));
  for (const DType to : numpy_dtypes()) {
    SCOPED_TRACE(std::string(from.name()) + " to " + to.name());
    if (from.is_complex() && !to.is_complex() && !to.is_bool()) {
      EXPECT_NE(refusal([&] { x.astype(to); }), "");
      EXPECT_EQ(refusal([&] { cast.with(interpreted)(x, to); }), refusal([&] { cast(x, to); }));
      EXPECT_NE(refusal([&] { cast_value.with(interpreted)(x, to); }), "");
      EXPECT_NE(refusal([&] { to(x(0)); }), "");
      continue;
    }
    const Array expected = reference("casts", std::string(from.name()) + "/" + to.name());
    EXPECT_TRUE(same_bits(x.astype(to), expected)) << "eager";
    EXPECT_TRUE(same_bits(cast.with(interpreted)(x, to), expected)) << "traced";
    EXPECT_TRUE(same_bits(cast_value.with(interpreted)(x, to), expected)) << "stored";
  }
}

TEST_P(NumPy, MixedDtypes) {
  const DType left = GetParam();
  for (const Operation& operation : operations()) {
    for (const DType right : numpy_dtypes()) {
      const std::string name = std::string(operation.name) + "/" + left.name() + "/" + right.name();
      if (!has_reference("mixed", name)) continue;
      SCOPED_TRACE(name);
      const Array expected = reference("mixed", name);
      const Array operands[] = {reference("mixed", named("a", left))(slice(0, expected.extent(0))),
                                reference("mixed", named("b", right))(slice(0, expected.extent(0)))};
      EXPECT_TRUE(same_bits(operation.call(interpreted, operands), expected));
      EXPECT_TRUE(same_bits(operation.apply(operands), expected)) << "eager";
    }
  }
}

// Kiln is stricter than NumPy in what language.md calls traps: a bool against a number in comparisons and bit
// operations.
bool refused_on_purpose(ir::Op op, DType left, DType right) {
  const ir::Rule rule = ir::row(op).rule;
  return (rule == ir::Rule::comparison || rule == ir::Rule::bitwise) && left.is_bool() != right.is_bool();
}

TEST_P(NumPy, ResultDtypes) {
  const DType left = GetParam();
  int compared = 0;
  for (const Operation& operation : operations()) {
    const std::string name = std::string("dtype/") + operation.name;
    if (!has_reference("mixed", name)) continue;
    const Array table = reference("mixed", name);
    const auto row = elements(table);
    const auto dtypes = numpy_dtypes();
    for (std::size_t j = 0; j < dtypes.size(); ++j) {
      std::size_t i = 0;
      while (dtypes[i] != left) ++i;
      const std::int64_t code = row[i * dtypes.size() + j].i;
      const Type operands[] = {{left}, {dtypes[j]}};
      ir::OpTypes types{};
      std::string_view reason;
      const bool taken = ir::infer(operation.op, operands, 2, types, reason);
      const bool expected = code != 255 && !refused_on_purpose(operation.op, left, dtypes[j]);
      EXPECT_EQ(taken, expected) << operation.name << " of " << left << " and " << dtypes[j] << ": " << reason;
      if (taken && expected) {
        EXPECT_EQ(types.result.dtype, DType(static_cast<TypeCode>(code)))
            << operation.name << " of " << left << " and " << dtypes[j];
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, 35 * 14);
}

TEST(NumPyEdges, UnsignedAgainstSignedComparesExactly) {
  static const auto scalars = jit([](Array a, Array b, Array out, int which) {
    const auto compare = [&](const auto& x, const auto& y) {
      const Value all[] = {x<y, x <= y, x> y, x >= y, x == y, x != y};
      return all[which];
    };
    for (Value i : prange(a.size())) out(i) = compare(a(i), b(i));
  });
  const Array a = reference("mixed", "sharp/i64"), b = reference("mixed", "sharp/u64");
  const Array operands[] = {a, b}, swapped[] = {b, a};
  constexpr ir::Op rows[] = {ir::Op::less,          ir::Op::less_equal, ir::Op::greater,
                             ir::Op::greater_equal, ir::Op::equal,      ir::Op::not_equal};
  constexpr int mirrored[] = {2, 3, 0, 1, 4, 5};
  for (int k = 0; k < 6; ++k)
    for (const Operation& operation : operations()) {
      if (operation.op != rows[k]) continue;
      SCOPED_TRACE(operation.name);
      const Array expected = reference("mixed", std::string("sharp/") + operation.name);
      const Array other_way = reference("mixed", std::string("sharp/") + ir::row(rows[mirrored[k]]).name);
      for (const JitOptions& options : {interpreted, JitOptions{}}) {
        EXPECT_TRUE(same_bits(operation.call(options, operands), expected));
        EXPECT_TRUE(same_bits(operation.call(options, swapped), other_way));
        const Array out = empty({4}, bool_);
        scalars.with(options)(a, b, out, k);
        EXPECT_TRUE(same_bits(out, expected));
      }
      EXPECT_TRUE(same_bits(operation.apply(operands), expected)) << "eager";
    }
  EXPECT_FALSE((Value(a(0)) == Value(b(0))).as_bool());
  EXPECT_TRUE((Value(a(2)) < Value(b(2))).as_bool());
}

// Every row of the table has a value from NumPy for at least one dtype, so that a new row cannot be forgotten.
TEST(NumPyEdges, EveryRowHasValues) {
  std::set<ir::Op> rows;
  for (const Operation& operation : operations()) {
    rows.insert(operation.op);
    bool any = false;
    for (const DType dtype : numpy_dtypes()) any |= has_reference("operations", named(operation.name, dtype));
    EXPECT_TRUE(any) << operation.name;
  }
  EXPECT_EQ(static_cast<int>(rows.size()), ir::op_count() - static_cast<int>(ir::first_table_op));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, NumPy, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return std::string(test.param.name()); });

}  // namespace
}  // namespace kiln::conformance
