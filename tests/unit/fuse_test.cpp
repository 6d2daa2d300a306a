// Fusion: array expressions end up in one loop, temporaries vanish, and what must not fuse does not; values stay the
// same.
#include "core/fuse.h"

#include "tests/support/passes.h"

#include <gtest/gtest.h>

namespace {

using namespace kiln::test;

class Fuse : public testing::Test {
 protected:
  Sketch s;

  void fused() {
    expect_same_values(s.program, [](Program& program) { fuse(program); });
  }
  std::size_t count(Kind kind) const { return s.all(kind).size(); }
  NodeId f(Op op, NodeId a, NodeId b) { return s.node(op, kiln::f64, {a, b}); }
};

TEST_F(Fuse, ChainBecomesOneLoopWithoutTemporaries) {
  const RootId x = s.array(1);
  RootId last = x;
  for (int k = 0; k < 5; ++k)
    last = map(s, {last}, [&](auto v) { return f(Op::add, f(Op::multiply, v[0], s.real(0.5)), s.real(k)); });
  returns(s, last);
  fused();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::allocate), 1u);
  EXPECT_EQ(count(Kind::store), 1u);
  EXPECT_EQ(count(Kind::evaluate), 1u);
}

TEST_F(Fuse, SharedPartsOfTwoResultsAreComputedOnce) {
  const RootId x = s.array(2), y = s.array(2);
  const RootId d1 = map(s, {x, y}, [&](auto v) { return f(Op::divide, v[0], v[1]); });
  const RootId d2 = map(s, {d1, y}, [&](auto v) { return f(Op::subtract, v[0], v[1]); });
  const RootId call = map(s, {d1, d2}, [&](auto v) { return f(Op::multiply, v[0], v[1]); });
  const RootId put = map(s, {d2, x}, [&](auto v) { return f(Op::subtract, v[0], v[1]); });
  returns(s, call);
  returns(s, put);
  // Extents of y are guarded to be x's: the loops over either are the same.
  fused();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::allocate), 2u);
  EXPECT_EQ(count(Kind::store), 2u);
}

TEST_F(Fuse, SumOfProductHasNoTemporary) {
  const RootId a = s.array(1), b = s.array(1);
  const RootId product = map(s, {a, b}, [&](auto v) { return f(Op::multiply, v[0], v[1]); });
  returns_number(s, s.read(total(s, product)));
  fused();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::allocate), 0u);
  const auto reductions = s.all(Kind::reduce);
  ASSERT_EQ(reductions.size(), 1u);
  EXPECT_EQ(reductions[0].loop, s.all(Kind::loop)[0].target);
}

TEST_F(Fuse, MeanOfSquaresWaitsForTheMean) {
  const RootId x = s.array(1);
  const NodeId mean = f(Op::divide, s.read(total(s, x)), s.node(Op::convert, kiln::f64, {s.extent(x, 0)}));
  const RootId d = map(s, {x}, [&](auto v) { return f(Op::subtract, v[0], mean); });
  const RootId e = map(s, {x}, [&](auto v) { return f(Op::subtract, v[0], mean); });
  const RootId square = map(s, {d, e}, [&](auto v) { return f(Op::multiply, v[0], v[1]); });
  returns_number(s, s.read(total(s, square)));
  fused();
  EXPECT_EQ(count(Kind::loop), 2u);
  EXPECT_EQ(count(Kind::allocate), 0u);
}

TEST_F(Fuse, InPlaceUpdateNeedsNoTemporary) {
  const RootId a = s.array(1);
  const RootId t = map(s, {a}, [&](auto v) { return f(Op::add, v[0], s.real(1)); });
  copy(s, t, a);
  fused();
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::allocate), 0u);
}

TEST_F(Fuse, ShiftOntoItselfKeepsItsSnapshot) {
  const RootId a = s.array(1);
  const NodeId shorter = s.build.sub(s.extent(a, 0), s.number(1));
  const RootId t = s.allocated({shorter});
  s.prange(shorter, [&](NodeId i) { s.store(t, {i}, s.load(a, {i})); });
  s.prange(shorter, [&](NodeId i) { s.store(a, {s.build.add(i, s.number(1))}, s.load(t, {i})); });
  fused();
  EXPECT_EQ(count(Kind::loop), 2u);
  EXPECT_EQ(count(Kind::allocate), 1u);
}

TEST_F(Fuse, TransposeAddedToItselfKeepsItsSnapshot) {
  const RootId a = s.array(2);
  const RootId t = s.allocated({s.extent(a, 0), s.extent(a, 0)});
  guard_equal(s, s.extent(a, 0), s.extent(a, 1));
  nest2(s, s.extent(a, 0), s.extent(a, 0),
        [&](NodeId i, NodeId j) { s.store(t, {i, j}, f(Op::add, s.load(a, {i, j}), s.load(a, {j, i}))); });
  nest2(s, s.extent(a, 0), s.extent(a, 0), [&](NodeId i, NodeId j) { s.store(a, {i, j}, s.load(t, {i, j})); });
  fused();
  EXPECT_EQ(count(Kind::loop), 2u);
}

TEST_F(Fuse, EvenAndOddElementsDoNotMeet) {
  const RootId a = s.array(1);
  const NodeId half = s.build.floordiv(s.extent(a, 0), s.number(2));
  const auto even = [&](NodeId i) { return s.build.mul(i, s.number(2)); };
  s.prange(half, [&](NodeId i) { s.store(a, {even(i)}, f(Op::add, s.load(a, {even(i)}), s.real(1))); });
  s.prange(half, [&](NodeId i) {
    const NodeId odd = s.build.add(even(i), s.number(1));
    s.store(a, {odd}, f(Op::multiply, s.load(a, {odd}), s.real(3)));
  });
  fused();
  EXPECT_EQ(count(Kind::loop), 1u);
}

TEST_F(Fuse, OneElementForAllIsNoDistanceOfZero) {
  const RootId a = s.array(1), b = s.array(1);
  guard_equal(s, s.extent(a, 0), s.extent(b, 0));
  s.prange(s.extent(a, 0), [&](NodeId) { s.store(b, {s.number(0)}, s.real(7)); });
  s.prange(s.extent(a, 0), [&](NodeId i) { s.store(a, {i}, s.load(b, {s.number(0)})); });
  fuse(s.program);
  EXPECT_EQ(count(Kind::loop), 2u);
}

TEST_F(Fuse, OverlappingParametersStayApart) {
  for (bool overlap : {false, true}) {
    Sketch t;
    const RootId a = t.array(1), b = t.array(1), c = t.array(1);
    t.program.roots[a].may_overlap = t.program.roots[b].may_overlap = overlap;
    t.prange(t.extent(a, 0), [&](NodeId i) { t.store(a, {i}, t.real(1)); });
    t.prange(t.extent(a, 0), [&](NodeId i) { t.store(c, {i}, t.load(b, {i})); });
    fuse(t.program);
    EXPECT_EQ(t.all(Kind::loop).size(), overlap ? 2u : 1u);
  }
}

TEST_F(Fuse, StatementsBetweenMoveOutOfTheWay) {
  const RootId x = s.array(1), y = s.array(1);
  const RootId first = map(s, {x}, [&](auto v) { return f(Op::multiply, v[0], v[0]); });
  const NodeId other = f(Op::add, s.read(total(s, y)), s.real(1));  // a loop of another space, which the third needs
  const RootId last = map(s, {first}, [&](auto v) { return f(Op::add, v[0], other); });
  returns(s, last);
  fused();
  EXPECT_EQ(count(Kind::loop), 2u);
  EXPECT_EQ(count(Kind::allocate), 1u);
}

TEST_F(Fuse, AValueReducedFromTheFirstKeepsTheLoopsApart) {
  const RootId x = s.array(1);
  const RootId t = map(s, {x}, [&](auto v) { return f(Op::multiply, v[0], v[0]); });
  const NodeId sum = s.read(total(s, t));
  const RootId last = map(s, {t}, [&](auto v) { return f(Op::divide, v[0], sum); });
  returns(s, last);
  fused();
  EXPECT_EQ(count(Kind::loop), 2u);
}

TEST_F(Fuse, SoftmaxIsOnePassOverRows) {
  const RootId x = s.array(2);
  const RootId largest = along_rows(s, x, Op::maximum);
  const RootId t = map(s, {x, largest}, [&](auto v) { return f(Op::subtract, v[0], v[1]); });
  const RootId e = map(s, {t}, [&](auto v) { return s.node(Op::exp, kiln::f64, {v[0]}); });
  const RootId sum = along_rows(s, e, Op::add);
  returns(s, map(s, {e, sum}, [&](auto v) { return f(Op::divide, v[0], v[1]); }));
  fused();
  EXPECT_EQ(s.program.blocks[0].statements.size(), 2u);  // the result's allocation, the loop over rows
  EXPECT_EQ(count(Kind::loop), 4u);                      // rows; maximum; exp and sum; quotient
  const auto allocations = s.all(Kind::allocate);
  ASSERT_EQ(allocations.size(), 2u);
  for (const Statement& allocate : allocations)
    EXPECT_EQ(s.program.roots[allocate.target].rank, allocate.target == s.program.results[0].root ? 2 : 1);
}

}  // namespace
