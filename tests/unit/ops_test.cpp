// The dtype rules of the operations, as NumPy's result dtypes, and what they refuse.
#include "core/ops.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace {

using namespace kiln;
using ir::Op;

constexpr Type weak_int{i64, Strength::weak}, weak_float{f64, Strength::weak};
constexpr Type s(DType dtype) { return {dtype, Strength::strong}; }

struct Inferred {
  bool ok = false;
  ir::OpTypes types;
  std::string reason;
};

Inferred infer(Op op, std::initializer_list<Type> operands) {
  const std::vector<Type> list(operands);
  Inferred result;
  std::string_view reason;
  result.ok = ir::infer(op, list.data(), static_cast<int>(list.size()), result.types, reason);
  result.reason = reason;
  return result;
}

void expect(Op op, std::initializer_list<Type> operands, Type operand, Type result) {
  const Inferred got = infer(op, operands);
  ASSERT_TRUE(got.ok) << ir::row(op).name << ": " << got.reason;
  EXPECT_EQ(got.types.operand, operand) << ir::row(op).name << " computes in " << got.types.operand.dtype.name();
  EXPECT_EQ(got.types.result, result) << ir::row(op).name << " gives " << got.types.result.dtype.name();
}

void expect_refused(Op op, std::initializer_list<Type> operands, const char* part) {
  const Inferred got = infer(op, operands);
  EXPECT_FALSE(got.ok) << ir::row(op).name;
  EXPECT_NE(got.reason.find(part), std::string::npos) << got.reason;
}

TEST(Ops, RowsAreInTheOrderOfTheEnum) {
  EXPECT_STREQ(ir::row(Op::constant).name, "constant");
  EXPECT_STREQ(ir::row(Op::convert).name, "convert");
  EXPECT_STREQ(ir::row(Op::add).name, "add");
  EXPECT_STREQ(ir::row(Op::select).spelling, "where");
  EXPECT_EQ(ir::row(Op::fma).arity, 3);
  EXPECT_STREQ(ir::row(Op::hypot).name, "hypot");
  EXPECT_EQ(ir::op_count(), static_cast<int>(Op::tgamma) + 1);
}

TEST(Ops, Arithmetic) {
  expect(Op::add, {s(i8), s(u8)}, s(i16), s(i16));
  expect(Op::add, {s(bool_), s(bool_)}, s(bool_), s(bool_));
  expect(Op::add, {s(f32), weak_float}, s(f32), s(f32));
  expect(Op::multiply, {weak_int, weak_int}, weak_int, weak_int);
  expect(Op::subtract, {s(bool_), weak_int}, s(i64), s(i64));
  expect(Op::divide, {s(i8), s(u8)}, s(f64), s(f64));
  expect(Op::divide, {s(f16), s(i16)}, s(f32), s(f32));
  expect(Op::divide, {weak_int, weak_int}, weak_float, weak_float);
  expect(Op::divide, {s(f32), weak_int}, s(f32), s(f32));
  expect(Op::mod, {s(bool_), s(bool_)}, s(i8), s(i8));
  expect(Op::square, {s(bool_)}, s(i8), s(i8));
  expect(Op::abs, {s(bool_)}, s(bool_), s(bool_));
  expect(Op::left_shift, {s(bool_), s(bool_)}, s(i8), s(i8));
  expect(Op::floor, {s(i32)}, s(i32), s(i32));
}

TEST(Ops, FloatingFunctions) {
  expect(Op::sqrt, {s(u8)}, s(f16), s(f16));
  expect(Op::sqrt, {s(bool_)}, s(f16), s(f16));
  expect(Op::exp, {s(i16)}, s(f32), s(f32));
  expect(Op::exp, {s(i32)}, s(f64), s(f64));
  expect(Op::exp, {weak_int}, weak_float, weak_float);
  expect(Op::sin, {s(bf16)}, s(bf16), s(bf16));
  // numpy.arctan2(…).dtype
  expect(Op::atan2, {s(i8), s(u8)}, s(f16), s(f16));
  expect(Op::atan2, {s(i16), s(u16)}, s(f32), s(f32));
  expect(Op::atan2, {s(i8), weak_int}, s(f16), s(f16));
  expect(Op::atan2, {s(bool_), weak_int}, s(f64), s(f64));
  expect(Op::atan2, {s(i8), weak_float}, s(f64), s(f64));
  expect(Op::atan2, {s(f32), s(i32)}, s(f64), s(f64));
  expect(Op::fma, {weak_float, s(f32), weak_int}, s(f32), s(f32));
  expect(Op::isnan, {s(f32)}, s(f32), s(bool_));
}

TEST(Ops, ComparisonsAndChoices) {
  expect(Op::less, {s(i32), weak_float}, s(f64), s(bool_));
  expect(Op::equal, {s(bool_), s(bool_)}, s(bool_), s(bool_));
  expect(Op::logical_and, {s(f32), s(bool_)}, s(bool_), s(bool_));
  expect(Op::bit_and, {s(bool_), s(bool_)}, s(bool_), s(bool_));
  expect(Op::bit_and, {s(u8), weak_int}, s(u8), s(u8));
  expect(Op::select, {s(bool_), s(f32), weak_int}, s(f32), s(f32));
  expect(Op::select, {s(bool_), weak_int, weak_int}, weak_int, weak_int);
}

TEST(Ops, RefusalsSayAWayOut) {
  expect_refused(Op::bit_xor, {s(f64), weak_int}, "pow");
  expect_refused(Op::bit_and, {s(i32), s(bool_)}, "parentheses");
  expect_refused(Op::bit_and, {s(u64), s(i64)}, "u64");
  expect_refused(Op::subtract, {s(bool_), s(bool_)}, "!= or ^");
  expect_refused(Op::negative, {s(bool_)}, "!");
  expect_refused(Op::sign, {s(bool_)}, "cast");
  expect_refused(Op::less, {s(bool_), weak_int}, "(a < b < c?)");
  expect_refused(Op::left_shift, {s(f32), weak_int}, "integers");
  expect_refused(Op::select, {s(i32), s(f32), s(f32)}, "condition");
  expect_refused(Op::floor, {s(c64)}, "round rounds both parts");
  expect_refused(Op::mod, {s(c64), s(f32)}, "real(z)");
  expect_refused(Op::atan2, {s(f32), s(c128)}, "angle(z)");
  expect_refused(Op::hypot, {s(c64), s(c64)}, "abs(z)");
  expect_refused(Op::complex, {s(c64), s(f32)}, "of two real ones");
  expect_refused(Op::bit_and, {s(c64), weak_int}, "does not take complex numbers");
  expect_refused(Op::gcd, {s(f32), weak_int}, "it takes integers");
}

}  // namespace
