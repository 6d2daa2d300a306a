// Every ufunc of NumPy's namespace is an operation of the table, a composition, or not there for a reason; and its
// dtype rule is NumPy's for every combination of dtypes, but for the differences named here.
#include "tests/conformance/operations.h"
#include "tests/support/folder.h"

#include <kiln/error.h>

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace kiln::conformance {
namespace {

using ir::Op;

// What NumPy calls the operations of the table; a name that is not here is the table's own.
const std::map<std::string, Op> numpy_names = {
    {"absolute", Op::abs},
    {"arccos", Op::acos},
    {"arccosh", Op::acosh},
    {"arcsin", Op::asin},
    {"arcsinh", Op::asinh},
    {"arctan", Op::atan},
    {"arctan2", Op::atan2},
    {"arctanh", Op::atanh},
    {"bitwise_and", Op::bit_and},
    {"bitwise_count", Op::popcount},
    {"bitwise_invert", Op::bit_not},
    {"bitwise_left_shift", Op::left_shift},
    {"bitwise_not", Op::bit_not},
    {"bitwise_or", Op::bit_or},
    {"bitwise_right_shift", Op::right_shift},
    {"bitwise_xor", Op::bit_xor},
    {"conjugate", Op::conj},
    {"degrees", Op::rad2deg},
    {"floor_divide", Op::floordiv},
    {"invert", Op::bit_not},
    {"power", Op::pow},
    {"radians", Op::deg2rad},
    {"remainder", Op::mod},
    {"true_divide", Op::divide},
};

// Functions of Kiln that are no rows of the table, by the dtype of their first result.
const std::map<std::string, DType (*)(const Array& a, const Array& b)> compositions = {
    {"divmod", [](const Array& a, const Array& b) { return std::get<0>(divmod(a, b)).dtype(); }},
    {"float_power", [](const Array& a, const Array& b) { return float_power(a, b).dtype(); }},
    {"frexp", [](const Array& a, const Array&) { return std::get<0>(frexp(a)).dtype(); }},
    {"ldexp", [](const Array& a, const Array& b) { return ldexp(a, b).dtype(); }},
    {"modf", [](const Array& a, const Array&) { return std::get<0>(modf(a)).dtype(); }},
    {"positive", [](const Array& a, const Array&) { return (+a).dtype(); }},
};

const std::map<std::string, const char*> absent = {
    {"isnat", "there are no dates"},
    {"matmul", "of matrices, not of elements: no ufunc of the language"},
    {"matvec", "of matrices, not of elements: no ufunc of the language"},
    {"vecdot", "of vectors, not of elements: dot, or sum(a * b, {.axis = -1})"},
    {"vecmat", "of matrices, not of elements: no ufunc of the language"},
};

// ---- Differences ----------------------------------------------------------------------------------------------------

using Answer = std::optional<DType>;  // nothing: refused

struct Case {
  std::string ufunc;
  DType a, b;
  Answer numpy, kiln;
};

struct Difference {
  const char* reason;
  bool (*applies)(const Case& c);
};

ir::Rule rule_of(const std::string& ufunc);

constexpr Difference differences[] = {
    {"a bool against a number is a trap: a < b < c, a & b == c",
     [](const Case& c) {
       const ir::Rule rule = rule_of(c.ufunc);
       return (rule == ir::Rule::comparison || rule == ir::Rule::bitwise) && c.a.is_bool() != c.b.is_bool() && !c.kiln;
     }},
    {"degrees and radians are rad2deg and deg2rad, of which alone ml_dtypes has the loop for bf16",
     [](const Case& c) { return (c.ufunc == "degrees" || c.ufunc == "radians") && c.a == bf16; }},
    {"the exponent of ldexp may be any signed integer, also i64 where NumPy's C int is narrower, and of bf16 the "
     "result "
     "stays bf16",
     [](const Case& c) { return c.ufunc == "ldexp" && c.kiln && (!c.numpy || c.a == bf16); }},
};

// ---- The table ------------------------------------------------------------------------------------------------------

struct Ufunc {
  std::string name;
  int arity = 0;  // 0: of matrices and vectors
  std::vector<std::string> results;
};

std::vector<Ufunc> ufuncs() {
  std::ifstream in(test::tests_folder() + "/reference/ufuncs.txt");
  std::vector<Ufunc> all;
  std::string line;
  std::getline(in, line);  // the dtypes
  while (std::getline(in, line)) {
    std::istringstream words(line);
    Ufunc u;
    std::string arity;
    words >> u.name >> arity;
    if (arity != "core") {
      u.arity = std::stoi(arity);
      for (int row = 0; row < (u.arity == 1 ? 1 : type_code_count); ++row) {
        std::getline(in, line);
        std::istringstream row_words(line);
        for (std::string word; row_words >> word;) u.results.push_back(word);
      }
    }
    all.push_back(std::move(u));
  }
  return all;
}

std::optional<Op> row_of(const std::string& ufunc) {
  if (const auto found = numpy_names.find(ufunc); found != numpy_names.end()) return found->second;
  for (const Operation& operation : operations())
    if (ufunc == operation.name) return operation.op;
  return std::nullopt;
}

ir::Rule rule_of(const std::string& ufunc) {
  const auto op = row_of(ufunc);
  return op ? ir::row(*op).rule : ir::Rule::leaf;
}

Answer answer_of_row(Op op, DType a, DType b) {
  const Type operands[] = {{a}, {b}};
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(op, operands, ir::row(op).arity, types, reason)) {
    EXPECT_FALSE(reason.empty()) << ir::row(op).name << " of " << a << " and " << b;
    return std::nullopt;
  }
  return types.result.dtype;
}

Answer answer_of_composition(const std::string& name, DType a, DType b) {
  try {
    return compositions.at(name)(ones({1}, a), ones({1}, b));
  } catch (const DTypeError&) {
    return std::nullopt;
  }
}

std::optional<DType> dtype_named(const std::string& name) {
  for (int k = 0; k < type_code_count; ++k)
    if (const DType dtype{static_cast<TypeCode>(k)}; name == dtype.name()) return dtype;
  return std::nullopt;
}

void check(const Case& c, std::map<std::string, int>& used) {
  if (c.numpy == c.kiln) return;
  for (const Difference& d : differences)
    if (d.applies(c)) {
      ++used[d.reason];
      return;
    }
  const auto shown = [](const Answer& x) { return x ? x->name() : "refused"; };
  ADD_FAILURE() << c.ufunc << " of " << c.a << " and " << c.b << " is " << shown(c.kiln) << ", in NumPy "
                << shown(c.numpy);
}

TEST(Ufuncs, EveryOneIsThereOrNotForAReason) {
  const auto all = ufuncs();
  EXPECT_GT(all.size(), 100u);
  for (const Ufunc& u : all) {
    const int places = (row_of(u.name) ? 1 : 0) + static_cast<int>(compositions.count(u.name) + absent.count(u.name));
    EXPECT_EQ(places, 1) << u.name;
  }
  for (const auto& [name, reason] : absent)
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const Ufunc& u) { return u.name == name; })) << name << reason;
}

TEST(Ufuncs, ResultDtypesAreNumPys) {
  std::map<std::string, int> used;
  int compared = 0;
  for (const Ufunc& u : ufuncs()) {
    if (absent.contains(u.name)) continue;
    const auto op = row_of(u.name);
    const auto count = static_cast<std::size_t>(type_code_count);
    ASSERT_EQ(u.results.size(), u.arity == 1 ? count : count * count) << u.name;
    for (std::size_t k = 0; k < u.results.size(); ++k) {
      if (u.results[k] == "?") continue;  // bf16, of which ml_dtypes says nothing here
      const DType a{static_cast<TypeCode>(u.arity == 1 ? k : k / count)}, b{static_cast<TypeCode>(k % count)};
      check({u.name, a, b, dtype_named(u.results[k]),
             op ? answer_of_row(*op, a, b) : answer_of_composition(u.name, a, b)},
            used);
      ++compared;
    }
  }
  EXPECT_GT(compared, 8000);
  for (const Difference& d : differences) EXPECT_GT(used[d.reason], 0) << "no longer a difference: " << d.reason;
}

}  // namespace
}  // namespace kiln::conformance
