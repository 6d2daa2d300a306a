// A second oracle: random expressions as NumPy text, evaluated by NumPy, read here as Kiln calls: traced, interpreted
// and eager, over all fifteen dtypes, bit for bit.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/reference.h"

#include <charconv>
#include <functional>
#include <map>
#include <variant>

namespace kiln::conformance {
namespace {

constexpr const char* file = "expressions";

// ---- NumPy's text as Kiln calls -------------------------------------------------------------------------------------

// An operand is an array, or a number as it stands in the text.
using Operand = std::variant<Array, Value>;

Array array_of(const Operand& x) { return std::get<Array>(x); }

// A function of one operand, of two, of three.
template <class F>
Operand one(const Operand& x, F&& f) {
  return f(ArrayOperand(array_of(x)));
}
template <class F>
Operand two(const Operand& a, const Operand& b, F&& f) {
  const auto* x = std::get_if<Array>(&a);
  const auto* y = std::get_if<Array>(&b);
  if (x && y) return f(ArrayOperand(*x), ArrayOperand(*y));
  if (x) return f(ArrayOperand(*x), kiln::Operand(std::get<Value>(b)));
  return f(kiln::Operand(std::get<Value>(a)), ArrayOperand(array_of(b)));
}
Operand chosen(const Operand& c, const Operand& a, const Operand& b) {
  const Array mask = array_of(c);
  const ArrayOperand condition(mask);
  const auto* x = std::get_if<Array>(&a);
  const auto* y = std::get_if<Array>(&b);
  if (x && y) return where(condition, ArrayOperand(*x), ArrayOperand(*y));
  if (x) return where(condition, ArrayOperand(*x), kiln::Operand(std::get<Value>(b)));
  if (y) return where(condition, kiln::Operand(std::get<Value>(a)), ArrayOperand(*y));
  return where(condition, kiln::Operand(std::get<Value>(a)), kiln::Operand(std::get<Value>(b)));
}

using Call = std::function<Operand(const std::vector<Operand>&)>;

const std::map<std::string, Call, std::less<>>& calls() {
  static const auto all = [] {
    std::map<std::string, Call, std::less<>> m;
#define KILN_ONE(name, ...) \
  m[#name] = [](const auto& x) { return one(x[0], [](const auto& a) -> Array { return __VA_ARGS__; }); };
    KILN_ONE(negative, -a)
    KILN_ONE(absolute, abs(a))
    KILN_ONE(sign, sign(a))
    KILN_ONE(square, square(a))
    KILN_ONE(sqrt, sqrt(a))
    KILN_ONE(floor, floor(a))
    KILN_ONE(ceil, ceil(a))
    KILN_ONE(trunc, trunc(a))
    KILN_ONE(rint, rint(a))
    KILN_ONE(isnan, isnan(a))
    KILN_ONE(isinf, isinf(a))
    KILN_ONE(isfinite, isfinite(a))
    KILN_ONE(signbit, signbit(a))
    KILN_ONE(invert, ~a)
    KILN_ONE(logical_not, !a)
#undef KILN_ONE
#define KILN_TWO(name, ...)                                                                    \
  m[#name] = [](const auto& x) {                                                               \
    return two(x[0], x[1], [](const auto& a, const auto& b) -> Array { return __VA_ARGS__; }); \
  };
    KILN_TWO(add, a + b)
    KILN_TWO(subtract, a - b)
    KILN_TWO(multiply, a * b)
    KILN_TWO(true_divide, a / b)
    KILN_TWO(floor_divide, floordiv(a, b))
    KILN_TWO(remainder, a % b)
    KILN_TWO(fmod, fmod(a, b))
    KILN_TWO(minimum, minimum(a, b))
    KILN_TWO(maximum, maximum(a, b))
    KILN_TWO(fmin, fmin(a, b))
    KILN_TWO(fmax, fmax(a, b))
    KILN_TWO(copysign, copysign(a, b))
    KILN_TWO(less, a < b)
    KILN_TWO(less_equal, a <= b)
    KILN_TWO(greater, a > b)
    KILN_TWO(greater_equal, a >= b)
    KILN_TWO(equal, a == b)
    KILN_TWO(not_equal, a != b)
    KILN_TWO(logical_and, a && b)
    KILN_TWO(logical_or, a || b)
    KILN_TWO(bitwise_and, a & b)
    KILN_TWO(bitwise_or, a | b)
    KILN_TWO(bitwise_xor, a ^ b)
    KILN_TWO(left_shift, a << b)
    KILN_TWO(right_shift, a >> b)
#undef KILN_TWO
    m["where"] = [](const auto& x) { return chosen(x[0], x[1], x[2]); };
    for (int code = 0; code < type_code_count; ++code) {
      const DType dtype(static_cast<TypeCode>(code));
      m[dtype.name()] = [dtype](const auto& x) -> Operand { return dtype(ArrayOperand(array_of(x[0]))); };
    }
    return m;
  }();
  return all;
}

// The text's grammar: name(expression, …), an operand's name, or a number.
class Reader {
 public:
  Reader(std::string_view text, const std::map<std::string, Array, std::less<>>& operands)
      : text_(text), operands_(operands) {}

  Operand expression() {
    const std::size_t end = text_.find_first_of("(,) ", at_);
    const std::string_view name = text_.substr(at_, end - at_);
    at_ = std::min(end, text_.size());
    if (at_ < text_.size() && text_[at_] == '(') return calls().find(name)->second(arguments());
    if (const auto found = operands_.find(name); found != operands_.end()) return found->second;
    return number(name);
  }

 private:
  std::vector<Operand> arguments() {
    std::vector<Operand> all;
    while (text_[at_] != ')') {
      at_ += text_[at_] == ',' ? 2 : 1;
      all.push_back(expression());
    }
    ++at_;
    return all;
  }

  static Operand number(std::string_view text) {
    if (text.find('.') == std::string_view::npos) {
      std::int64_t integer = 0;
      std::from_chars(text.data(), text.data() + text.size(), integer);
      return Value(integer);
    }
    double real = 0;
    std::from_chars(text.data(), text.data() + text.size(), real);
    return Value(real);
  }

  std::string_view text_;
  const std::map<std::string, Array, std::less<>>& operands_;
  std::size_t at_ = 0;
};

// ---- The expressions ------------------------------------------------------------------------------------------------

bool is_operand(const std::string& name) { return name.find('(') == std::string::npos; }

// The names of the operands that an expression mentions, each once.
std::vector<std::string> mentioned(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of("(,) ", at), text.size());
    const std::string name = text.substr(at, end - at);
    const bool known = name.find('_') != std::string::npos && end < text.size() && text[end] != '(';
    if (known && has_reference(file, name) && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
    at = end + 1;
  }
  return names;
}

std::vector<std::string> texts;

Array build(int which, std::span<const Array> arrays) {
  const std::string& text = texts[static_cast<std::size_t>(which)];
  std::map<std::string, Array, std::less<>> operands;
  std::size_t next = 0;
  for (const std::string& name : mentioned(text)) operands.emplace(name, arrays[next++]);
  return array_of(Reader(text, operands).expression());
}

// One function for each number of operands; which expression it is, is a constant of its specialization.
const auto of_1 = jit([](int which, Array a) { return build(which, {{a}}); });
const auto of_2 = jit([](int which, Array a, Array b) { return build(which, {{a, b}}); });
const auto of_3 = jit([](int which, Array a, Array b, Array c) { return build(which, {{a, b, c}}); });
const auto of_4 = jit([](int which, Array a, Array b, Array c, Array d) { return build(which, {{a, b, c, d}}); });

Array run(const JitOptions& options, int which, std::span<const Array> x) {
  switch (x.size()) {
    case 1: return of_1.with(options)(which, x[0]);
    case 2: return of_2.with(options)(which, x[0], x[1]);
    case 3: return of_3.with(options)(which, x[0], x[1], x[2]);
    default: return of_4.with(options)(which, x[0], x[1], x[2], x[3]);
  }
}

class Expressions : public testing::TestWithParam<int> {};

// Every eighth expression from one on.
TEST_P(Expressions, AsNumPyGivesThem) {
  if (texts.empty())
    for (const std::string& name : names_in(file))
      if (!is_operand(name)) texts.push_back(name);
  ASSERT_GE(texts.size(), 1000u);
  int compared = 0;
  for (int which = GetParam(); which < static_cast<int>(texts.size()); which += 8) {
    const std::string& text = texts[static_cast<std::size_t>(which)];
    SCOPED_TRACE(text);
    std::vector<Array> x;
    for (const std::string& name : mentioned(text)) x.push_back(reference(file, name));
    if (x.size() > 4) continue;
    const Array expected = reference(file, text);
    const auto agrees = [&](const char* how, const auto& result) {
      try {
        EXPECT_TRUE(same_bits(result(), expected)) << how;
      } catch (const Error& e) {
        ADD_FAILURE() << how << ": " << e.what();
      }
    };
    ++compared;
    if (tests::is_gpu_tested()) {
      if (tests::is_taken(which, 11))
        tests::in_each_order(
            [&](const char* order) { agrees(order, [&] { return run({.device = cuda()}, which, x); }); });
      continue;
    }
    agrees("interpreted", [&] { return run({.interpret = true}, which, x); });
    agrees("compiled", [&] { return run({.vector_bits = 128 << which % 3}, which, x); });
    if (which % 3 == 0) agrees("eager", [&] { return build(which, x); });
  }
  EXPECT_GT(compared, 100);
}

INSTANTIATE_TEST_SUITE_P(Parts, Expressions, testing::Range(0, 8));

}  // namespace
}  // namespace kiln::conformance
