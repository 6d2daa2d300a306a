// What tests of the passes share: array expressions as tracing expands them, and Programs run before and after a pass.
#pragma once

#include "core/interpret.h"
#include "tests/support/program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>

namespace kiln::test {

inline void guard_equal(Sketch& s, NodeId a, NodeId b) {
  s.program.messages.push_back({Message::Kind::shape, "{} is not {}", {a, b}, 0});
  const NodeId condition = s.build.equal(a, b);
  Statement& guard = s.emit(Kind::guard);
  guard.condition = condition;
  guard.message = static_cast<std::uint32_t>(s.program.messages.size() - 1);
}

inline void nest2(Sketch& s, NodeId rows, NodeId columns, const std::function<void(NodeId, NodeId)>& body) {
  const LoopId loop = s.nest(true, {s.span(s.number(0), rows), s.span(s.number(0), columns)},
                             [&](LoopId id) { body(s.build.index(id, 0), s.build.index(id, 1)); });
  s.program.loops[loop].from_array = true;
}

inline void over(Sketch& s, RootId space, const std::function<void(std::vector<NodeId>)>& body) {
  const auto extent = [&](int axis) { return s.build.extent(space, static_cast<std::uint32_t>(axis)); };
  if (s.program.roots[space].rank == 2) {
    nest2(s, extent(0), extent(1), [&](NodeId i, NodeId j) { body({i, j}); });
  } else {
    s.prange(extent(0), [&](NodeId i) { body({i}); });
  }
}

inline NodeId element(Sketch& s, RootId root, const std::vector<NodeId>& at) {
  return s.program.roots[root].rank == 2 ? s.load(root, {at[0], at[1]}) : s.load(root, {at[0]});
}

inline void put(Sketch& s, RootId root, const std::vector<NodeId>& at, NodeId value) {
  if (at.size() == 2)
    s.store(root, {at[0], at[1]}, value);
  else
    s.store(root, {at[0]}, value);
}

/// An elementwise expression of arrays: a temporary and the loop that fills it. Rank 1 beside rank 2 is a column.
inline RootId map(Sketch& s, std::vector<RootId> from, const std::function<NodeId(std::vector<NodeId>)>& f) {
  RootId space = from[0];
  for (RootId root : from)
    if (s.program.roots[root].rank > s.program.roots[space].rank) space = root;
  const auto extent = [&](RootId root, std::uint32_t axis) { return s.build.extent(root, axis); };
  for (RootId root : from)
    for (std::uint32_t axis = 0; axis < s.program.roots[root].rank; ++axis)
      if (extent(root, axis) != extent(space, axis)) guard_equal(s, extent(root, axis), extent(space, axis));
  const RootId to = s.program.roots[space].rank == 2 ? s.allocated({extent(space, 0), extent(space, 1)})
                                                     : s.allocated({extent(space, 0)});
  over(s, space, [&](const std::vector<NodeId>& at) {
    std::vector<NodeId> values;
    for (RootId root : from) values.push_back(element(s, root, at));
    put(s, to, at, f(values));
  });
  return to;
}

inline void copy(Sketch& s, RootId from, RootId to) {
  over(s, from, [&](const std::vector<NodeId>& at) { put(s, to, at, element(s, from, at)); });
}

inline void reduce_over(Sketch& s, VariableId variable, Op op, LoopId loop, NodeId value) {
  s.reduce(variable, op, value);
  s.block().back().loop = loop;
}

inline NodeId start_of(Sketch& s, Op op) { return s.real(op == Op::add ? 0.0 : -INFINITY); }

/// A sum over everything: the variable it ends up in.
inline VariableId total(Sketch& s, RootId of) {
  const VariableId sum = s.variable(start_of(s, Op::add));
  over(s, of, [&](const std::vector<NodeId>& at) {
    const NodeId value = element(s, of, at);
    reduce_over(s, sum, Op::add, s.program[at[0]].id, value);
  });
  return sum;
}

/// A reduction of each row.
inline RootId along_rows(Sketch& s, RootId of, Op op) {
  const RootId to = s.allocated({s.build.extent(of, 0)});
  s.prange(s.build.extent(of, 0), [&](NodeId i) {
    const VariableId v = s.variable(start_of(s, op));
    s.prange(s.build.extent(of, 1), [&](NodeId j) {
      const NodeId value = s.load(of, {i, j});
      reduce_over(s, v, op, s.program[j].id, value);
    });
    const NodeId value = s.read(v);
    s.store(to, {i}, value);
  });
  return to;
}

inline void returns(Sketch& s, RootId root) {
  Result result;
  result.is_array = true;
  result.root = root;
  result.rank = s.program.roots[root].rank;
  result.offset = s.number(0);
  for (std::uint32_t k = 0; k < result.rank; ++k) {
    result.extents[k] = s.build.extent(root, k);
    result.strides[k] = s.build.stride(root, k);
  }
  s.program.results.push_back(result);
}

inline void returns_number(Sketch& s, NodeId value) {
  Result result;
  result.value = value;
  s.program.results.push_back(result);
}

/// All that a call leaves: its status, the parameters' elements, the results'. All arrays are f64.
struct Outcome {
  std::int32_t status = 0;
  std::vector<double> numbers;
};

/// Runs a Program on arrays of n (times n) random numbers; scalar arguments are 3, 4, …
inline Outcome outcome(const Program& program, std::int64_t n) {
  static std::vector<std::unique_ptr<std::byte[]>> memory;
  constexpr auto allocate = [](Frame*, std::uint32_t, std::int64_t bytes) noexcept {
    return memory.emplace_back(new std::byte[static_cast<std::size_t>(bytes) + 64]).get();
  };
  static const RuntimeServices services{allocate, allocate, allocate, nullptr, nullptr};
  memory.clear();
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-2, 2);
  std::vector<std::vector<double>> data(program.array_arguments);
  std::vector<detail::Layout> layouts(program.array_arguments);
  std::vector<const detail::Layout*> arrays;
  for (const Root& root : program.roots) {
    if (root.kind != Root::Kind::parameter) continue;
    detail::Layout& layout = layouts[root.argument];
    std::int64_t size = 1;
    for (int axis = root.rank; axis-- > 0; size *= n) layout.extents[axis] = n, layout.strides[axis] = size;
    data[root.argument].resize(static_cast<std::size_t>(size) + 1);
    for (double& x : data[root.argument]) x = uniform(random);
    layout.data = reinterpret_cast<std::byte*>(data[root.argument].data());
  }
  for (const detail::Layout& layout : layouts) arrays.push_back(&layout);
  std::vector<detail::Number16> scalars(program.scalar_arguments.size());
  for (std::size_t k = 0; k < scalars.size(); ++k) scalars[k].i = static_cast<std::int64_t>(k) + 3;
  std::vector<ResultSlot> results(program.results.size());
  Frame frame{&services, arrays.data(), scalars.data(), results.data(), nullptr, {}};

  Outcome outcome;
  outcome.status = interpret(program, frame);
  for (const auto& array : data) outcome.numbers.insert(outcome.numbers.end(), array.begin(), array.end());
  for (std::size_t k = 0; k < results.size() && outcome.status == 0; ++k) {
    const Result& result = program.results[k];
    if (!result.is_array) {
      const DType dtype = program[result.value].type.dtype;
      outcome.numbers.push_back(dtype.is_floating() ? results[k].number.re : static_cast<double>(results[k].number.i));
      continue;
    }
    std::int64_t size = 1;
    for (int axis = 0; axis < result.rank; ++axis) size *= results[k].extents[axis];
    const double* const first = reinterpret_cast<const double*>(results[k].data);
    outcome.numbers.insert(outcome.numbers.end(), first, first + size);
  }
  return outcome;
}

/// Applies the pass and compares what the Program does before and after, bit for bit.
inline void expect_same_values(Program& program, const std::function<void(Program&)>& pass) {
  constexpr std::int64_t sizes[] = {0, 1, 5, 37};
  std::vector<Outcome> before;
  for (std::int64_t n : sizes) before.push_back(outcome(program, n));
  pass(program);
  verify(program, "the tested pass");
  for (std::size_t k = 0; k < std::size(sizes); ++k) {
    const Outcome after = outcome(program, sizes[k]);
    EXPECT_EQ(after.status, before[k].status);
    ASSERT_EQ(after.numbers.size(), before[k].numbers.size());
    for (std::size_t e = 0; e < after.numbers.size(); ++e) {
      const double x = before[k].numbers[e], y = after.numbers[e];
      ASSERT_TRUE((std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y)))
          << "n = " << sizes[k] << ", number " << e << ": " << x << " became " << y << "\n"
          << print(program);
    }
  }
}

}  // namespace kiln::test
