// Printing: the texts are NumPy's (shortest digits that read back), dtypes that are not obvious are named.
#include "core/access.h"
#include "core/host_ops.h"

#include <gtest/gtest.h>
#include <kiln/error.h>
#include <kiln/functions.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace kiln;
using kiln::detail::Access;

template <class T>
Array shaped(const std::vector<std::int64_t>& extents, const std::vector<T>& numbers, DType dtype = dtype_of<T>()) {
  Array a = detail::new_array(dtype, extents, Location::current());
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    const Number16 x = Access::number(Value(numbers[k]));
    std::byte* const address = Access::layout(a).data + k * dtype.size();
    write_element(address, dtype, convert(x, type_of_number<T>().dtype, dtype));
  }
  return a;
}
template <class T>
Array listed(const std::vector<T>& numbers, DType dtype = dtype_of<T>()) {
  return shaped({static_cast<std::int64_t>(numbers.size())}, numbers, dtype);
}
Array counting(const std::vector<std::int64_t>& extents) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(detail::element_count(extents)));
  std::iota(numbers.begin(), numbers.end(), 0);
  return shaped(extents, numbers);
}

template <class T>
std::string printed(const T& x) {
  std::ostringstream out;
  out << x;
  return out.str();
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Print, Floats) {
  EXPECT_EQ(printed(shaped<double>({2, 2}, {1, 2, 3, 4})), "[[1. 2.]\n [3. 4.]]");
  EXPECT_EQ(printed(listed<double>({1.5, 2.25, -3})), "[ 1.5   2.25 -3.  ]");
  EXPECT_EQ(printed(listed<double>({0.1, 20000})), "[1.e-01 2.e+04]");
  EXPECT_EQ(printed(listed<double>({1e10, -1.5, 0})), "[ 1.0e+10 -1.5e+00  0.0e+00]");
  EXPECT_EQ(printed(listed<double>({1e100, 1})), "[1.e+100 1.e+000]");
  EXPECT_EQ(printed(listed<double>({1.5, nan, -infinity})), "[ 1.5  nan -inf]");
  EXPECT_EQ(printed(listed<double>({nan, 100})), "[ nan 100.]");
  EXPECT_EQ(printed(listed<double>({nan, infinity})), "[nan inf]");
  EXPECT_EQ(printed(listed<double>({0, -0.0})), "[ 0. -0.]");
  EXPECT_EQ(printed(listed<double>({1.0 / 3})), "[0.3333333333333333]");
}

TEST(Print, ShortestDigitsOfEachWidth) {
  EXPECT_EQ(printed(listed<double>({0.1, 0.2}, f32)), "[0.1 0.2] f32");
  EXPECT_EQ(printed(listed<double>({0.1, 3.14159265}, f16)), "[0.1  3.14] f16");
  EXPECT_EQ(printed(listed<double>({0.1, 3.14159265}, bf16)), "[0.1  3.14] bf16");
  EXPECT_EQ(printed(listed<double>({1.0 / 3}, f32)), "[0.33333334] f32");
}

TEST(Print, Integers) {
  EXPECT_EQ(printed(listed<std::int64_t>({-1, 10, 100})), "[ -1  10 100]");
  EXPECT_EQ(printed(listed<std::int64_t>({-1, 1}, u64)), "[18446744073709551615                    1] u64");
  EXPECT_EQ(printed(listed<std::int64_t>({-128, 127}, i8)), "[-128  127] i8");
  EXPECT_EQ(printed(shaped<std::int64_t>({2}, {1, 0}, bool_)), "[ True False]");
}

TEST(Print, Complex) {
  const double parts[] = {1, 2, 3.5, -1};
  Array a = detail::new_array(c128, std::vector<std::int64_t>{2}, Location::current());
  std::copy(parts, parts + 4, reinterpret_cast<double*>(Access::layout(a).data));
  EXPECT_EQ(printed(a), "[1. +2.j 3.5-1.j]");
}

TEST(Print, Ranks) {
  EXPECT_EQ(printed(counting({2, 2, 2})), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
  EXPECT_EQ(printed(counting({1, 3})), "[[0 1 2]]");
  EXPECT_EQ(printed(shaped<double>({}, {2.5})), "2.5");
  EXPECT_EQ(printed(counting({0})), "[] i64");
  EXPECT_EQ(printed(shaped<double>({0, 3}, {})), "[] shape (0, 3) f64");
  EXPECT_EQ(printed(Array()), "(no array)");
}

TEST(Print, StridedArraysPrintWhatTheyShow) {
  Array a = counting({2, 3});
  std::swap(Access::layout(a).extents[0], Access::layout(a).extents[1]);
  std::swap(Access::layout(a).strides[0], Access::layout(a).strides[1]);
  EXPECT_EQ(printed(a), "[[0 3]\n [1 4]\n [2 5]]");
}

TEST(Print, LargeArraysAreSummarised) {
  EXPECT_EQ(printed(counting({2000})), "[   0    1    2 ... 1997 1998 1999]");
  EXPECT_EQ(printed(counting({100, 100})),
            "[[   0    1    2 ...   97   98   99]\n"
            " [ 100  101  102 ...  197  198  199]\n"
            " [ 200  201  202 ...  297  298  299]\n"
            " ...\n"
            " [9700 9701 9702 ... 9797 9798 9799]\n"
            " [9800 9801 9802 ... 9897 9898 9899]\n"
            " [9900 9901 9902 ... 9997 9998 9999]]");
  EXPECT_EQ(printed(counting({2, 1500})),
            "[[   0    1    2 ... 1497 1498 1499]\n [1500 1501 1502 ... 2997 2998 2999]]");
}

TEST(Print, LongRowsWrap) {
  std::vector<std::int64_t> thousands(40);
  for (std::size_t k = 0; k < thousands.size(); ++k) thousands[k] = static_cast<std::int64_t>(k) * 1000;
  EXPECT_EQ(printed(listed(thousands)),
            "[    0  1000  2000  3000  4000  5000  6000  7000  8000  9000 10000 11000\n"
            " 12000 13000 14000 15000 16000 17000 18000 19000 20000 21000 22000 23000\n"
            " 24000 25000 26000 27000 28000 29000 30000 31000 32000 33000 34000 35000\n"
            " 36000 37000 38000 39000]");
  // No blanks at the end of a line, though the column is wider.
  EXPECT_EQ(printed(shaped<double>({1, 4}, {2.9999092001401, 3.9999092001401, 4.999909200140101, 5.999909200140101})),
            "[[2.9999092001401   3.9999092001401   4.999909200140101 5.999909200140101]]");
  EXPECT_EQ(printed(listed<double>({0.1234567890123456, 0.1234567890123456, 0.123456789012345, 0.1234567890123456})),
            "[0.1234567890123456 0.1234567890123456 0.123456789012345\n 0.1234567890123456]");
}

TEST(Print, Scalars) {
  EXPECT_EQ(printed(Value(3)), "3");
  EXPECT_EQ(printed(Value(3.0)), "3.0");
  EXPECT_EQ(printed(Value(0.1)), "0.1");
  EXPECT_EQ(printed(Value(0.1f)), "0.1");
  EXPECT_EQ(printed(Value(-0.0)), "-0.0");
  EXPECT_EQ(printed(Value(1e16)), "1e+16");
  EXPECT_EQ(printed(Value(123456789012345680.0)), "1.2345678901234568e+17");
  EXPECT_EQ(printed(Value(1e15)), "1000000000000000.0");
  EXPECT_EQ(printed(Value(0.0001)), "0.0001");
  EXPECT_EQ(printed(Value(0.00001)), "1e-05");
  EXPECT_EQ(printed(Value(nan)), "nan");
  EXPECT_EQ(printed(Value(-infinity)), "-inf");
  EXPECT_EQ(printed(Value(true)), "True");
  EXPECT_EQ(printed(Access::make({c64, Strength::strong}, Number16{.re = 0.5, .im = -2})), "(0.5-2j)");
}

TEST(Print, NothingIsPrintedInsideATrace) {
  const Value traced = Access::make_traced({f32, Strength::strong}, 1, 1, 1);
  try {
    printed(traced);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("f32 scalar inside a traced function"), std::string::npos);
  }
}

}  // namespace
