// On a GPU, in a run of its tests: every row of the operation table, every dtype, every layout. A sample has each pair
// of dtype and layout, and of row and layout.
#include "tests/conformance/layouts.h"
#include "tests/conformance/row_groups.h"
#include "tests/support/gpu_run.h"

#include <algorithm>

namespace kiln::conformance {
namespace {

const tests::GpuTests tests_of_this_file{__BASE_FILE__};

constexpr int layouts = static_cast<int>(Placement::count);

// Rows that are functions are each device's own; of complex numbers so are those that are made of hypot.
double ulp_of(const Operation& operation, DType dtype) {
  const bool calls_hypot = dtype.is_complex() && (operation.op == ir::Op::abs || operation.op == ir::Op::sign);
  return calls_hypot ? 1 : ir::row(operation.op).ulp;
}

testing::AssertionResult agrees(const Array& actual, const Array& wanted, double ulp) {
  if (ulp == 0) return same_bits(actual, wanted);
  return wanted.dtype().is_complex() ? close_to(actual, wanted) : within_ulp(actual, wanted, 2 * ulp + 2);
}

class RowsOnGpu : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!tests::is_gpu_tested()) GTEST_SKIP() << "KILN_TEST_GPU is not set";
  }

  static Array matrix(const Array& a) { return a(slice(0, 13 * 29)).reshape({13, 29}); }

  void check(int group, Placement at) {
    const Placement other = at == Placement::fortran ? Placement::contiguous : at;
    const Array condition = matrix(operands.condition), a = placed(matrix(operands.a), at),
                b = placed(matrix(operands.b), other), c = placed(matrix(operands.c), at);
    const auto wanted = as_list(eight_rows.with({.interpret = true})(condition, a, b, c, group));
    tests::in_each_order([&](const char* order) {
      const auto actual = as_list(eight_rows.on(cuda())(condition, a, b, c, group));
      const auto rows = rows_of(dtype);
      for (std::size_t k = 0; k < group_size; ++k) {
        const Operation& row = *rows[(static_cast<std::size_t>(group) * group_size + k) % rows.size()];
        EXPECT_TRUE(agrees(actual[k], wanted[k], ulp_of(row, dtype)))
            << row.name << " of " << dtype << ", " << name_of(at) << order;
      }
    });
  }

  DType dtype = GetParam();
  Operands operands{GetParam()};
};

TEST_P(RowsOnGpu, EveryLayout) {
  const auto dtypes = numpy_dtypes();
  const int number = static_cast<int>(std::find(dtypes.begin(), dtypes.end(), dtype) - dtypes.begin());
  for (int group = 0; group < group_count(dtype); ++group)
    for (int layout = 0; layout < layouts; ++layout)
      if (tests::is_taken(number + group + layout, layouts)) check(group, static_cast<Placement>(layout));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, RowsOnGpu, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return test.param.name(); });

}  // namespace
}  // namespace kiln::conformance
