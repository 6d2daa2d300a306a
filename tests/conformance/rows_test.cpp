// Reductions of short rows: several rows at once, a lane each, give the bits of the interpreter, which takes one row
// after the other; for all lengths around vectors, and numbers of rows around groups of them.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

namespace kiln::conformance {
namespace {

template <class T>
Array hashed(std::int64_t rows, std::int64_t columns) {
  std::vector<T> all(static_cast<std::size_t>(rows * columns));
  std::uint64_t state = static_cast<std::uint64_t>(rows * 7919 + columns);
  for (T& x : all) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    x = static_cast<T>(static_cast<double>(state >> 40) / 8192.0 - 1000.0);
  }
  return array(all).reshape({rows, columns});
}

const auto along = jit([](Array a) { return sum(a, {.axis = 1}); });
const auto several = jit([](Array a) {
  return std::tuple(sum(a * a, {.axis = 1}), max(a, {.axis = 1}), min(a, {.axis = 1, .keepdims = true}));
});
const auto mixed = jit([](Array a) { return std::tuple(sum(f64(a), {.axis = 1}), sum(a, {.axis = 1})); });
const auto of_means = jit([](Array a) { return 2 * mean(a, {.axis = 1}) - 1; });
const auto truths = jit([](Array a) { return std::tuple(any(a > 900, {.axis = 1}), all(a < 900, {.axis = 1})); });

TEST(ShortRows, OfEveryLength) {
  for (std::int64_t columns = 0; columns <= 70; columns += columns < 20 ? 1 : 5) {
    SCOPED_TRACE("rows of " + std::to_string(columns));
    in_traces(along, [&](const auto& f) { return results(f(hashed<float>(67, columns))); });
    in_traces(along, [&](const auto& f) { return results(f(hashed<double>(67, columns))); });
    ASSERT_FALSE(HasFailure());
  }
}

TEST(ShortRows, OfEveryNumber) {
  for (const std::int64_t rows : {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 500}) {
    SCOPED_TRACE(std::to_string(rows) + " rows");
    for (const std::int64_t columns : {1, 4, 8, 16, 32, 64}) {
      in_traces(several, [&](const auto& f) { return results(f(hashed<float>(rows, columns))); });
      in_traces(mixed, [&](const auto& f) { return results(f(hashed<float>(rows, columns))); });
    }
    ASSERT_FALSE(HasFailure());
  }
}

template <class T>
class ShortRowsOf : public testing::Test {};
using Numbers = testing::Types<float, double, std::int8_t, std::int32_t, std::uint16_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(ShortRowsOf, Numbers);

TYPED_TEST(ShortRowsOf, SeveralReductions) {
  for (const std::int64_t columns : {2, 16, 33}) {
    SCOPED_TRACE("rows of " + std::to_string(columns));
    const Array a = hashed<TypeParam>(150, columns);
    in_traces(several, [&](const auto& f) { return results(f(a)); });
    in_traces(of_means, [&](const auto& f) { return results(f(a)); });
    in_traces(truths, [&](const auto& f) { return results(f(a)); });
  }
}

TEST(ShortRows, OfOneNumber) {
  static const auto f =
      jit([](Array a) { return std::tuple(sum(zeros_like(a), {.axis = 1}), sum(ones_like(a), {.axis = 0})); });
  for (const std::int64_t rows : {1, 40})
    for (const std::int64_t columns : {1, 16, 70})
      in_traces(f, [&](const auto& g) { return results(g(hashed<std::uint32_t>(rows, columns))); });
}

TEST(ShortRows, OfHalves) {
  const Array a = f16(hashed<float>(100, 16)), b = bf16(a);
  in_traces(several, [&](const auto& f) { return results(f(a)); });
  in_traces(several, [&](const auto& f) { return results(f(b)); });
}

TEST(ShortRows, OfEveryLayout) {
  const Array a = hashed<float>(130, 16);
  for (int k = 0; k < static_cast<int>(Placement::count); ++k) {
    const auto placement = static_cast<Placement>(k);
    SCOPED_TRACE(name_of(placement));
    in_traces(several, [&](const auto& f) { return results(f(placed(a, placement))); });
  }
  in_traces(several, [&](const auto& f) { return results(f(a(slice(_, _, -1), slice(3, _)))); });
}

}  // namespace
}  // namespace kiln::conformance
