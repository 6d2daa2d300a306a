// Every operation and cast of every dtype as generated code computes it, against the interpreter.
#include "tests/unit/compiled_program.h"

namespace {

using namespace kiln;
using namespace kiln::testing;

void check_operations(DType dtype, bool parallel) {
  constexpr std::size_t n = 75;
  MadeProgram p;
  RootId in[3];
  std::vector<Data> data;
  for (RootId& root : in) {
    root = p.parameter(dtype, 1);
    p.roots[root].contiguous = true;
    data.push_back(data_of(dtype, numbers_of(dtype, n)));
  }
  struct Made {
    Op op;
    DType result;
  };
  std::vector<Made> operations;
  for (int k = static_cast<int>(first_table_op); k < op_count(); ++k) {
    const Op op = static_cast<Op>(k);
    const kiln::Type type{dtype};
    const kiln::Type operands[3] = {op == Op::select ? kiln::Type{bool_} : type, type, type};
    OpTypes types;
    std::string_view reason;
    if (infer(op, operands, row(op).arity, types, reason) && (types.operand.dtype == dtype))
      operations.push_back({op, types.result.dtype});
  }
  for (const DType to : all_dtypes) operations.push_back({Op::convert, to});
  ASSERT_GE(operations.size(), dtype.is_floating() ? 60u : dtype.is_bool() ? 25u : 40u);
  std::vector<RootId> out;
  for (const Made& made : operations) {
    out.push_back(p.parameter(made.result, 1));
    p.roots[out.back()].contiguous = true;
    data.push_back(data_of(made.result, std::vector<detail::Number16>(n)));
  }
  p.loop(parallel, {p.range(p.extent(in[0], 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const NodeId x[3] = {p.load(in[0], {i}), p.load(in[1], {i}), p.load(in[2], {i})};
    const NodeId condition = p.op(Op::less, bool_, {p.op(Op::mod, i64, {i, p.integer(3)}), p.integer(1)});
    for (std::size_t k = 0; k < operations.size(); ++k) {
      const Op op = operations[k].op;
      const int arity = op == Op::convert ? 1 : row(op).arity;
      NodeId result = none;
      if (op == Op::convert && operations[k].result == dtype)
        result = x[0];
      else if (op == Op::select)
        result = p.op(op, operations[k].result, {condition, x[1], x[2]});
      else if (arity == 1)
        result = p.op(op, operations[k].result, {x[0]});
      else if (arity == 2)
        result = p.op(op, operations[k].result, {x[0], x[1]});
      else
        result = p.op(op, operations[k].result, {x[0], x[1], x[2]});
      p.store(out[k], {i}, result);
    }
  });
  SCOPED_TRACE(std::string(dtype.name()) + (parallel ? " in lanes" : " as numbers"));
  std::string order = "arrays from 3 on:";
  for (const Made& made : operations)
    order += std::string(" ") + (made.op == Op::convert ? made.result.name() : row(made.op).name);
  SCOPED_TRACE(order);
  check(p, data);
}

TEST(Codegen, EveryOperationInLanes) {
  for (const DType dtype : all_dtypes) check_operations(dtype, true);
}

TEST(Codegen, EveryOperationOnNumbers) {
  for (const DType dtype : all_dtypes) check_operations(dtype, false);
}

}  // namespace
