// Programs made by hand, node by node, and frames to run them in.
#pragma once

#include "core/frame.h"
#include "core/ir.h"

#include <cstring>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace kiln::testing {

using namespace ir;
using Kind = Statement::Kind;

struct MadeProgram : Program {
  BlockId at = 0;  // statements go here

  MadeProgram() {
    name = "made";
    new_block();
    locations.push_back(Location::current());
  }

  // ---- nodes
  NodeId integer(std::int64_t x) {
    Node node;
    node.type = {i64, Strength::weak};
    node.number.i = x;
    return append(node);
  }
  NodeId real(double x, DType dtype = f64) {
    Node node;
    node.type = {dtype};
    node.number.re = x;
    return append(node);
  }
  NodeId op(Op op, DType result, std::initializer_list<NodeId> operands) {
    Node node;
    node.op = op;
    node.type = {result};
    std::copy(operands.begin(), operands.end(), node.operands);
    return append(node);
  }
  NodeId convert(NodeId x, DType to) { return op(Op::convert, to, {x}); }
  NodeId leaf(Op op, std::uint32_t id, std::uint32_t axis = 0, Type type = {i64, Strength::weak}) {
    Node node;
    node.op = op;
    node.type = type;
    node.id = id;
    node.axis = axis;
    return append(node);
  }
  NodeId extent(RootId root, std::uint32_t axis) { return leaf(Op::extent, root, axis); }
  NodeId index(LoopId loop, std::uint32_t dimension = 0) { return leaf(Op::index, loop, dimension); }
  NodeId scalar(Type type) {
    scalar_arguments.push_back(type);
    return leaf(Op::scalar_argument, static_cast<std::uint32_t>(scalar_arguments.size() - 1), 0, type);
  }

  // ---- what statements name
  RootId parameter(DType dtype, int rank) {
    Root root;
    root.dtype = dtype;
    root.rank = static_cast<std::uint8_t>(rank);
    root.argument = array_arguments++;
    return add_root(root);
  }
  RootId made(Root::Kind kind, DType dtype, std::initializer_list<NodeId> extents, RootId of = none) {
    Root root;
    root.kind = kind;
    root.dtype = dtype;
    root.rank = static_cast<std::uint8_t>(extents.size());
    root.of = of;
    std::copy(extents.begin(), extents.end(), root.extents);
    return add_root(root);
  }
  RootId add_root(const Root& root) {
    roots.push_back(root);
    return static_cast<RootId>(roots.size() - 1);
  }
  VariableId variable(DType dtype) {
    Variable variable;
    variable.type = {dtype};
    variable.block = at;
    variables.push_back(variable);
    return static_cast<VariableId>(variables.size() - 1);
  }

  // ---- statements
  Statement& add(Kind kind) {
    Statement statement;
    statement.kind = kind;
    blocks[at].statements.push_back(statement);
    return blocks[at].statements.back();
  }
  std::uint32_t list(std::initializer_list<NodeId> nodes_of_it) {
    indices.insert(indices.end(), nodes_of_it);
    return static_cast<std::uint32_t>(indices.size() - nodes_of_it.size());
  }
  NodeId load(RootId root, std::initializer_list<NodeId> index, NodeId guard = none) {
    Node node;
    node.op = Op::load;
    node.type = {roots[root].dtype};
    node.id = root;
    node.operands[0] = guard;
    node.axis = list(index);
    node.count = static_cast<std::uint32_t>(index.size());
    const NodeId id = append(node);
    add(Kind::evaluate).value = id;
    return id;
  }
  NodeId read(VariableId variable) {
    const NodeId id = leaf(Op::read_variable, variable, 0, variables[variable].type);
    add(Kind::evaluate).value = id;
    return id;
  }
  void assign(VariableId variable, NodeId value) {
    Statement& s = add(Kind::assign);
    s.target = variable;
    s.value = value;
  }
  void reduce(VariableId variable, Op op, NodeId value, LoopId loop) {
    Statement& s = add(Kind::reduce);
    s.target = variable;
    s.op = op;
    s.value = value;
    s.loop = loop;
  }
  void store(RootId root, std::initializer_list<NodeId> index, NodeId value, Kind kind = Kind::store) {
    const std::uint32_t first = list(index);
    Statement& s = add(kind);
    s.target = root;
    s.first_index = first;
    s.index_count = static_cast<std::uint32_t>(index.size());
    s.value = value;
  }
  // A statement with a block of its own, in which statements go while `body` runs.
  template <class Body>
  BlockId nested(Body&& body) {
    const BlockId block = new_block();
    const BlockId outer = std::exchange(at, block);
    body();
    at = outer;
    return block;
  }
  template <class Body>
  LoopId loop(bool parallel, std::vector<LoopDimension> dimensions, Body&& body) {
    Loop made;
    made.parallel = parallel;
    made.dimensions = std::move(dimensions);
    loops.push_back(made);
    const auto id = static_cast<LoopId>(loops.size() - 1);
    const BlockId block = nested([&] { body(id); });
    Statement& s = add(Kind::loop);
    s.target = id;
    s.body = block;
    return id;
  }
  LoopDimension range(NodeId begin, NodeId end, std::int64_t step = 1) { return {begin, end, integer(step)}; }
  LoopDimension range(NodeId end) { return range(integer(0), end); }
  template <class Body>
  void branch(NodeId condition, Body&& body) {
    const BlockId block = nested(body);
    Statement& s = add(Kind::branch);
    s.condition = condition;
    s.body = block;
  }
  // `test` makes the condition and returns its node.
  template <class Test, class Body>
  void while_(Test&& test, Body&& body) {
    NodeId condition = none;
    const BlockId first = nested([&] { condition = test(); });
    const BlockId second = nested(body);
    Statement& s = add(Kind::while_);
    s.body = first;
    s.condition = condition;
    s.otherwise = second;
  }
  void result(NodeId value) {
    Result result;
    result.value = value;
    results.push_back(result);
  }
};

// The arguments, results and memory of one run.
struct Call {
  std::vector<detail::Layout> layouts;
  std::vector<detail::Number16> scalars;
  std::vector<ResultSlot> results;
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::int64_t refuse_above = 1 << 30;
  RuntimeServices services{allocate, allocate, allocate_per_thread, nullptr, count_threads};
  std::vector<const detail::Layout*> pointers;
  Frame frame{};

  template <class T>
  void array(T* data, std::initializer_list<std::int64_t> extents, std::initializer_list<std::int64_t> strides) {
    detail::Layout layout;
    layout.data = reinterpret_cast<std::byte*>(data);
    std::copy(extents.begin(), extents.end(), layout.extents);
    std::copy(strides.begin(), strides.end(), layout.strides);
    layouts.push_back(layout);
  }
  template <class T>
  void array(std::vector<T>& data) {
    array(data.data(), {static_cast<std::int64_t>(data.size())}, {1});
  }
  void number(double x) {
    detail::Number16 number;
    number.re = x;
    scalars.push_back(number);
  }
  void whole(std::int64_t x) {
    detail::Number16 number;
    number.i = x;
    scalars.push_back(number);
  }
  Frame& prepare(const Program& program) {
    pointers.clear();
    for (const detail::Layout& layout : layouts) pointers.push_back(&layout);
    results.assign(program.results.size(), ResultSlot{});
    frame.services = &services;
    frame.arrays = pointers.data();
    frame.scalars = scalars.data();
    frame.results = results.data();
    frame.owner = this;
    return frame;
  }
  static std::byte* allocate(Frame* frame, std::uint32_t, std::int64_t bytes) noexcept {
    Call& call = *static_cast<Call*>(frame->owner);
    if (bytes > call.refuse_above) return nullptr;
    call.memory.emplace_back(new std::byte[static_cast<std::size_t>(bytes) + 1]);
    return call.memory.back().get();
  }
  static constexpr int threads = 3;  // that run_in_pieces plays
  static std::byte* allocate_per_thread(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept {
    return allocate(frame, root, threads * bytes);
  }
  static std::int64_t count_threads(Frame*) noexcept { return threads; }
};

}  // namespace kiln::testing
