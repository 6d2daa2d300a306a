// The rows of the operation table in functions of eight, and operands for them.
#pragma once

#include "tests/conformance/compare.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reference.h"

#include <array>
#include <string>
#include <tuple>
#include <vector>

namespace kiln::conformance {

constexpr int group_size = 8;

// The rows that take this dtype.
inline std::vector<const Operation*> rows_of(DType dtype) {
  std::vector<const Operation*> rows;
  for (const Operation& operation : operations()) {
    const Type same[] = {{operation.op == ir::Op::select ? bool_ : dtype}, {dtype}, {dtype}};
    ir::OpTypes types{};
    std::string_view reason;
    if (ir::infer(operation.op, same, operation.arity, types, reason)) rows.push_back(&operation);
  }
  return rows;
}

inline int group_count(DType dtype) { return (static_cast<int>(rows_of(dtype).size()) + group_size - 1) / group_size; }

inline Array apply(const Operation& row, const Array& condition, const Array& a, const Array& b, const Array& c) {
  const Array chosen[] = {condition, a, b}, plain[] = {a, b, c};
  return row.apply(row.op == ir::Op::select ? chosen : plain);
}

// Eight rows of the table in one function; a last, shorter group begins again.
using Eight = std::tuple<Array, Array, Array, Array, Array, Array, Array, Array>;
inline const auto eight_rows = jit([](Array condition, Array a, Array b, Array c, int group) {
  const auto rows = rows_of(a.dtype());
  const auto at = [&](std::size_t k) {
    return apply(*rows[(static_cast<std::size_t>(group) * group_size + k) % rows.size()], condition, a, b, c);
  };
  return Eight{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)};
});

inline std::array<Array, group_size> as_list(const Eight& e) {
  return std::apply([](const auto&... a) { return std::array<Array, group_size>{a...}; }, e);
}

inline std::string row_names(DType dtype, int group, std::size_t k) {
  const auto rows = rows_of(dtype);
  return rows[(static_cast<std::size_t>(group) * group_size + k) % rows.size()]->name;
}

// The operands of the reference values, then hashed ones: enough for several blocks of every vector width.
constexpr std::int64_t operand_count = 440;

inline Array operand(const char* label, DType dtype, std::uint64_t seed) {
  const Array a = hashed_array(operand_count, dtype, seed);
  const Array special = reference("operations", std::string(label) + "/" + dtype.name());
  a(slice(0, special.extent(0))) = special;
  if (label[0] == 'a') {  // the operands of unary rows too
    const Array x = reference("operations", std::string("x/") + dtype.name());
    a(slice(special.extent(0), special.extent(0) + x.extent(0))) = x;
  }
  return a;
}

struct Operands {
  Array condition, a, b, c;

  explicit Operands(DType dtype)
      : condition(hashed_array(operand_count, bool_, 7)),
        a(operand("a", dtype, 1)),
        b(operand("b", dtype, 2)),
        c(operand("c", dtype, 3)) {}
};

}  // namespace kiln::conformance
