// parallelise: which sequential loops may run side by side, which may not and why.
#include "core/parallelise.h"

#include <gtest/gtest.h>

#include <string>

#include "core/order.h"
#include "tests/support/program.h"

namespace {

using namespace kiln;
using namespace kiln::test;

struct Parallelise : testing::Test {
  Sketch s;
  RootId a = s.array(1), b = s.array(1), m = s.array(2);
  NodeId n = s.extent(a, 0), zero = s.number(0), one = s.number(1);

  NodeId plus(NodeId i, std::int64_t k) { return s.build.add(i, s.number(k)); }
  // What keeps the only top-level loop sequential.
  std::optional<Dependence> reason() {
    for (const Statement& statement : s.program.blocks[0].statements) {
      if (statement.kind == Kind::loop) return dependence(s.program, statement);
    }
    return Dependence{none, "no loop", none, none, {}};
  }
  bool independent() { return !reason(); }
  void twice(NodeId i, const std::function<void(NodeId)>& body) {
    s.range(zero, i, [&](NodeId j) { body(j); });
  }
};

TEST_F(Parallelise, Elementwise) {
  s.range(zero, n, [&](NodeId i) { s.store(b, {i}, s.load(a, {i})); });
  EXPECT_TRUE(independent());
}

TEST_F(Parallelise, ABoundThatOnlySeemsToVaryIsFolded) {
  // for i: for j in 0..(i + 8) - i, as a window that moves with i is traced without folding.
  Builder raw(s.program, false);
  const LoopId outer = s.range(zero, n, [&](NodeId i) {
    const NodeId width = raw.sub(raw.add(i, s.number(8)), i);
    s.range(zero, width, [&](NodeId j) { s.store(m, {i, j}, s.real(1)); });
  });
  order(s.program);
  ASSERT_EQ(s.program.loops[outer].dimensions.size(), 2u);
  EXPECT_EQ(s.program.loops[outer].dimensions[1].end, s.number(8));
  verify(s.program, "order");
}

TEST_F(Parallelise, ARangeThatIsAllOfAPrangeIsADimensionOfIt) {
  const auto dimensions = [](std::int64_t turns) {
    Sketch s;
    const RootId m = s.array(2);
    const LoopId outer = s.prange(s.extent(m, 0), [&](NodeId i) {
      const NodeId end = turns == 0 ? s.extent(m, 1) : s.number(turns);
      s.range(s.number(0), end, [&](NodeId j) { s.store(m, {i, j}, s.real(1)); });
    });
    order(s.program);
    verify(s.program, "order");
    return s.program.loops[outer].dimensions.size();
  };
  EXPECT_EQ(dimensions(0), 2u);
  EXPECT_EQ(dimensions(8), 2u);
  EXPECT_EQ(dimensions(7), 1u);  // too few to go across lanes
}

TEST_F(Parallelise, ShiftedOwnElement) {
  s.range(
      one, n,
      [&](NodeId i) { s.store(b, {plus(i, -1)}, s.node(Op::add, f64, {s.load(b, {plus(i, -1)}), s.load(a, {i})})); },
      2);
  EXPECT_TRUE(independent());
}

TEST_F(Parallelise, Recurrence) {
  s.range(one, n, [&](NodeId i) { s.store(a, {i}, s.load(a, {plus(i, -1)})); });
  ASSERT_FALSE(independent());
  EXPECT_EQ(reason()->root, a);
  EXPECT_EQ(reason()->lines.size(), 2u);
}

TEST_F(Parallelise, OneElementForAll) {
  s.range(zero, n, [&](NodeId i) { s.store(b, {zero}, s.load(a, {i})); });
  EXPECT_FALSE(independent());
}

TEST_F(Parallelise, DataDependentElement) {
  s.range(zero, n,
          [&](NodeId i) { s.store(b, {s.build.convert(s.load(a, {i}), {i64, Strength::strong})}, s.real(1)); });
  EXPECT_FALSE(independent());
}

TEST_F(Parallelise, InnerIndexAdded) {
  s.range(zero, n, [&](NodeId i) { twice(n, [&](NodeId j) { s.store(b, {s.build.add(i, j)}, s.real(1)); }); });
  EXPECT_FALSE(independent());
}

TEST_F(Parallelise, RowsOfAMatrix) {
  s.range(one, n, [&](NodeId i) { twice(n, [&](NodeId j) { s.store(m, {i, plus(j, 1)}, s.load(m, {i, j})); }); });
  EXPECT_TRUE(independent());
  order(s.program);
  const Statement outer = s.all(Kind::loop)[0];
  EXPECT_TRUE(s.program.loops[outer.target].parallel);
  EXPECT_EQ(s.program.loops[outer.target].dimensions.size(), 1u);
  EXPECT_EQ(s.all(Kind::loop).size(), 2u);
}

TEST_F(Parallelise, ColumnsThatDependOnTheRowBefore) {
  s.range(one, n, [&](NodeId i) { twice(n, [&](NodeId j) { s.store(m, {i, j}, s.load(m, {plus(i, -1), j})); }); });
  EXPECT_FALSE(independent());
  order(s.program);
  const std::vector<Statement> loops = s.all(Kind::loop);
  EXPECT_FALSE(s.program.loops[loops[0].target].parallel);
  EXPECT_TRUE(s.program.loops[loops[1].target].parallel);
  const std::vector<Dependence> notes = sequential_loops(s.program);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].loop, loops[0].target);
  EXPECT_FALSE(notes[0].text.empty());
}

TEST_F(Parallelise, PerfectNestBecomesOneLoop) {
  NodeId value = none;
  s.range(zero, s.extent(m, 0), [&](NodeId i) {
    s.range(one, s.extent(m, 1), [&](NodeId j) { s.store(m, {i, j}, value = s.build.add(i, j)); });
  });
  order(s.program);
  ASSERT_EQ(s.all(Kind::loop).size(), 1u);
  const Loop& loop = s.program.loops[s.all(Kind::loop)[0].target];
  EXPECT_TRUE(loop.parallel);
  ASSERT_EQ(loop.dimensions.size(), 2u);
  EXPECT_EQ(loop.dimensions[1].begin, one);
  const Statement store = s.all(Kind::store)[0];
  for (std::uint32_t axis = 0; axis < 2; ++axis) {
    const Node& index = s.program[s.program.indices[store.first_index + axis]];
    EXPECT_EQ(index.id, s.all(Kind::loop)[0].target);
    EXPECT_EQ(index.axis, axis);
  }
}

TEST_F(Parallelise, TriangleStaysTwoLoops) {
  s.range(zero, n, [&](NodeId i) { twice(i, [&](NodeId j) { s.store(m, {i, j}, s.real(1)); }); });
  order(s.program);
  EXPECT_EQ(s.all(Kind::loop).size(), 2u);
  EXPECT_TRUE(s.program.loops[s.all(Kind::loop)[0].target].parallel);
}

TEST_F(Parallelise, ReductionsAreWide) {
  const VariableId sum = s.variable(s.real(0));
  const LoopId loop = s.range(zero, n, [&](NodeId i) { s.reduce(sum, Op::add, s.load(a, {i})); });
  EXPECT_TRUE(independent());
  order(s.program);
  EXPECT_TRUE(s.program.loops[loop].parallel);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, loop);
}

TEST_F(Parallelise, CarriedVariables) {
  const VariableId v = s.variable(s.real(0));
  s.range(zero, n, [&](NodeId i) { s.assign(v, s.load(a, {i})); });
  EXPECT_NE(reason().value().text.find("assigned"), std::string::npos);
}

TEST_F(Parallelise, UpdatedAndRead) {
  const VariableId v = s.variable(s.real(0));
  s.range(zero, n, [&](NodeId i) {
    s.reduce(v, Op::add, s.load(a, {i}));
    s.store(b, {i}, s.read(v));
  });
  EXPECT_NE(reason().value().text.find("updated at {} and read"), std::string::npos);
}

TEST_F(Parallelise, VariablesOfTheTurnAreNoObstacle) {
  s.range(zero, n, [&](NodeId i) {
    const VariableId v = s.variable(s.load(a, {i}));
    s.assign(v, s.node(Op::negative, f64, {s.read(v)}));
    s.store(b, {i}, s.read(v));
  });
  EXPECT_TRUE(independent());
}

TEST_F(Parallelise, BreakAndUnknownStep) {
  s.range(zero, n, [&](NodeId i) {
    s.store(b, {i}, s.real(1));
    s.branch(s.node(Op::isnan, bool_, {s.load(a, {i})}), [&] { s.emit(Kind::break_); });
  });
  EXPECT_NE(reason().value().text.find("break_"), std::string::npos);
  Sketch t;
  const RootId c = t.array(1);
  t.nest(false, {{t.number(0), t.extent(c, 0), t.scalar()}},
         [&](LoopId loop) { t.store(c, {t.build.index(loop, 0)}, t.real(1)); });
  EXPECT_NE(dependence(t.program, t.program.blocks[0].statements[0])->text.find("step"), std::string::npos);
}

TEST_F(Parallelise, OverlapAndReshape) {
  s.range(zero, n, [&](NodeId i) { s.store(b, {i}, s.load(a, {i})); });
  s.program.roots[b].may_overlap = s.program.roots[a].may_overlap = true;
  EXPECT_FALSE(independent());
  s.program.roots[b].may_overlap = false;
  EXPECT_TRUE(independent());
  s.program.roots[a].kind = Root::Kind::alias;
  s.program.roots[a].of = b;
  EXPECT_FALSE(independent());
}

TEST_F(Parallelise, TimeLoopKeepsItsOrderAndItsInnerLoopsRun) {
  s.range(zero, s.scalar(), [&](NodeId) {
    s.range(one, plus(n, -1), [&](NodeId i) { s.store(b, {i}, s.load(a, {plus(i, 1)})); });
    Statement& swap = s.emit(Kind::swap);
    swap.target = a;
    swap.other = b;
  });
  order(s.program);
  const std::vector<Statement> loops = s.all(Kind::loop);
  EXPECT_FALSE(s.program.loops[loops[0].target].parallel);
  EXPECT_TRUE(s.program.loops[loops[1].target].parallel);
}

}  // namespace
