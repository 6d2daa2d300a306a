// The reference interpreter against NumPy's values: every reduction, along every axis, with every option it takes.
#include "tests/conformance/compare.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reductions.h"
#include "tests/conformance/reference.h"

#include <string>

namespace kiln::conformance {
namespace {

using detail::Reduced;
using detail::ReduceOption;

constexpr JitOptions interpreted{.interpret = true};

struct AxesCase {
  const char* name;
  int bits;
};
constexpr AxesCase axes_cases[] = {{"all", 7}, {"0", 1}, {"1", 2}, {"2", 4}, {"02", 5}};
constexpr const char* masks[] = {"m0", "m1", "m2", "none"};

class NumPyReduce : public testing::TestWithParam<DType> {
 protected:
  int compared = 0;

  static std::string entry(const ReductionFunction& f, const std::string& rest) { return f.name + ("/" + rest); }

  // Sums of a few quarters are exact; means and variances are NumPy's in long double, rounded once.
  void expect(const ReductionFunction& f, const std::string& name, const Array& actual) {
    SCOPED_TRACE(name);
    const Array expected = reference("reduce", name);
    const bool averages = f.row.of == Reduced::mean || f.row.of == Reduced::variance || f.row.of == Reduced::stddev;
    if (averages && expected.dtype().is_complex())
      EXPECT_TRUE(within_norm(actual, expected, expected.dtype() == c64 ? 0x1p-22 : 0x1p-51));
    else if (averages && expected.dtype().is_floating())
      EXPECT_TRUE(within_ulp(actual, expected, expected.dtype() == f16 ? 1 : 4));
    else if (f.row.of == Reduced::prod && expected.dtype().is_complex())  // the order decides the signs of zeros
      EXPECT_TRUE(same_bits(actual + 0.0, expected + 0.0));
    else
      EXPECT_TRUE(same_bits(actual, expected));
    ++compared;
  }

  void expect_case(const ReductionFunction& f, const Array& x, const AxesCase& axes, ReduceConstants c,
                   const std::string& suffix, const Array& mask) {
    const std::string name = entry(f, std::string(x.dtype().name()) + "/" + axes.name + suffix);
    if (!has_reference("reduce", name)) return;
    // A function for each case: thousands of constants of one would be searched for each call.
    const auto reduced_by = jit([](Array a, Array m, ReduceConstants constants) { return reduced(a, m, constants); });
    c.axes = axes.bits;
    const Array plain = reduced_by.with(interpreted)(x, mask, c);
    expect(f, name, plain);
    c.keepdims = true;
    const Array kept = reduced_by.with(interpreted)(x, mask, c);
    ASSERT_EQ(kept.rank(), 3) << name;
    for (int axis = 0; axis < 3; ++axis) EXPECT_EQ(kept.extent(axis), axes.bits >> axis & 1 ? 1 : x.extent(axis));
    EXPECT_TRUE(same_bits(kept.reshape(plain.shape()), plain)) << name;
  }

  void expect_function(int which, const Array& x, bool with_nan) {
    const ReductionFunction& f = reduction_functions()[static_cast<std::size_t>(which)];
    const ReduceConstants plain{.which = which};
    const Array unused = reference("reduce", "m0");
    for (const AxesCase& axes : axes_cases) {
      if (with_nan) {
        expect_case(f, x, axes, plain, "/nan", unused);
        continue;
      }
      expect_case(f, x, axes, plain, "", unused);
      ReduceConstants masked = plain, started = plain, freed = plain;
      masked.masked = started.initial = true;
      masked.initial = f.is_extreme();
      for (const char* mask : masks)
        expect_case(f, x, axes, masked, std::string("/") + mask, reference("reduce", mask));
      expect_case(f, x, axes, started, "/initial", unused);
      for (const int ddof : {1, 5}) {
        freed.ddof = ddof;
        expect_case(f, x, axes, freed, "/ddof" + std::to_string(ddof), unused);
      }
      freed.ddof = 1;
      freed.masked = true;
      expect_case(f, x, axes, freed, "/ddof1/m1", reference("reduce", "m1"));
      for (const DType dtype : numpy_dtypes()) {
        ReduceConstants cast = plain;
        cast.dtype = static_cast<int>(dtype.code());
        expect_case(f, x, axes, cast, std::string("/as ") + dtype.name(), unused);
      }
    }
    if (with_nan || !f.takes_dtype(x.dtype())) return;
    const std::string name = entry(f, std::string(x.dtype().name()) + "/all");
    const auto everything =
        jit([](Array a, int k) { return reduction_functions()[static_cast<std::size_t>(k)].everything(a); });
    const Value v = everything.with(interpreted)(x, which);
    const Array rank_0 = empty(Shape({}), v.dtype());
    rank_0(rest) = v;
    if (has_reference("reduce", name)) expect(f, name, rank_0);
  }
};

TEST_P(NumPyReduce, EveryOption) {
  const std::string dtype = GetParam().name();
  const auto functions = reduction_functions();
  for (int k = 0; k < static_cast<int>(functions.size()); ++k) {
    const ReductionFunction& f = functions[static_cast<std::size_t>(k)];
    const bool ignores = f.row.nan == detail::NotANumber::ignored;
    const std::string operand =
        std::string(ignores ? "nan" : "") + (f.row.of == Reduced::prod ? "factors/" : "x/") + dtype;
    if (has_reference("reduce", operand)) expect_function(k, reference("reduce", operand), false);
    if (HasFailure()) return;
  }
  EXPECT_GT(compared, GetParam().is_bool() ? 280 : 320);
}

TEST_P(NumPyReduce, NotANumberPropagates) {
  if (!GetParam().is_floating() && !GetParam().is_complex()) return;
  const Array x = reference("reduce", std::string("nanx/") + GetParam().name());
  const auto functions = reduction_functions();
  for (int k = 0; k < static_cast<int>(functions.size()); ++k)
    if (functions[static_cast<std::size_t>(k)].row.nan == detail::NotANumber::propagates) expect_function(k, x, true);
  EXPECT_EQ(compared, 43);
}

// The dtype as a constant: -1 for none; so the axis.
Array cumulative(const Array& x, bool product, int axis, int dtype) {
  Reduce options;
  if (axis >= 0) options.axis = axis;
  if (dtype >= 0) options.dtype = DType(static_cast<TypeCode>(dtype));
  return product ? cumprod(x, options) : cumsum(x, options);
}

TEST_P(NumPyReduce, Cumulative) {
  const std::string dtype = GetParam().name();
  for (const bool product : {false, true}) {
    const std::string function = product ? "cumprod/" : "cumsum/";
    const Array x = reference("cumulative", function + dtype + "/x");
    const auto f = jit([](Array a, bool by, int along, int as) { return cumulative(a, by, along, as); });
    for (int axis = -1; axis < 3; ++axis)
      for (int as = -1; as < type_code_count; ++as) {
        std::string name = function + dtype + "/" + (axis < 0 ? "none" : std::to_string(axis));
        if (as >= 0) name += std::string("/as ") + DType(static_cast<TypeCode>(as)).name();
        if (!has_reference("cumulative", name)) continue;
        EXPECT_TRUE(same_bits(f.with(interpreted)(x, product, axis, as), reference("cumulative", name))) << name;
        ++compared;
      }
  }
  EXPECT_EQ(compared, GetParam().is_complex() ? 8 : 24);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, NumPyReduce, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return test.param.name(); });

}  // namespace
}  // namespace kiln::conformance
