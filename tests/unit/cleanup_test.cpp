// Cleanup: what nobody needs goes, loads of known elements go, control flow and guards stay; values stay the same.
#include "core/cleanup.h"

#include "tests/support/passes.h"

#include <gtest/gtest.h>

namespace {

using namespace kiln::test;

class Cleanup : public testing::Test {
 protected:
  Sketch s;

  void cleaned() { expect_same_values(s.program, cleanup); }
  std::size_t count(Kind kind) const { return s.all(kind).size(); }
  NodeId plus(NodeId a, NodeId b) { return s.node(Op::add, kiln::f64, {a, b}); }
};

TEST_F(Cleanup, DropsWhatNobodyReads) {
  const RootId x = s.array(1);
  const RootId dead = map(s, {x}, [&](auto v) { return plus(v[0], s.real(1)); });
  map(s, {dead}, [&](auto v) { return plus(v[0], s.real(2)); });
  const VariableId unread = s.variable(s.real(0));
  s.assign(unread, s.real(1));
  returns_number(s, s.read(total(s, x)));
  cleaned();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::allocate), 0u);
  EXPECT_EQ(s.program.roots.size(), 1u);
  EXPECT_EQ(s.program.loops.size(), 1u);
  EXPECT_EQ(s.program.variables.size(), 1u);
  EXPECT_EQ(s.program.blocks.size(), 2u);
  EXPECT_EQ(count(Kind::assign), 1u);
}

// An access that is checked may be an error, whoever reads it.
TEST_F(Cleanup, KeepsCheckedAccesses) {
  const RootId x = s.array(1);
  const RootId unread = s.allocated({s.extent(x, 0)});
  const NodeId k = s.scalar();
  s.program[s.load(x, {k})].checked = 1;
  s.store(unread, {k}, s.real(1)).checked = 1;
  cleanup(s.program);
  verify(s.program, "cleanup");
  EXPECT_EQ(count(Kind::evaluate), 1u);
  EXPECT_EQ(count(Kind::store), 1u);
  EXPECT_EQ(count(Kind::allocate), 1u);
}

TEST_F(Cleanup, ComparesAnIndexOnce) {
  const RootId x = s.array(1);
  const NodeId k = s.scalar(), other = s.scalar();
  s.program[s.load(x, {k})].checked = 1;
  s.store(x, {k}, s.real(1)).checked = 1;
  s.store(x, {other}, s.real(2)).checked = 1;
  cleanup(s.program);
  ASSERT_EQ(count(Kind::store), 2u);
  EXPECT_EQ(s.all(Kind::store)[0].checked, 0);
  EXPECT_EQ(s.all(Kind::store)[1].checked, 1);
}

TEST_F(Cleanup, KeepsGuardsAndWritesToParameters) {
  const RootId x = s.array(1), y = s.array(1);
  guard_equal(s, s.extent(x, 0), s.extent(y, 0));
  copy(s, x, y);
  cleaned();
  EXPECT_EQ(count(Kind::guard), 1u);
  EXPECT_EQ(count(Kind::store), 1u);
}

TEST_F(Cleanup, LoadsOnceUntilAWriteComesBetween) {
  const RootId x = s.array(1), y = s.array(1);
  s.prange(s.extent(x, 0), [&](NodeId i) {
    const NodeId twice = plus(s.load(x, {i}), s.load(x, {i}));
    s.store(x, {i}, twice);
    s.store(y, {i}, s.load(x, {i}));
  });
  cleaned();
  EXPECT_EQ(count(Kind::evaluate), 1u);
  EXPECT_EQ(count(Kind::store), 2u);
}

TEST_F(Cleanup, ATurnDoesNotKnowWhatTheLastOneWrote) {
  const RootId x = s.array(1);
  s.branch(s.build.less(s.number(0), s.extent(x, 0)), [&] {
    s.store(x, {s.number(0)}, s.real(1));
    s.range(s.number(0), s.number(3),
            [&](NodeId) { s.store(x, {s.number(0)}, plus(s.load(x, {s.number(0)}), s.real(1))); });
  });
  cleaned();
  EXPECT_EQ(count(Kind::evaluate), 1u);
}

TEST_F(Cleanup, OverlappingMemoryIsForgotten) {
  const RootId x = s.array(1), y = s.array(1);
  s.program.roots[x].may_overlap = s.program.roots[y].may_overlap = true;
  s.prange(s.extent(x, 0), [&](NodeId i) {
    s.store(x, {i}, s.real(1));
    s.store(y, {i}, s.real(2));
    s.store(y, {i}, s.load(x, {i}));
  });
  cleanup(s.program);
  EXPECT_EQ(count(Kind::evaluate), 1u);
}

TEST_F(Cleanup, AGuardedLoadOfAKnownElementIsASelection) {
  const RootId x = s.array(1), y = s.array(1);
  s.prange(s.extent(x, 0), [&](NodeId i) {
    s.store(x, {i}, s.real(5));
    const NodeId value = s.load(x, {i});
    s.program[value].operands[0] = s.build.less(i, s.number(2));
    s.store(y, {i}, value);
  });
  cleaned();
  EXPECT_EQ(count(Kind::evaluate), 0u);
}

TEST_F(Cleanup, AssignedVariablesAreKnown) {
  const RootId x = s.array(1);
  s.prange(s.extent(x, 0), [&](NodeId i) {
    const VariableId v = s.variable(s.load(x, {i}));
    s.assign(v, plus(s.read(v), s.real(1)));
    s.store(x, {i}, s.read(v));
  });
  cleaned();
  EXPECT_EQ(count(Kind::assign), 0u);
  EXPECT_TRUE(s.program.variables.empty());
}

TEST_F(Cleanup, LeavingKeepsNoLoopAliveButStaysInOne) {
  const RootId x = s.array(1);
  const VariableId found = s.variable(s.number(-1));
  for (bool useful : {false, true})
    s.range(s.number(0), s.extent(x, 0), [&](NodeId i) {
      s.branch(s.node(Op::greater, kiln::bool_, {s.load(x, {i}), s.real(0.5)}), [&] {
        if (useful) s.assign(found, i);
        s.emit(Kind::break_);
      });
    });
  returns_number(s, s.read(found));
  cleaned();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::break_), 1u);
}

TEST_F(Cleanup, SwappedArraysKeepWhatEitherNeeds) {
  const RootId x = s.array(1);
  const RootId a = map(s, {x}, [&](auto v) { return plus(v[0], s.real(1)); });
  const RootId b = map(s, {x}, [&](auto v) { return plus(v[0], s.real(2)); });
  Statement& swap = s.emit(Kind::swap);
  swap.target = a;
  swap.other = b;
  returns(s, a);
  cleaned();
  EXPECT_EQ(count(Kind::swap), 1u);
  EXPECT_EQ(count(Kind::store), 2u);
}

}  // namespace
