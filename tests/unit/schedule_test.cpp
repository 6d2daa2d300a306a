// Schedules: roles, merged and reordered dimensions, which facts are asked for; values stay the same.
#include "core/schedule.h"

#include "core/cleanup.h"
#include "core/fuse.h"
#include "tests/support/passes.h"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace kiln::test;

class Schedule : public testing::Test {
 protected:
  Sketch s;
  bool is_contiguous = true, is_large = false;
  int unit_axis = -1;  // the axis with stride 1; -1: the last
  std::multiset<RootId> asked_contiguous;
  std::multiset<std::pair<RootId, int>> asked_strides;
  int asked_large = 0;

  void schedule_it() {
    const ScheduleOptions options{this,
                                  [](void* self, RootId root) {
                                    static_cast<Schedule*>(self)->asked_contiguous.insert(root);
                                    return static_cast<Schedule*>(self)->is_contiguous;
                                  },
                                  [](void* self, RootId root, int axis) {
                                    Schedule& test = *static_cast<Schedule*>(self);
                                    test.asked_strides.emplace(root, axis);
                                    return axis ==
                                           (test.unit_axis < 0 ? test.s.program.roots[root].rank - 1 : test.unit_axis);
                                  },
                                  [](void* self) {
                                    ++static_cast<Schedule*>(self)->asked_large;
                                    return static_cast<Schedule*>(self)->is_large;
                                  }};
    expect_same_values(s.program, [&](Program& program) { schedule(program, options); });
  }
  std::size_t rank_of(std::size_t k) const { return s.program.loops[s.all(Kind::loop)[k].target].dimensions.size(); }
  const Loop& loop(std::size_t k) const { return s.program.loops[s.all(Kind::loop)[k].target]; }
  NodeId f(Op op, NodeId a, NodeId b) { return s.node(op, kiln::f64, {a, b}); }
};

TEST_F(Schedule, ContiguousNestBecomesOneFlatLoop) {
  const RootId x = s.array(2), y = s.array(2);
  returns(s, map(s, {x, y}, [&](auto v) { return f(Op::add, v[0], v[1]); }));
  schedule_it();
  EXPECT_EQ(rank_of(0), 1u);
  EXPECT_TRUE(s.all(Kind::store)[0].flat);
  EXPECT_TRUE(s.program[s.all(Kind::evaluate)[0].value].flat);
  EXPECT_EQ(asked_contiguous, (std::multiset<RootId>{x, y}));
  EXPECT_TRUE(asked_strides.empty());
  EXPECT_TRUE(s.program.roots[x].contiguous);
  EXPECT_EQ(loop(0).role, Role::lanes);
  EXPECT_TRUE(loop(0).distribute);
  EXPECT_EQ(loop(0).vectors, 2);
}

TEST_F(Schedule, StridedNestStaysAndAsksForTheLastAxis) {
  is_contiguous = false;
  const RootId x = s.array(2), y = s.array(2);
  copy(s, x, y);
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
  EXPECT_EQ(asked_strides, (std::multiset<std::pair<RootId, int>>{{x, 1}, {y, 1}}));
  EXPECT_EQ(s.program.roots[y].unit_strides, 2);
  EXPECT_FALSE(s.program.roots[y].contiguous);
}

TEST_F(Schedule, ARowKeepsTheNest) {
  const RootId x = s.array(2), row = s.array(1);
  guard_equal(s, s.extent(x, 1), s.extent(row, 0));
  over(s, x, [&](auto at) { put(s, x, at, f(Op::add, element(s, x, at), s.load(row, {at[1]}))); });
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
  EXPECT_TRUE(asked_contiguous.empty());
}

TEST_F(Schedule, TrailingDimensionsMergeBesideAColumn) {
  const RootId x = s.array(3), column = s.array(1);
  guard_equal(s, s.extent(x, 0), s.extent(column, 0));
  const NodeId zero = s.number(0);
  s.nest(true, {s.span(zero, s.extent(x, 0)), s.span(zero, s.extent(x, 1)), s.span(zero, s.extent(x, 2))},
         [&](LoopId l) {
           const NodeId i = s.build.index(l, 0), j = s.build.index(l, 1), k = s.build.index(l, 2);
           s.store(x, {i, j, k}, f(Op::add, s.load(x, {i, j, k}), s.load(column, {i})));
         });
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
  EXPECT_TRUE(s.all(Kind::store)[0].flat);
}

TEST_F(Schedule, AnIndexUsedAsAValueKeepsItsDimension) {
  const RootId x = s.array(2);
  over(s, x, [&](auto at) { put(s, x, at, s.build.convert(at[0], {kiln::f64, kiln::Strength::strong})); });
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
}

TEST_F(Schedule, ReductionsKeepTheirPositions) {
  const RootId x = s.array(2);
  returns_number(s, s.read(total(s, x)));
  schedule_it();
  EXPECT_EQ(rank_of(0), 1u);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, s.all(Kind::loop)[0].target);
  EXPECT_EQ(loop(0).vectors, 1);
}

TEST_F(Schedule, TransposedAccessesMoveTheirDimensionLast) {
  const RootId x = s.array(2), y = s.array(2);
  guard_equal(s, s.extent(x, 0), s.extent(y, 0));
  guard_equal(s, s.extent(x, 1), s.extent(y, 1));
  nest2(s, s.extent(x, 1), s.extent(x, 0), [&](NodeId j, NodeId i) { s.store(y, {i, j}, s.load(x, {i, j})); });
  schedule_it();
  EXPECT_EQ(rank_of(0), 1u);
}

TEST_F(Schedule, FortranOrderMovesTheFirstDimensionLast) {
  is_contiguous = false;
  unit_axis = 0;
  const RootId x = s.array(2), y = s.array(2);
  copy(s, x, y);
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
  const Statement store = s.all(Kind::store)[0];
  const Node& first = s.program[s.program.indices[store.first_index]];
  EXPECT_EQ(first.op, Op::index);
  EXPECT_EQ(first.axis, 1u);
  EXPECT_EQ(s.program.roots[x].unit_strides, 1);
}

TEST_F(Schedule, ReductionsAreNotReordered) {
  is_contiguous = false;
  unit_axis = 0;
  const RootId x = s.array(2);
  returns_number(s, s.read(total(s, x)));
  schedule_it();
  const Node& load = s.program[s.all(Kind::evaluate)[0].value];
  EXPECT_EQ(s.program[s.program.indices[load.axis]].axis, 0u);
}

TEST_F(Schedule, RolesOfNestedLoops) {
  const RootId x = s.array(2);
  s.range(s.number(0), s.number(3), [&](NodeId) {
    s.prange(s.extent(x, 0), [&](NodeId i) {
      s.range(s.number(0), s.number(2), [&](NodeId) {
        s.prange(s.extent(x, 1), [&](NodeId j) { s.store(x, {i, j}, f(Op::add, s.load(x, {i, j}), s.real(1))); });
      });
    });
  });
  schedule_it();
  const Role roles[] = {Role::sequential, Role::outer, Role::sequential, Role::lanes};
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(loop(k).role, roles[k]) << k;
    EXPECT_EQ(loop(k).distribute, k == 1) << k;
  }
}

TEST_F(Schedule, StreamsWhatNobodyReadsBack) {
  for (bool reread : {false, true}) {
    Sketch t;
    const RootId x = t.array(1), y = t.array(1);
    guard_equal(t, t.extent(x, 0), t.extent(y, 0));
    copy(t, x, y);
    if (reread) returns_number(t, t.read(total(t, y)));
    const ScheduleOptions options{nullptr, [](void*, RootId) { return true; }, [](void*, RootId, int) { return true; },
                                  [](void*) { return true; }};
    schedule(t.program, options);
    const Loop& l = t.program.loops[t.all(Kind::loop)[0].target];
    EXPECT_TRUE(l.streaming);
    EXPECT_EQ(l.if_large, reread);  // what is written is read again: only where the cache would have lost it
    EXPECT_EQ(l.memory_bound, !reread);
  }
}

TEST_F(Schedule, ManyVariablesLeaveOneVector) {
  const RootId x = s.array(1);
  s.prange(s.extent(x, 0), [&](NodeId i) {
    NodeId sum = s.real(0);
    for (int k = 0; k < 8; ++k) sum = f(Op::add, sum, s.read(s.variable(s.load(x, {i}))));
    s.store(x, {i}, sum);
  });
  schedule_it();
  EXPECT_EQ(loop(0).vectors, 1);
}

TEST_F(Schedule, SwappedRootsShareOnlyWhatHoldsForAll) {
  is_contiguous = false;
  const RootId x = s.array(2);
  const RootId t = map(s, {x}, [&](auto v) { return f(Op::add, v[0], s.real(1)); });
  Statement& swap = s.emit(Kind::swap);
  swap.target = x;
  swap.other = t;
  returns(s, t);
  schedule_it();
  EXPECT_EQ(rank_of(0), 2u);
  EXPECT_FALSE(s.program.roots[t].contiguous);
}

TEST_F(Schedule, NegativeExtentsDoNotMultiplyToAFullLoop) {
  const RootId x = s.array(2);
  const NodeId rows = s.build.sub(s.extent(x, 0), s.number(2)), columns = s.build.sub(s.extent(x, 1), s.number(2));
  const RootId t = s.allocated({rows, columns});
  nest2(s, rows, columns, [&](NodeId i, NodeId j) { s.store(t, {i, j}, s.real(3)); });
  nest2(s, rows, columns, [&](NodeId i, NodeId j) { s.store(x, {i, j}, s.load(t, {i, j})); });
  schedule_it();
  EXPECT_EQ(rank_of(0), 1u);
  EXPECT_EQ(rank_of(1), 2u);
}

}  // namespace
