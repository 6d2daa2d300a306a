// Promotion of dtypes against a table made with NumPy 2 and ml_dtypes, weak scalars, joins.
#include <gtest/gtest.h>
#include <kiln/dtype.h>

#include <sstream>
#include <string>

namespace {

using namespace kiln;

constexpr TypeCode code(int k) { return static_cast<TypeCode>(k); }
constexpr Type weak_int{i64, Strength::weak}, weak_float{f64, Strength::weak};
constexpr Type strong(DType dtype) { return {dtype, Strength::strong}; }

// numpy.promote_types of every pair, in the order of TypeCode. Where ml_dtypes refuses bf16 (i16 and wider integers,
// f16) the row says what Kiln does: as f16 with that integer, and f32 for f16.
const char* const promotions =
    "bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128 "
    "i8 i8 i16 i32 i64 i16 i32 i64 f64 f16 bf16 f32 f64 c64 c128 "
    "i16 i16 i16 i32 i64 i16 i32 i64 f64 f32 f32 f32 f64 c64 c128 "
    "i32 i32 i32 i32 i64 i32 i32 i64 f64 f64 f64 f64 f64 c128 c128 "
    "i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 c128 c128 "
    "u8 i16 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128 "
    "u16 i32 i32 i32 i64 u16 u16 u32 u64 f32 f32 f32 f64 c64 c128 "
    "u32 i64 i64 i64 i64 u32 u32 u32 u64 f64 f64 f64 f64 c128 c128 "
    "u64 f64 f64 f64 f64 u64 u64 u64 u64 f64 f64 f64 f64 c128 c128 "
    "f16 f16 f32 f64 f64 f16 f32 f64 f64 f16 f32 f32 f64 c64 c128 "
    "bf16 bf16 f32 f64 f64 bf16 f32 f64 f64 f32 bf16 f32 f64 c64 c128 "
    "f32 f32 f32 f64 f64 f32 f32 f64 f64 f32 f32 f32 f64 c64 c128 "
    "f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 c128 c128 "
    "c64 c64 c64 c128 c128 c64 c64 c128 c128 c64 c64 c64 c128 c64 c128 "
    "c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 ";

TEST(Dtype, PromotesAsNumPy) {
  std::istringstream in(promotions);
  for (int a = 0; a < type_code_count; ++a) {
    for (int b = 0; b < type_code_count; ++b) {
      std::string expected;
      ASSERT_TRUE(in >> expected);
      EXPECT_EQ(expected, promote(DType(code(a)), DType(code(b))).name())
          << DType(code(a)).name() << " with " << DType(code(b)).name();
    }
  }
}

// numpy.result_type(dtype, 1) and (dtype, 1.0), in the order of TypeCode; both are strong.
TEST(Dtype, WeakScalarsAsNep50) {
  std::istringstream with_int("i64 i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128");
  std::istringstream with_float("f64 f64 f64 f64 f64 f64 f64 f64 f64 f16 bf16 f32 f64 c64 c128");
  for (int a = 0; a < type_code_count; ++a) {
    const Type type = strong(DType(code(a)));
    std::string expected_int, expected_float;
    with_int >> expected_int;
    with_float >> expected_float;
    for (const Type& result : {promote(type, weak_int), promote(weak_int, type)}) {
      EXPECT_EQ(expected_int, result.dtype.name()) << type.dtype.name();
      EXPECT_FALSE(result.weak());
    }
    for (const Type& result : {promote(type, weak_float), promote(weak_float, type)}) {
      EXPECT_EQ(expected_float, result.dtype.name()) << type.dtype.name();
      EXPECT_FALSE(result.weak());
    }
  }
  EXPECT_EQ(promote(weak_int, weak_int), weak_int);
  EXPECT_EQ(promote(weak_int, weak_float), weak_float);
  EXPECT_EQ(promote(weak_float, weak_float), weak_float);
}

TEST(Dtype, JoinsOfAVariable) {
  for (const DType integer : {i8, i16, i32, i64, u8, u16, u32, u64}) {
    EXPECT_EQ(join(weak_int, strong(integer)), strong(i64));
    EXPECT_EQ(join(strong(integer), weak_int), strong(i64));
    EXPECT_EQ(join(strong(integer), weak_float), strong(f64));
  }
  EXPECT_EQ(join(weak_int, weak_int), weak_int);
  EXPECT_EQ(join(weak_int, weak_float), weak_float);
  EXPECT_EQ(join(weak_int, strong(f32)), strong(f32));
  EXPECT_EQ(join(weak_float, strong(f32)), strong(f32));
  EXPECT_EQ(join(strong(i16), strong(u16)), strong(i32));
  EXPECT_EQ(join(strong(bool_), weak_int), strong(i64));
}

TEST(Dtype, Names) {
  std::ostringstream out;
  out << bool_ << ' ' << bf16 << ' ' << c128;
  EXPECT_EQ(out.str(), "bool bf16 c128");
}

}  // namespace
