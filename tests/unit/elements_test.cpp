// Copying, converting and filling elements, against one element at a time.
#include "core/access.h"
#include "core/host_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace kiln;
using kiln::detail::copy_elements;
using kiln::detail::fill_elements;
using kiln::detail::Layout;

constexpr std::int64_t room = 512;  // elements before and behind the first one

std::vector<DType> all_dtypes() {
  std::vector<DType> all;
  for (int k = 0; k < type_code_count; ++k) all.emplace_back(static_cast<TypeCode>(k));
  return all;
}

std::int64_t size_of(DType dtype) { return static_cast<std::int64_t>(dtype.size()); }

// Numbers of every kind the dtype has, the difficult ones among them.
Number16 sample(DType dtype, std::int64_t k) {
  static constexpr double floats[] = {0.0,
                                      -0.0,
                                      1.0,
                                      -1.5,
                                      127.5,
                                      128.0,
                                      -129.0,
                                      255.9,
                                      3e9,
                                      -3e9,
                                      1e19,
                                      -1e19,
                                      1e39,
                                      1e300,
                                      65519.9,
                                      65520.0,
                                      1e-8,
                                      0.1,
                                      2147483647.5,
                                      9223372036854775807.0,
                                      std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity(),
                                      std::numeric_limits<double>::quiet_NaN()};
  static constexpr std::int64_t integers[] = {0,
                                              1,
                                              -1,
                                              127,
                                              128,
                                              255,
                                              256,
                                              -129,
                                              65535,
                                              2147483647,
                                              4294967296,
                                              9007199254740993,
                                              std::numeric_limits<std::int64_t>::max(),
                                              std::numeric_limits<std::int64_t>::min()};
  Number16 x;
  if (dtype.is_floating() || dtype.is_complex()) {
    x.re = floats[static_cast<std::size_t>(k) % std::size(floats)] + (k > 40 ? static_cast<double>(k) : 0.0);
    if (dtype.is_complex()) x.im = floats[static_cast<std::size_t>(k + 7) % std::size(floats)];
    return convert(x, dtype.is_complex() ? c128 : f64, dtype);
  }
  x.i = integers[static_cast<std::size_t>(k) % std::size(integers)] ^ (k > 40 ? k : 0);
  return convert(x, i64, dtype);
}

std::vector<std::byte> filled_memory(DType dtype) {
  std::vector<std::byte> memory(static_cast<std::size_t>(2 * room * size_of(dtype)));
  for (std::int64_t k = 0; k < 2 * room; ++k)
    write_element(memory.data() + k * size_of(dtype), dtype, sample(dtype, k));
  return memory;
}

struct Shaped {
  std::vector<std::int64_t> extents, strides;
  std::int64_t offset = 0;  // of the first element from the middle of the memory
  int rank() const { return static_cast<int>(extents.size()); }
  Layout in(std::vector<std::byte>& memory, DType dtype) const {
    Layout layout;
    layout.data = memory.data() + (room + offset) * size_of(dtype);
    for (std::size_t k = 0; k < extents.size(); ++k) {
      layout.extents[k] = extents[k];
      layout.strides[k] = strides[k];
    }
    return layout;
  }
};

template <class F>
void each_element(const Shaped& s, F f) {
  std::vector<std::int64_t> position(s.extents.size());
  for (std::int64_t n : s.extents)
    if (n == 0) return;
  while (true) {
    f(position);
    int k = s.rank() - 1;
    for (; k >= 0; --k) {
      const auto axis = static_cast<std::size_t>(k);
      if (++position[axis] < s.extents[axis]) break;
      position[axis] = 0;
    }
    if (k < 0) return;
  }
}

std::byte* at(std::vector<std::byte>& memory, DType dtype, const Shaped& s, const std::vector<std::int64_t>& position) {
  const std::int64_t element = std::inner_product(position.begin(), position.end(), s.strides.begin(), room + s.offset);
  return memory.data() + element * size_of(dtype);
}

// The meaning of copy_elements: everything is read before anything is written.
void copy_one_by_one(std::vector<std::byte>& to, DType to_dtype, const Shaped& to_shape, std::vector<std::byte>& from,
                     DType from_dtype, const Shaped& from_shape) {
  std::vector<Number16> numbers;
  each_element(from_shape, [&](const auto& position) {
    numbers.push_back(
        convert(read_element(at(from, from_dtype, from_shape, position), from_dtype), from_dtype, to_dtype));
  });
  std::size_t next = 0;
  each_element(to_shape,
               [&](const auto& p) { write_element(at(to, to_dtype, to_shape, p), to_dtype, numbers[next++]); });
}

// Equal elements; every NaN is equal to every other.
::testing::AssertionResult same(std::vector<std::byte>& a, std::vector<std::byte>& b, DType dtype) {
  for (std::int64_t k = 0; k < 2 * room; ++k) {
    const std::byte *x = a.data() + k * size_of(dtype), *y = b.data() + k * size_of(dtype);
    if (std::memcmp(x, y, dtype.size()) == 0) continue;
    const Number16 m = read_element(x, dtype), n = read_element(y, dtype);
    const auto equal = [](double p, double q) { return (std::isnan(p) && std::isnan(q)) || p == q; };
    const bool has_parts = dtype.is_floating() || dtype.is_complex();
    if (!has_parts || !equal(m.re, n.re) || (dtype.is_complex() && !equal(m.im, n.im)))
      return ::testing::AssertionFailure() << "element " << k << " of " << dtype.name() << ": " << m.re << " (" << m.i
                                           << ") and " << n.re << " (" << n.i << ")";
  }
  return ::testing::AssertionSuccess();
}

struct Pair {
  const char* name;
  Shaped to, from;
};
const std::vector<Pair>& layouts() {
  static const std::vector<Pair> all = {
      {"rank 0", {{}, {}, 3}, {{}, {}, -2}},
      {"contiguous", {{7, 13}, {13, 1}}, {{7, 13}, {13, 1}}},
      {"odd offset", {{37}, {1}, 5}, {{37}, {1}, -31}},
      {"strided", {{6, 5}, {20, 3}}, {{6, 5}, {11, 2}}},
      {"negative", {{6, 5}, {5, 1}}, {{6, 5}, {-5, -1}}},
      {"negative destination", {{6, 5}, {-7, 1}}, {{6, 5}, {5, -1}}},
      {"transposed", {{17, 23}, {23, 1}}, {{17, 23}, {1, 17}}},
      {"broadcast row", {{9, 5}, {5, 1}}, {{9, 5}, {0, 1}}},
      {"broadcast column", {{9, 5}, {5, 1}}, {{9, 5}, {1, 0}}},
      {"broadcast scalar", {{9, 5}, {5, 1}}, {{9, 5}, {0, 0}}},
      {"rank 4", {{2, 3, 4, 5}, {60, 20, 5, 1}}, {{2, 3, 4, 5}, {1, 2, 30, 6}}},
      {"empty", {{4, 0, 3}, {1, 1, 1}}, {{4, 0, 3}, {1, 1, 1}}},
  };
  return all;
}

TEST(Elements, EveryPairOfDtypesInEveryLayout) {
  for (DType to_dtype : all_dtypes())
    for (DType from_dtype : all_dtypes())
      for (const Pair& pair : layouts()) {
        std::vector<std::byte> from = filled_memory(from_dtype),
                               to(static_cast<std::size_t>(2 * room * size_of(to_dtype)));
        std::vector<std::byte> expected = to;
        copy_one_by_one(expected, to_dtype, pair.to, from, from_dtype, pair.from);
        copy_elements(pair.to.in(to, to_dtype), to_dtype, pair.from.in(from, from_dtype), from_dtype, pair.to.rank());
        ASSERT_TRUE(same(to, expected, to_dtype))
            << from_dtype.name() << " to " << to_dtype.name() << ", " << pair.name;
      }
}

TEST(Elements, FloatsBecomeIntegersSaturatingAndNanBecomesZero) {
  const double numbers[] = {1e30, -1e30, std::nan(""), -0.9, 254.9};
  std::uint8_t bytes[5];
  std::int64_t longs[5];
  Layout from, to;
  from.data = reinterpret_cast<std::byte*>(const_cast<double*>(numbers));
  from.extents[0] = to.extents[0] = 5;
  from.strides[0] = to.strides[0] = 1;
  to.data = reinterpret_cast<std::byte*>(bytes);
  copy_elements(to, u8, from, f64, 1);
  EXPECT_EQ(std::vector<int>(bytes, bytes + 5), (std::vector<int>{255, 0, 0, 0, 254}));
  to.data = reinterpret_cast<std::byte*>(longs);
  copy_elements(to, i64, from, f64, 1);
  using Limits = std::numeric_limits<std::int64_t>;
  EXPECT_EQ(std::vector<std::int64_t>(longs, longs + 5),
            (std::vector<std::int64_t>{Limits::max(), Limits::min(), 0, 0, 254}));
}

TEST(Elements, OverlapIsAsThroughATemporary) {
  std::mt19937 random(11);
  const auto any = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  int overlapping = 0;
  for (int turn = 0; turn < 4000; ++turn) {
    const DType dtype = all_dtypes()[static_cast<std::size_t>(any(0, type_code_count - 1))];
    Shaped to, from;
    const int rank = any(1, 3);
    std::int64_t stride = 1;
    for (int k = 0; k < rank; ++k) {
      const int extent = any(1, rank == 1 ? 60 : 7);
      to.extents.insert(to.extents.begin(), extent);
      // The destination's elements are distinct; the source's need not be.
      to.strides.insert(to.strides.begin(), (any(0, 3) ? 1 : -1) * stride);
      from.strides.push_back(any(0, 2) ? any(-8, 8) : to.strides.front());
      stride *= extent + any(0, 1);
    }
    from.extents = to.extents;
    if (any(0, 3) == 0) from.strides = to.strides;
    from.offset = any(-20, 20);
    std::vector<std::byte> memory = filled_memory(dtype), expected = memory;
    copy_one_by_one(expected, dtype, to, expected, dtype, from);
    copy_elements(to.in(memory, dtype), dtype, from.in(memory, dtype), dtype, rank);
    ASSERT_TRUE(same(memory, expected, dtype)) << "turn " << turn << " of " << dtype.name();
    overlapping += std::abs(from.offset) < 10;
  }
  EXPECT_GT(overlapping, 1000);
}

TEST(Elements, OverlapOfTwoDtypesInOneMemory) {
  std::vector<std::byte> memory = filled_memory(f64), expected = memory;
  std::vector<float> numbers(100);
  std::vector<double> doubles(100);
  std::memcpy(doubles.data(), memory.data(), 800);
  for (std::size_t k = 0; k < 100; ++k) numbers[k] = static_cast<float>(doubles[k]);
  std::memcpy(expected.data() + 8, numbers.data(), 400);
  Layout from, to;
  from.data = memory.data();
  to.data = memory.data() + 8;
  from.extents[0] = to.extents[0] = 100;
  from.strides[0] = to.strides[0] = 1;
  copy_elements(to, f32, from, f64, 1);
  EXPECT_EQ(memory, expected);
}

TEST(Elements, LargeTransposedCopies) {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{257, 1031}, {1024, 1024}, {3, 5000}, {5000, 3}}) {
    std::vector<std::int32_t> from(static_cast<std::size_t>(rows * columns)), to(from.size(), -1);
    std::iota(from.begin(), from.end(), 0);
    Layout source, destination;
    source.data = reinterpret_cast<std::byte*>(from.data());
    destination.data = reinterpret_cast<std::byte*>(to.data());
    source.extents[0] = destination.extents[0] = rows;
    source.extents[1] = destination.extents[1] = columns;
    source.strides[0] = 1;
    source.strides[1] = rows;
    destination.strides[0] = columns;
    destination.strides[1] = 1;
    copy_elements(destination, i32, source, i32, 2);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j)
        ASSERT_EQ(to[static_cast<std::size_t>(i * columns + j)], j * rows + i) << rows << " x " << columns;
  }
}

TEST(Elements, FillTouchesItsElementsOnly) {
  for (DType dtype : all_dtypes())
    for (const Pair& pair : layouts())
      for (std::int64_t k : {0, 1, 2, 3}) {
        std::vector<std::byte> memory = filled_memory(dtype), expected = memory;
        const Number16 x = sample(dtype, k);
        each_element(pair.to, [&](const auto& p) { write_element(at(expected, dtype, pair.to, p), dtype, x); });
        fill_elements(pair.to.in(memory, dtype), dtype, pair.to.rank(), x);
        ASSERT_EQ(memory, expected) << dtype.name() << ", " << pair.name;
      }
}

}  // namespace
