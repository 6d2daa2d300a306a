// The dtypes of scalars as a program sees them: weak numbers that meet strong ones, the join of a Var; interpreted,
// compiled and eager alike, and NumPy's.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reference.h"

#include <kiln/error.h>

#include <complex>
#include <optional>
#include <string>

namespace kiln::conformance {
namespace {

constexpr JitOptions interpreted{.interpret = true};
constexpr std::int64_t refused = 255;

std::optional<DType> dtype_of_code(const Number16& code) {
  if (code.i == refused) return std::nullopt;
  return DType(static_cast<TypeCode>(code.i));
}

// The result of an action, or nothing where its dtypes are refused.
template <class Action>
std::optional<Value> attempt(Action&& action) {
  try {
    return action();
  } catch (const DTypeError&) {
    return std::nullopt;
  }
}

void expect_dtype(const std::optional<Value>& actual, const std::optional<DType>& expected, const char* way) {
  ASSERT_EQ(actual.has_value(), expected.has_value()) << way;
  if (actual) {
    EXPECT_EQ(actual->dtype(), *expected) << way;
  }
}

// ---- Weak numbers ---------------------------------------------------------------------------------------------------

enum class Weak { integer, floating, complex };

Value weak(Weak kind) {
  return kind == Weak::integer ? Value(1) : kind == Weak::floating ? Value(1.5) : Value(std::complex<double>(0, 1.5));
}

Value operate(int row, const Value& x, const Value& y) {
  const Value operands[] = {x, y};
  return operations()[static_cast<std::size_t>(row)].apply_scalars(operands);
}

const auto with_argument = jit([](Array x, Value w, int row) { return operate(row, x(0), w); });
const auto with_literal = jit([](Array x, int row, Weak kind) { return operate(row, x(0), weak(kind)); });
const auto literal_first = jit([](Array x, int row, Weak kind) { return operate(row, weak(kind), x(0)); });

TEST(DTypes, WeakNumbersMeetStrongOnesAsInNumPy) {
  int compared = 0;
  for (int row = 0; row < static_cast<int>(operations().size()); ++row) {
    const Operation& operation = operations()[static_cast<std::size_t>(row)];
    const ir::Rule rule = ir::row(operation.op).rule;
    for (const Weak kind : {Weak::integer, Weak::floating, Weak::complex}) {
      constexpr const char* names[] = {"weak_int/", "weak_float/", "weak_complex/"};
      const std::string name = names[static_cast<int>(kind)] + std::string(operation.name);
      if (!has_reference("mixed", name)) continue;
      const auto codes = elements(reference("mixed", name));
      for (std::size_t k = 0; k < codes.size(); ++k) {
        const DType dtype = numpy_dtypes()[k];
        SCOPED_TRACE(name + " and " + dtype.name());
        std::optional<DType> expected = dtype_of_code(codes[k]);
        // On purpose, see language.md: a < b < c and a & b == c.
        if (dtype.is_bool() && (rule == ir::Rule::comparison || rule == ir::Rule::bitwise)) expected = std::nullopt;
        const Array x = ones({1}, dtype);
        const auto eager = attempt([&] { return operate(row, x(0), weak(kind)); });
        expect_dtype(eager, expected, "eager");
        expect_dtype(attempt([&] { return operate(row, weak(kind), x(0)); }), expected, "eager, the other way round");
        const auto traced = attempt([&] { return with_argument.with(interpreted)(x, weak(kind), row); });
        expect_dtype(traced, expected, "traced");
        const auto literal = attempt([&] { return with_literal.with(interpreted)(x, row, kind); });
        expect_dtype(literal, expected, "traced literal");
        expect_dtype(attempt([&] { return literal_first.with(interpreted)(x, row, kind); }), expected,
                     "traced literal, the other way round");
        if (expected && eager && traced && literal) {
          EXPECT_TRUE(same_bits(*traced, *eager));
          EXPECT_TRUE(same_bits(*literal, *eager));
        }
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 35 * 3 * 14);
}

TEST(DTypes, StrengthsOfNumbers) {
  static const auto f = jit([](Array x, Value n, Value r) {
    const Value y = x(0);
    return std::tuple(Value(n + 1), Value(n / 2), Value(n * r), Value(y + n), Value(y * r), Value(x.shape(0) + y),
                      Value(1.5f * r), Value(f32(n) + 1.5), Value(true + n));
  });
  const auto r = everywhere(f, [](const auto& g) { return results(g(ones({2}, f32), 3, 2.5)); });
  constexpr DType expected[] = {i64, f64, f64, f32, f32, f32, f32, f32, i64};
  ASSERT_EQ(r.size(), std::size(expected));
  for (std::size_t k = 0; k < r.size(); ++k) EXPECT_EQ(r[k].dtype(), expected[k]) << k;
}

// ---- Vars -----------------------------------------------------------------------------------------------------------

// What a Var is assigned: a weak integer, a weak float, else an element.
enum class Given { weak_int, weak_float, element };

Value given(Given which, const Array& x) {
  return which == Given::weak_int ? Value(3) : which == Given::weak_float ? Value(2.5) : Value(x(0));
}

const auto joined = jit([](Array x, Array y, Given first, Given second) {
  Var v = given(first, x);
  v = given(second, y);
  return v;
});
const auto updated = jit([](Array x, Array y, Given first, Given second) {
  Var v = given(first, x);
  v *= given(second, y);
  v = given(first, x) * v;
  return v;
});

DType expected_join(Given first, DType x, Given second, DType y) {
  const auto at = [](DType dtype) {
    std::size_t k = 0;
    while (numpy_dtypes()[k] != dtype) ++k;
    return k;
  };
  const auto code = [](const std::string& name, std::size_t k) {
    return *dtype_of_code(elements(reference("mixed", name))[k]);
  };
  if (first == Given::element && second == Given::element)
    return code("dtype/add", at(x) * numpy_dtypes().size() + at(y));
  if (first != Given::element && second != Given::element)
    return first == Given::weak_int && second == Given::weak_int ? i64 : f64;
  const DType strong = first == Given::element ? x : y;
  const Given other = first == Given::element ? second : first;
  if (other == Given::weak_float) return code("weak_float/add", at(strong));
  return strong.is_integer() ? i64 : code("weak_int/add", at(strong));
}

template <class Check>
void every_pair(Check&& check) {
  const auto arrays = [](Given g, auto&& body) {
    if (g != Given::element) return body(ones({1}, f64));
    for (const DType dtype : numpy_dtypes()) body(full({1}, 7, dtype));
  };
  constexpr Given all[] = {Given::weak_int, Given::weak_float, Given::element};
  for (const Given first : all)
    for (const Given second : all)
      arrays(first, [&](const Array& x) { arrays(second, [&](const Array& y) { check(first, x, second, y); }); });
}

TEST(DTypes, AVarIsTheJoinOfWhatItIsAssigned) {
  every_pair([](Given first, const Array& x, Given second, const Array& y) {
    SCOPED_TRACE(std::to_string(static_cast<int>(first)) + " of " + x.dtype().name() + ", then " +
                 std::to_string(static_cast<int>(second)) + " of " + y.dtype().name());
    const Value wanted = joined.with(interpreted)(x, y, first, second);
    EXPECT_EQ(wanted.dtype(), expected_join(first, x.dtype(), second, y.dtype()));
    EXPECT_TRUE(same_bits(joined(x, y, first, second), wanted)) << "compiled";
    EXPECT_TRUE(same_bits(Eager<std::remove_const_t<decltype(joined)>>{}(x, y, first, second), wanted)) << "eager";
  });
}

TEST(DTypes, UpdatesOfAVarJoinToo) {
  every_pair([](Given first, const Array& x, Given second, const Array& y) {
    SCOPED_TRACE(std::to_string(static_cast<int>(first)) + " of " + x.dtype().name() + ", then " +
                 std::to_string(static_cast<int>(second)) + " of " + y.dtype().name());
    const Value wanted = updated.with(interpreted)(x, y, first, second);
    EXPECT_TRUE(same_bits(Eager<std::remove_const_t<decltype(updated)>>{}(x, y, first, second), wanted)) << "eager";
  });
}

TEST(DTypes, AVarKeepsTheDtypeItWasDeclaredWith) {
  static const auto f = jit([](Array x) {
    Var s(0.0, f32), n(1, u8), later = 0;
    s = x(0);
    s += x(1);
    Var copy = s;
    copy = x(1);
    n = i64(5) + 300;
    n -= 9;
    later = f32(x(0));
    later = 2;
    return std::tuple(s, copy, n, later);
  });
  const auto r = everywhere(f, [](const auto& g) { return results(g(array(std::vector<double>{1.1, 2.7}))); });
  EXPECT_EQ(r[0].dtype(), f32);
  EXPECT_EQ(r[0].item().as_double(), static_cast<float>(static_cast<float>(1.1) + 2.7));
  EXPECT_EQ(r[1].dtype(), f64) << "a copy is declared without a dtype, and joins";
  EXPECT_EQ(r[1].item().as_double(), 2.7);
  EXPECT_EQ(r[2].dtype(), u8);
  EXPECT_EQ(r[2].item().as_integer(), 305 - 256 - 9);
  EXPECT_EQ(r[3].dtype(), f32);
  EXPECT_EQ(r[3].item().as_double(), 2);
}

// Outside a trace later assignments are not known yet.
TEST(DTypes, AnEagerVarWidensAsItIsAssigned) {
  Var v = 0;
  EXPECT_EQ(v.dtype(), i64);
  EXPECT_EQ((v + f32(1)).dtype(), f32) << "still weak";
  v = f32(1.5f);
  EXPECT_EQ(v.dtype(), f32);
  v = 2;
  EXPECT_EQ(v.dtype(), f32);
  EXPECT_EQ(static_cast<double>(v / 4), 0.5);
  v = f64(0.1);
  EXPECT_EQ(v.dtype(), f64);
  v = true;
  EXPECT_EQ(v.dtype(), f64);
  EXPECT_EQ(static_cast<double>(v), 1);
}

TEST(DTypes, UpdatesOfElementsKeepTheArraysDtype) {
  static const auto f = jit([](Array a) {
    a(0) += 250;
    a(1) <<= 3;
    a(2) >>= 1;
    a(3)++;
    ++a(3);
    a(4)--;
    --a(4);
    a(5) |= 6;
    a(6) &= 3;
    a(7) ^= 255;
    a(8) *= 2;
    a(9).min(4);
    a(10).max(40);
    Var v = a(11);
    v <<= 2;
    v >>= 1;
    v++;
    --v;
    v |= 1;
    v ^= 3;
    v &= 30;
    return v;
  });
  const auto r = everywhere(f, [](const auto& g) {
    const Array a = arange(5, 17).astype(u8);
    const Value v = g(a);
    return results(a, v);
  });
  EXPECT_EQ(numbers<std::uint8_t>(r[0]), (std::vector<std::uint8_t>{255, 48, 3, 10, 7, 14, 3, 243, 26, 4, 40, 16}));
  EXPECT_EQ(r[1].dtype(), u8);
  EXPECT_EQ(r[1].item().as_integer(), ((((16 << 2) >> 1) | 1) ^ 3) & 30);
}

// Rounded once, when the loop is over: in steps of f16 the sum would stay at 256.
TEST(DTypes, HalvesReduceInF32) {
  static const auto f = jit([](Array h) {
    Var s = h(0), low = h(0), inner_sums = h(0);
    for (Value i : prange(h.shape(0))) {
      s += h(i);
      low.min(h(i));
      Var inner = h(i);
      for (Value k : range(i % 7)) inner += h(k);
      inner_sums += inner;
    }
    return std::tuple(s, low, inner_sums, sum(h));
  });
  for (const DType dtype : {f16, bf16}) {
    const auto r = in_traces(f, [&](const auto& g) { return results(g(full({4000}, 0.125, dtype))); });
    for (const Array& x : r) EXPECT_EQ(x.dtype(), dtype);
    EXPECT_EQ(r[0].item().as_double(), 500);
    in_traces(f, [&](const auto& g) { return results(g(hashed_array(777, dtype, 3))); });
  }
}

}  // namespace
}  // namespace kiln::conformance
