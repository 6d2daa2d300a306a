// Reductions down the columns: rows are swept whole, in runs that threads share, and give the bits of the interpreter,
// which takes one column after the other; whatever the number of columns and rows, around vectors, tiles and segments.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

namespace kiln::conformance {
namespace {

template <class T>
Array hashed(std::int64_t rows, std::int64_t columns) {
  std::vector<T> all(static_cast<std::size_t>(rows * columns));
  std::uint64_t state = static_cast<std::uint64_t>(rows * 1'000'003 + columns);
  for (T& x : all) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    x = static_cast<T>(static_cast<double>(state >> 40) / 8192.0 - 1000.0);
  }
  return array(all).reshape({rows, columns});
}

const auto down = jit([](Array a) { return sum(a, {.axis = 0}); });
const auto several = jit([](Array a) {
  return std::tuple(sum(a, {.axis = 0}), max(a, {.axis = 0}), prod(a, {.axis = 0, .keepdims = true}));
});
const auto of_terms = jit([](Array a) { return 2 * mean(a * a + 1, {.axis = 0}) - a(0, _); });
const auto of_functions = jit([](Array a) { return sum(exp(a / 1000), {.axis = 0}); });
const auto truths = jit([](Array a) { return std::tuple(any(a > 900, {.axis = 0}), all(a < 900, {.axis = 0})); });
const auto inner = jit([](Array a) { return sum(a, {.axis = 1}); });
const auto outer_two = jit([](Array a) { return sum(a, {.axis = {0, 1}}); });

const std::int64_t row_counts[] = {0, 1, 3, 4, 63, 64, 65, 200, 1030};
const std::int64_t column_counts[] = {0, 1, 2, 3, 15, 16, 17, 33, 64, 65, 130, 500};

TEST(Columns, OfEverySize) {
  for (const std::int64_t rows : row_counts)
    for (const std::int64_t columns : column_counts) {
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(columns));
      in_traces(down, [&](const auto& f) { return results(f(hashed<float>(rows, columns))); });
      in_traces(down, [&](const auto& f) { return results(f(hashed<double>(rows, columns))); });
      ASSERT_FALSE(HasFailure());
    }
}

TEST(Columns, LargerThanATileOrARun) {
  if (tests::is_gpu_sample()) GTEST_SKIP() << "too many elements for the simulated GPU";
  // Tiles are 4096 columns of f32, 2048 of f64; runs 1024 segments of 64 rows.
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{3, 9000},    {130, 9001},  {70'000, 5},
                                                          {66'000, 70}, {131'073, 2}, {16, 70'000}};
  for (const auto& [rows, columns] : shapes) {
    SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(columns));
    in_traces(down, [&, r = rows, c = columns](const auto& f) { return results(f(hashed<float>(r, c))); });
    in_traces(several, [&, r = rows, c = columns](const auto& f) { return results(f(hashed<double>(r, c))); });
  }
}

template <class T>
class ColumnsOf : public testing::Test {};
using Numbers = testing::Types<float, double, std::int8_t, std::int32_t, std::uint16_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(ColumnsOf, Numbers);

TYPED_TEST(ColumnsOf, SeveralReductionsTermsAndFunctions) {
  for (const std::int64_t rows : {1, 65, 300})
    for (const std::int64_t columns : {3, 40, 200}) {
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(columns));
      const Array a = hashed<TypeParam>(rows, columns);
      in_traces(several, [&](const auto& f) { return results(f(a)); });
      in_traces(of_terms, [&](const auto& f) { return results(f(a)); });
      in_traces(truths, [&](const auto& f) { return results(f(a)); });
      in_traces(of_functions, [&](const auto& f) {
        // Functions differ between the interpreter and vectors: the ways of compiling agree with one another.
        return f.options().interpret ? results(of_functions(a)) : results(f(a));
      });
      ASSERT_FALSE(this->HasFailure());
    }
}

TEST(Columns, OfEveryLayout) {
  const Array a = hashed<float>(130, 70);
  for (int k = 0; k < static_cast<int>(Placement::count); ++k) {
    const auto placement = static_cast<Placement>(k);
    SCOPED_TRACE(name_of(placement));
    in_traces(several, [&](const auto& f) { return results(f(placed(a, placement))); });
  }
  in_traces(several, [&](const auto& f) { return results(f(a(slice(_, _, -1), slice(3, _)))); });
  in_traces(several, [&](const auto& f) { return results(f(a(slice(_, _, 3), slice(_, _, -2)))); });
}

TEST(Columns, OfMoreAxes) {
  const Array a = hashed<double>(70 * 9, 20).reshape({9, 70, 20});
  in_traces(inner, [&](const auto& f) { return results(f(a)); });
  in_traces(outer_two, [&](const auto& f) { return results(f(a)); });
  in_traces(down, [&](const auto& f) { return results(f(a)); });
}

TEST(Columns, AreSweptInRows) {
  static const auto f = jit([](Array a) { return sum(a * a + 1, {.axis = 0}); });
  f(hashed<float>(64, 64));
  const std::string program = f.inspect("scheduled").c_str();
  EXPECT_NE(program.find("[columns"), std::string::npos) << program;
  // What is reduced is computed where it is read: no array of the input's size is made.
  EXPECT_EQ(program.find("allocate t0: f32[a0.extent(0)"), std::string::npos) << program;
}

}  // namespace
}  // namespace kiln::conformance
