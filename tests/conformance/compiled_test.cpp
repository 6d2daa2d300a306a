// Compiled and eager code against the interpreter, bit for bit: every row of the operation table, every dtype, every
// layout, on 1 to 3 threads and at each vector width.
#include "tests/conformance/compare.h"
#include "tests/conformance/layouts.h"
#include "tests/conformance/row_groups.h"
#include "tests/support/ways.h"

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kiln::conformance {
namespace {

// The interpreter's results for all operands, a list per group; elementwise, so that every layout's are among them.
class Compiled : public testing::TestWithParam<DType> {
 protected:
  Compiled() {
    for (int group = 0; group < group_count(dtype); ++group)
      expected.push_back(
          as_list(eight_rows.with({.interpret = true})(operands.condition, operands.a, operands.b, operands.c, group)));
  }

  // Elements first … of every operand, placed so; the results must be the same elements of the interpreter's.
  void check(const JitOptions& options, int group, std::int64_t first, std::int64_t length, Placement condition_at,
             Placement a_at, Placement b_at, Placement c_at) {
    if (!begin(group, options.vector_bits)) return;
    const Slice part = slice(first, first + length);
    const auto actual =
        as_list(eight_rows.with(options)(placed(operands.condition(part), condition_at), placed(operands.a(part), a_at),
                                         placed(operands.b(part), b_at), placed(operands.c(part), c_at), group));
    for (std::size_t k = 0; k < group_size; ++k)
      EXPECT_TRUE(same_bits(actual[k], expected[static_cast<std::size_t>(group)][k](part)))
          << row_names(dtype, group, k) << " of " << dtype << ", elements " << first << " to " << first + length
          << ", a " << name_of(a_at) << ", b " << name_of(b_at) << ", c " << name_of(c_at) << ", "
          << options.vector_bits << " bits, " << options.threads << " threads";
  }
  void check(const JitOptions& options, int group, std::int64_t first, std::int64_t length, Placement at) {
    check(options, group, first, length, at, at, at, at);
  }

  // Whether this run compiles a group of rows in this of several ways: each dtype, each group and each way meet.
  bool takes(int group, int way, int ways) const {
    return tests::takes_way(group + static_cast<int>(dtype.code()), way, ways);
  }

  // A wrong group says so once for each width, not for every layout.
  bool begin(int group, int bits) {
    if (failures_before_ != failures()) wrong_.insert(last_);
    failures_before_ = failures();
    last_ = {group, bits};
    return !wrong_.contains(last_);
  }

  DType dtype = GetParam();
  Operands operands{GetParam()};
  std::vector<std::array<Array, group_size>> expected;

 private:
  static int failures() { return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(); }
  std::set<std::pair<int, int>> wrong_;
  std::pair<int, int> last_{-1, -1};
  int failures_before_ = 0;
};

constexpr int widths[] = {128, 256, 512};

TEST_P(Compiled, LengthsAndOffsets) {
  for (int width = 0; width < 3; ++width)
    for (int group = 0; group < group_count(dtype); ++group) {
      if (!takes(group, width, 3)) continue;
      const int bits = widths[width];
      const JitOptions options{.vector_bits = bits};
      for (std::int64_t length = 0; length <= 67; ++length)
        check(options, group, length % 5, length, Placement::contiguous);
      // The same elements wherever the array begins in memory: no copy, the views themselves.
      for (std::int64_t offset = 0; offset < 32 && begin(group, bits); ++offset) {
        const Slice part = slice(offset, offset + 131);
        const auto actual = as_list(eight_rows.with(options)(operands.condition(part), operands.a(part),
                                                             operands.b(part), operands.c(part), group));
        for (std::size_t k = 0; k < group_size; ++k)
          EXPECT_TRUE(same_bits(actual[k], expected[static_cast<std::size_t>(group)][k](part)))
              << row_names(dtype, group, k) << " of " << dtype << " at offset " << offset << ", " << bits << " bits";
      }
      check(options, group, 0, operand_count, Placement::contiguous);
    }
}

TEST_P(Compiled, Placements) {
  for (int width = 0; width < 3; ++width)
    for (int group = 0; group < group_count(dtype); ++group) {
      if (!takes(group + 1, width, 3)) continue;
      const JitOptions options{.vector_bits = widths[width]};
      for (const Placement at : {Placement::stride_2, Placement::stride_3, Placement::reversed, Placement::reversed_2})
        for (const std::int64_t length : {1, 31, 64, 165}) check(options, group, length % 7, length, at);
      check(options, group, 3, 150, Placement::contiguous, Placement::stride_2, Placement::reversed, Placement::offset);
      check(options, group, 5, 97, Placement::reversed_2, Placement::offset, Placement::contiguous,
            Placement::stride_3);
    }
}

TEST_P(Compiled, Matrices) {
  for (int group = 0; group < group_count(dtype); ++group)
    for (const int bits : {0, 512})
      for (const Placement at :
           {Placement::contiguous, Placement::fortran, Placement::column, Placement::reversed, Placement::stride_2}) {
        if (!takes(group, bits != 0, 2) || !begin(group, bits)) continue;
        const JitOptions options{.vector_bits = bits};
        const auto matrix = [](const Array& a) { return Array(a(slice(0, 13 * 29)).reshape({13, 29})); };
        const Placement other = at == Placement::fortran ? Placement::contiguous : at;
        const auto actual =
            as_list(eight_rows.with(options)(matrix(operands.condition), placed(matrix(operands.a), at),
                                             placed(matrix(operands.b), other), placed(matrix(operands.c), at), group));
        for (std::size_t k = 0; k < group_size; ++k)
          EXPECT_TRUE(same_bits(actual[k], matrix(expected[static_cast<std::size_t>(group)][k])))
              << row_names(dtype, group, k) << " of " << dtype << ", " << name_of(at) << ", " << bits << " bits";
      }
}

// Operands of other shapes: a row, a column, one number of rank 0.
TEST_P(Compiled, Broadcast) {
  for (int group = 0; group < group_count(dtype); ++group) {
    const Array a = operands.a(slice(0, 21)).reshape({7, 3}), row = operands.b(slice(4, 7)),
                column = operands.c(slice(1, 8)).reshape({7, 1});
    const Array one = operands.b(slice(9, 10)).reshape(Shape({})), condition = operands.condition(slice(0, 3));
    const Array repeated = operands.c(slice(2, 3)).broadcast_to({7, 3});
    const auto compare = [&](const Array& x, const Array& y, const Array& z) {
      const auto wanted = as_list(eight_rows.with({.interpret = true})(condition, x, y, z, group));
      constexpr int some_widths[] = {0, 128, 512};
      for (int way = 0; way < 3; ++way) {
        const int bits = some_widths[way];
        if (!takes(group, way, 3) || !begin(group, bits)) continue;
        const auto actual = as_list(eight_rows.with({.vector_bits = bits})(condition, x, y, z, group));
        for (std::size_t k = 0; k < group_size; ++k)
          EXPECT_TRUE(same_bits(actual[k], wanted[k]))
              << row_names(dtype, group, k) << " of " << dtype << ", " << bits << " bits";
      }
    };
    compare(a, row, column);
    compare(column, a, one);
    compare(row, column, repeated);
    compare(one, repeated, a);
  }
}

TEST_P(Compiled, RankZero) {
  for (int group = 0; group < group_count(dtype); ++group) {
    const auto one = [](const Array& a, int k) { return Array(a(slice(k, k + 1)).reshape(Shape({}))); };
    for (int k = 0; k < 40; k += 3) {
      const auto actual = as_list(
          eight_rows(one(operands.condition, k), one(operands.a, k), one(operands.b, k), one(operands.c, k), group));
      for (std::size_t j = 0; j < group_size; ++j)
        EXPECT_TRUE(same_bits(actual[j], one(expected[static_cast<std::size_t>(group)][j], k)))
            << row_names(dtype, group, j) << " of " << dtype << ", element " << k;
    }
  }
}

TEST_P(Compiled, Threads) {
  // Long enough that three threads get their share of it.
  const auto longer = [](const Array& a) {
    return Array(a.reshape({1, operand_count}).broadcast_to({50, operand_count}).copy().reshape({50 * operand_count}));
  };
  for (int group = 0; group < group_count(dtype); ++group) {
    const Array condition = longer(operands.condition), a = longer(operands.a), b = longer(operands.b),
                c = longer(operands.c);
    for (const int threads : {1, 2, 3}) {
      const auto actual =
          as_list(eight_rows.with({.threads = threads, .force_threads = true})(condition, a, b, c, group));
      EXPECT_EQ(last_call().threads, threads) << last_call().threads_reason;
      for (std::size_t k = 0; k < group_size; ++k)
        EXPECT_TRUE(same_bits(actual[k], longer(expected[static_cast<std::size_t>(group)][k])))
            << row_names(dtype, group, k) << " of " << dtype << ", " << threads << " threads";
    }
  }
}

// Each row called outside a trace.
TEST_P(Compiled, Eager) {
  const auto one = [](const Array& a, std::int64_t k) { return Array(a(slice(k, k + 1)).reshape(Shape({}))); };
  const auto rows = rows_of(dtype);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    SCOPED_TRACE(std::string(rows[r]->name) + " of " + dtype.name());
    const Array& wanted = expected[r / group_size][r % group_size];
    const auto check_at = [&](Placement at, std::int64_t first, std::int64_t length) {
      const Slice part = slice(first, first + length);
      const Array actual = apply(*rows[r], placed(operands.condition(part), at), placed(operands.a(part), at),
                                 placed(operands.b(part), at), placed(operands.c(part), at));
      EXPECT_TRUE(same_bits(actual, wanted(part))) << name_of(at) << ", " << length << " elements";
    };
    check_at(Placement::contiguous, 0, operand_count);
    check_at(Placement::contiguous, 0, 0);
    check_at(Placement::reversed_2, 3, 150);
    check_at(Placement::reversed_2, 3, 0);
    for (std::int64_t k = 0; k < 40; k += 3)
      EXPECT_TRUE(same_bits(
          apply(*rows[r], one(operands.condition, k), one(operands.a, k), one(operands.b, k), one(operands.c, k)),
          one(wanted, k)))
          << "rank 0, element " << k;
  }
}

TEST_P(Compiled, EagerScalars) {
  const auto rows = rows_of(dtype);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    SCOPED_TRACE(std::string(rows[r]->name) + " of " + dtype.name());
    const Array& wanted = expected[r / group_size][r % group_size];
    for (std::int64_t k = 0; k < operand_count; ++k) {
      const Value a = operands.a(k), b = operands.b(k), c = operands.c(k), condition = operands.condition(k);
      const Value chosen[] = {condition, a, b}, plain[] = {a, b, c};
      const Value actual = rows[r]->apply_scalars(rows[r]->op == ir::Op::select ? chosen : plain);
      EXPECT_TRUE(same_bits(actual, wanted(k))) << "element " << k;
      if (HasFailure()) break;
    }
  }
}

// Casts between all dtypes, from a load and into a store.
TEST_P(Compiled, Casts) {
  static const auto cast = jit([](Array x, DType to) { return to(x); });
  const Array special = reference("casts", std::string("x/") + dtype.name());
  const Array x = hashed_array(200, dtype, 5);
  x(slice(0, special.extent(0))) = special;
  for (const DType to : numpy_dtypes()) {
    if (dtype.is_complex() && !to.is_complex() && !to.is_bool()) continue;  // refused: numpy_test
    const Array wanted = cast.with({.interpret = true})(x, to);
    EXPECT_TRUE(same_bits(to(x), wanted)) << dtype << " to " << to << ", eager";
    for (int width = 0; width < 3; ++width) {
      if (!takes(static_cast<int>(to.code()), width, 3)) continue;
      const int bits = widths[width];
      const JitOptions options{.vector_bits = bits};
      EXPECT_TRUE(same_bits(cast.with(options)(x, to), wanted)) << dtype << " to " << to << ", " << bits << " bits";
      EXPECT_TRUE(same_bits(cast.with(options)(placed(x, Placement::reversed_2), to), wanted))
          << dtype << " to " << to << ", reversed";
      EXPECT_TRUE(same_bits(cast.with(options)(x(slice(0, 37)), to), wanted(slice(0, 37))))
          << dtype << " to " << to << ", 37 elements";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, Compiled, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return std::string(test.param.name()); });

}  // namespace
}  // namespace kiln::conformance
