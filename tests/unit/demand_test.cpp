// demand: which loads happen only under a condition, and what moves or vanishes for it.
#include "core/demand.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/program.h"

namespace {

using namespace kiln;
using namespace kiln::test;

struct Demands : testing::Test {
  Sketch s;
  RootId a = s.array(1), b = s.array(1), out = s.array(1);
  NodeId zero = s.number(0), one = s.number(1);
  NodeId p = condition(), q = condition();

  NodeId condition() { return s.scalar({bool_, Strength::strong}); }
  NodeId positive(NodeId x) { return s.node(Op::greater, bool_, {x, s.real(0)}); }
  NodeId where(NodeId c, NodeId x, NodeId y) { return s.node(Op::select, f64, {c, x, y}); }
  NodeId no(NodeId x) { return Builder(s.program).logical_not(x); }
  NodeId both(NodeId x, NodeId y) { return Builder(s.program).logical_and(x, y); }
  NodeId guard(NodeId load) { return s.program[load].operands[0]; }
  std::size_t place(NodeId load) {
    const auto evaluated = s.all(Kind::evaluate);
    return static_cast<std::size_t>(
        std::find_if(evaluated.begin(), evaluated.end(), [&](const Statement& e) { return e.value == load; }) -
        evaluated.begin());
  }
  // Whether anything still evaluates it.
  bool lives(NodeId load) { return place(load) < s.all(Kind::evaluate).size(); }
  void keep(NodeId bool_value) {
    s.branch(bool_value, [&] { s.store(out, {one}, s.real(1)); });
  }
};

TEST_F(Demands, RightSideOfAnd) {
  const NodeId x = s.load(a, {zero});
  keep(s.node(Op::logical_and, bool_, {p, positive(x)}));
  demand(s.program);
  EXPECT_EQ(guard(x), p);
}

TEST_F(Demands, RightSideOfOr) {
  const NodeId x = s.load(a, {zero});
  keep(s.node(Op::logical_or, bool_, {p, positive(x)}));
  demand(s.program);
  EXPECT_EQ(guard(x), no(p));
}

TEST_F(Demands, ArmsOfWhere) {
  const NodeId x = s.load(a, {zero}), y = s.load(b, {zero});
  s.store(out, {zero}, where(p, x, y));
  demand(s.program);
  EXPECT_EQ(guard(x), p);
  EXPECT_EQ(guard(y), no(p));
}

TEST_F(Demands, ConditionsNest) {
  const NodeId x = s.load(a, {zero});
  s.store(out, {zero}, where(p, where(q, s.real(0), x), s.real(1)));
  demand(s.program);
  EXPECT_EQ(guard(x), both(p, no(q)));
}

TEST_F(Demands, SeveralUses) {
  const NodeId x = s.load(a, {zero}), y = s.load(a, {one}), z = s.load(b, {zero}), w = s.load(b, {one});
  s.store(out, {zero}, where(p, x, where(q, x, s.real(0))));
  s.store(out, {one}, where(p, y, s.real(0)));
  s.store(out, {one}, y);
  s.store(out, {zero}, where(p, z, s.node(Op::negative, f64, {z})));
  s.store(out, {zero}, where(p, where(q, w, s.real(0)), s.real(0)));
  s.store(out, {zero}, where(p, w, s.real(0)));
  demand(s.program);
  Numbers numbers;
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      numbers.scalars = {first, second};
      EXPECT_EQ(numbers(s.program, guard(x)) != 0, first || second);
    }
  }
  EXPECT_EQ(guard(y), none);  // one use asks always
  EXPECT_EQ(guard(z), none);  // both arms ask
  EXPECT_EQ(guard(w), p);     // the weaker condition
}

TEST_F(Demands, IndexOfAGuardedLoad) {
  const NodeId place_of = s.load(s.array(1, i64), {zero});
  const NodeId x = s.load(a, {place_of});
  s.store(out, {zero}, where(p, x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), p);
  EXPECT_EQ(guard(place_of), p);
}

TEST_F(Demands, ConditionThatIsLoadedLaterMovesUp) {
  const NodeId x = s.load(a, {zero}), c = s.load(b, {zero});
  s.store(out, {zero}, where(positive(c), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), positive(c));
  EXPECT_LT(place(c), place(x));
}

TEST_F(Demands, AWriteBetweenKeepsItInPlace) {
  const NodeId x = s.load(a, {zero});
  s.store(b, {zero}, s.real(2));
  const NodeId c = s.load(b, {zero});
  s.store(out, {zero}, where(positive(c), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), none);
  EXPECT_LT(place(x), place(c));
}

TEST_F(Demands, AWriteInALoopBetweenCountsToo) {
  const NodeId x = s.load(a, {zero});
  s.range(zero, s.extent(b, 0), [&](NodeId i) { s.store(b, {i}, s.real(2)); });
  const NodeId c = s.load(b, {zero});
  s.store(out, {zero}, where(positive(c), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), none);
}

TEST_F(Demands, OverlappingMemory) {
  s.program.roots[b].may_overlap = s.program.roots[out].may_overlap = true;
  const NodeId x = s.load(a, {zero});
  s.store(out, {zero}, s.real(2));
  const NodeId c = s.load(b, {zero});
  s.store(a, {one}, where(positive(c), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), none);
}

TEST_F(Demands, AssignmentBetween) {
  const VariableId v = s.variable(s.real(0));
  const NodeId x = s.load(a, {zero});
  s.assign(v, s.real(1));
  const NodeId c = s.read(v);
  s.store(out, {zero}, where(positive(c), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), none);
}

TEST_F(Demands, ConditionOfTheTurnCannotGuardALoadBeforeTheLoop) {
  const NodeId x = s.load(a, {zero});
  s.range(zero, s.extent(out, 0),
          [&](NodeId i) { s.store(out, {i}, where(s.node(Op::less, bool_, {i, one}), x, s.real(0))); });
  demand(s.program);
  EXPECT_EQ(guard(x), none);
  EXPECT_TRUE(s.program[x].tentative);
}

TEST_F(Demands, OfTwoConditionsTheOneKnownBeforeTheLoopGuards) {
  const NodeId x = s.load(a, {zero});
  s.range(zero, s.extent(out, 0), [&](NodeId i) {
    s.store(out, {i}, where(s.node(Op::less, bool_, {i, one}), where(p, x, s.real(1)), s.real(0)));
  });
  demand(s.program);
  EXPECT_EQ(guard(x), p);
  EXPECT_TRUE(s.program[x].tentative);
}

TEST_F(Demands, ManyConditions) {
  const NodeId x = s.load(a, {zero});
  std::vector<NodeId> conditions;
  NodeId value = x, all = s.build.boolean(true);
  for (int k = 0; k < 20; ++k) conditions.push_back(condition());
  for (const NodeId c : conditions) value = where(c, value, s.real(0));
  s.store(out, {zero}, value);
  for (const NodeId c : conditions) all = both(all, c);
  demand(s.program);
  EXPECT_EQ(guard(x), all);
  EXPECT_FALSE(s.program[x].tentative);
}

TEST_F(Demands, IndexInsideALoopGuards) {
  NodeId x = none, c = none;
  s.prange(s.extent(out, 0), [&](NodeId i) {
    x = s.load(a, {i});
    c = s.node(Op::less, bool_, {i, one});
    s.store(out, {i}, where(c, x, s.real(0)));
  });
  demand(s.program);
  EXPECT_EQ(guard(x), c);
}

TEST_F(Demands, TwoLoadsThatGuardEachOther) {
  // Each is needed only if the other is positive: neither can come first under its guard, so at most one is guarded.
  const NodeId x = s.load(a, {zero}), y = s.load(b, {zero});
  s.store(out, {zero}, where(positive(x), y, s.real(0)));
  s.store(out, {one}, where(positive(y), x, s.real(0)));
  demand(s.program);
  EXPECT_EQ(guard(x), none);
  EXPECT_EQ(guard(y), none);
}

TEST_F(Demands, ConditionOfAWhile) {
  const VariableId v = s.variable(s.number(5));
  NodeId x = none, within = none;
  s.while_(
      [&] {
        const NodeId j = s.read(v);
        within = s.node(Op::greater_equal, bool_, {j, zero});
        x = s.load(a, {j});
        return s.node(Op::logical_and, bool_, {within, positive(x)});
      },
      [&] { s.assign(v, s.build.sub(s.read(v), one)); });
  demand(s.program);
  EXPECT_EQ(guard(x), within);
}

TEST_F(Demands, DeadLoadsAndReadsVanish) {
  const VariableId v = s.variable(s.number(0));
  const NodeId dead = s.load(a, {s.read(v)}), kept = s.load(a, {one});
  s.store(out, {zero}, kept);
  demand(s.program);
  EXPECT_FALSE(lives(dead));
  EXPECT_TRUE(lives(kept));
  EXPECT_EQ(s.all(Kind::evaluate).size(), 1u);
}

TEST_F(Demands, ResultsAskAlways) {
  const NodeId x = s.load(a, {zero});
  Result result;
  result.value = x;
  s.program.results.push_back(result);
  demand(s.program);
  EXPECT_TRUE(lives(x));
  EXPECT_EQ(guard(x), none);
}

}  // namespace
