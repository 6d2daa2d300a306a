// Sketch: Programs written by hand in a few lines, for the tests of the passes.
#pragma once

#include "core/build.h"
#include "core/host_ops.h"
#include "core/visit.h"

#include <functional>
#include <initializer_list>
#include <vector>

namespace kiln::test {

using namespace kiln::ir;
using Kind = Statement::Kind;

struct Sketch {
  Program program;
  Builder build{program};
  std::vector<BlockId> open{0};

  Sketch() {
    program.blocks.resize(1);
    program.locations.push_back(Location::current());
    program.name = "sketch";
  }
  Sketch(const Sketch&) = delete;

  RootId array(int rank, DType dtype = f64) {
    Root root;
    root.dtype = dtype;
    root.rank = static_cast<std::uint8_t>(rank);
    root.argument = program.array_arguments++;
    program.roots.push_back(root);
    const RootId id = static_cast<RootId>(program.roots.size() - 1);
    for (int axis = 0; axis < rank; ++axis) program.roots[id].extents[axis] = extent(id, axis);
    return id;
  }
  RootId allocated(std::initializer_list<NodeId> extents, DType dtype = f64) {
    Root root;
    root.kind = Root::Kind::allocated;
    root.dtype = dtype;
    for (const NodeId extent : extents) root.extents[root.rank++] = extent;
    program.roots.push_back(root);
    const RootId id = static_cast<RootId>(program.roots.size() - 1);
    emit(Kind::allocate).target = id;
    return id;
  }
  NodeId scalar(Type type = {i64, Strength::weak}) {
    program.scalar_arguments.push_back(type);
    return build.scalar_argument(static_cast<std::uint32_t>(program.scalar_arguments.size() - 1), type);
  }
  NodeId extent(RootId root, int axis) { return build.extent(root, static_cast<std::uint32_t>(axis)); }
  NodeId number(std::int64_t x) { return build.integer(x); }
  NodeId real(double x, DType dtype = f64) {
    detail::Number16 number;
    number.re = x;
    return build.constant(dtype, number);
  }
  NodeId node(Op op, DType dtype, std::initializer_list<NodeId> operands) {
    return build.node(op, {dtype, Strength::strong}, operands);
  }

  Statement& emit(Kind kind) {
    Statement statement;
    statement.kind = kind;
    statement.location = location();
    return block().emplace_back(statement);
  }
  std::vector<Statement>& block() { return program.blocks[open.back()].statements; }
  // Every statement has a line of its own, its number.
  std::uint32_t location() {
    program.locations.push_back(Location::current());
    return static_cast<std::uint32_t>(program.locations.size() - 1);
  }
  std::uint32_t indices(std::initializer_list<NodeId> list) {
    program.indices.insert(program.indices.end(), list.begin(), list.end());
    return static_cast<std::uint32_t>(program.indices.size() - list.size());
  }
  NodeId load(RootId root, std::initializer_list<NodeId> list) {
    Node node;
    node.op = Op::load;
    node.type = {program.roots[root].dtype, Strength::strong};
    node.id = root;
    node.axis = indices(list);
    node.count = static_cast<std::uint32_t>(list.size());
    node.location = location();
    return evaluated(node);
  }
  NodeId read(VariableId variable) {
    Node node;
    node.op = Op::read_variable;
    node.type = program.variables[variable].type;
    node.id = variable;
    return evaluated(node);
  }
  NodeId evaluated(const Node& node) {
    program.nodes.push_back(node);
    const NodeId id = static_cast<NodeId>(program.nodes.size() - 1);
    emit(Kind::evaluate).value = id;
    return id;
  }
  Statement& store(RootId root, std::initializer_list<NodeId> list, NodeId value) {
    Statement& statement = emit(Kind::store);
    statement.target = root;
    statement.first_index = indices(list);
    statement.index_count = static_cast<std::uint32_t>(list.size());
    statement.value = value;
    return statement;
  }
  VariableId variable(NodeId first) {
    Variable variable;
    variable.type = program[first].type;
    variable.block = open.back();
    program.variables.push_back(variable);
    const VariableId id = static_cast<VariableId>(program.variables.size() - 1);
    assign(id, first);
    return id;
  }
  void assign(VariableId variable, NodeId value) {
    Statement& statement = emit(Kind::assign);
    statement.target = variable;
    statement.value = value;
  }
  void reduce(VariableId variable, Op op, NodeId value) {
    Statement& statement = emit(Kind::reduce);
    statement.target = variable;
    statement.op = op;
    statement.value = value;
  }

  BlockId inside(const std::function<void()>& body) {
    program.blocks.emplace_back();
    const BlockId id = static_cast<BlockId>(program.blocks.size() - 1);
    open.push_back(id);
    body();
    open.pop_back();
    return id;
  }
  LoopId nest(bool parallel, std::vector<LoopDimension> dimensions, const std::function<void(LoopId)>& body) {
    Loop loop;
    loop.parallel = parallel;
    loop.dimensions = std::move(dimensions);
    program.loops.push_back(loop);
    const LoopId id = static_cast<LoopId>(program.loops.size() - 1);
    const BlockId block = inside([&] { body(id); });
    Statement& statement = emit(Kind::loop);
    statement.target = id;
    statement.body = block;
    return id;
  }
  LoopDimension span(NodeId begin, NodeId end, std::int64_t step = 1) { return {begin, end, number(step)}; }
  LoopId range(NodeId begin, NodeId end, const std::function<void(NodeId)>& body, std::int64_t step = 1) {
    return nest(false, {span(begin, end, step)}, [&](LoopId loop) { body(build.index(loop, 0)); });
  }
  LoopId prange(NodeId end, const std::function<void(NodeId)>& body) {
    return nest(true, {span(number(0), end)}, [&](LoopId loop) { body(build.index(loop, 0)); });
  }
  void branch(NodeId condition, const std::function<void()>& body) {
    const BlockId block = inside(body);
    Statement& statement = emit(Kind::branch);
    statement.condition = condition;
    statement.body = block;
  }
  void while_(const std::function<NodeId()>& condition, const std::function<void()>& body) {
    NodeId test = none;
    const BlockId first = inside([&] { test = condition(); });
    const BlockId second = inside(body);
    Statement& statement = emit(Kind::while_);
    statement.condition = test;
    statement.body = first;
    statement.otherwise = second;
  }

  /// All statements of a kind, in program order.
  std::vector<Statement> all(Kind kind) const {
    std::vector<Statement> found;
    for_each_statement(program, 0, [&](const Statement& statement) {
      if (statement.kind == kind) found.push_back(statement);
    });
    return found;
  }
};

/// The value of an integer or bool expression for given extents, integer scalars and loop indices.
struct Numbers {
  std::vector<std::vector<std::int64_t>> extents;  // by root, by axis
  std::vector<std::int64_t> scalars;
  std::vector<std::vector<std::int64_t>> indices;  // by loop, by dimension

  std::int64_t operator()(const Program& program, NodeId id) const {
    const Node& node = program[id];
    detail::Number16 operands[3];
    switch (node.op) {
      case Op::constant: return node.number.i;
      case Op::extent: return extents.at(node.id).at(node.axis);
      case Op::scalar_argument: return scalars.at(node.id);
      case Op::index: return indices.at(node.id).at(node.axis);
      case Op::convert: return (*this)(program, node.operands[0]);
      case Op::select: return (*this)(program, node.operands[(*this)(program, node.operands[0]) != 0 ? 1 : 2]);
      default: break;
    }
    for (int k = 0; k < operand_count(node); ++k) operands[k].i = (*this)(program, node.operands[k]);
    return evaluate(node.op, program[node.operands[0]].type.dtype, node.type.dtype, operands).i;
  }
};

}  // namespace kiln::test
