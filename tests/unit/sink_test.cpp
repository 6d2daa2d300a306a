// Sinking: a temporary of which a part is read is computed where it is read, and never more often than before.
#include "core/sink.h"

#include "tests/support/passes.h"

#include <gtest/gtest.h>

namespace {

using namespace kiln::test;

class Sink : public testing::Test {
 protected:
  Sketch s;

  void sunk() {
    expect_same_values(s.program, [](Program& program) { sink(program); });
  }
  std::size_t count(Kind kind) const { return s.all(kind).size(); }
  NodeId f(Op op, NodeId a, NodeId b) { return s.node(op, kiln::f64, {a, b}); }
  NodeId rows(RootId x) { return s.build.extent(x, 0); }
  NodeId columns(RootId x) { return s.build.extent(x, 1); }
  // x² + 1
  RootId temporary(RootId x) {
    return map(s, {x}, [&](auto v) { return f(Op::add, f(Op::multiply, v[0], v[0]), s.real(1)); });
  }
};

TEST_F(Sink, ADiagonalTakesNoMore) {
  const RootId x = s.array(2), t = temporary(x);
  const VariableId sum = s.variable(start_of(s, Op::add));
  s.prange(s.build.min(rows(x), columns(x)), [&](NodeId i) {
    const NodeId value = s.load(t, {i, i});
    reduce_over(s, sum, Op::add, s.program[i].id, value);
  });
  returns_number(s, s.read(sum));
  sunk();
  EXPECT_EQ(count(Kind::allocate), 0u);
  EXPECT_EQ(count(Kind::loop), 1u);
  EXPECT_EQ(count(Kind::store), 0u);
}

TEST_F(Sink, ATransposedReaderTakesTheExpression) {
  const RootId x = s.array(2), t = temporary(x), out = s.allocated({columns(x), rows(x)});
  nest2(s, columns(x), rows(x), [&](NodeId i, NodeId j) { s.store(out, {i, j}, s.load(t, {j, i})); });
  returns(s, out);
  sunk();
  EXPECT_EQ(count(Kind::allocate), 1u);
  EXPECT_EQ(count(Kind::loop), 1u);
}

TEST_F(Sink, OneElement) {
  const RootId x = s.array(2), t = temporary(x);
  guard_equal(s, rows(x), columns(x));
  const VariableId last = s.variable(s.real(0));
  s.prange(s.build.min(s.number(1), rows(x)), [&](NodeId i) { s.assign(last, s.load(t, {i, i})); });
  returns_number(s, s.read(last));
  sunk();
  EXPECT_EQ(count(Kind::allocate), 0u);
}

TEST_F(Sink, OfChainsEveryLink) {
  const RootId x = s.array(2), t = temporary(temporary(x)), out = s.allocated({columns(x), rows(x)});
  nest2(s, columns(x), rows(x), [&](NodeId i, NodeId j) { s.store(out, {i, j}, s.load(t, {j, i})); });
  returns(s, out);
  sunk();
  EXPECT_LE(count(Kind::allocate), 2u);
  EXPECT_LE(count(Kind::loop), 2u);  // fuse joins the first two
}

TEST_F(Sink, WhatWouldBeComputedTwiceStays) {
  const RootId x = s.array(1), t = temporary(x), out = s.allocated({rows(x), rows(x)});
  nest2(s, rows(x), rows(x), [&](NodeId i, NodeId j) { s.store(out, {i, j}, s.load(t, {j})); });
  returns(s, out);
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

TEST_F(Sink, TwoReadersStay) {
  const RootId x = s.array(2), t = temporary(x), out = s.allocated({columns(x), rows(x)});
  guard_equal(s, rows(x), columns(x));
  nest2(s, columns(x), rows(x),
        [&](NodeId i, NodeId j) { s.store(out, {i, j}, f(Op::add, s.load(t, {j, i}), s.load(t, {i, j}))); });
  returns(s, out);
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

TEST_F(Sink, WhatIsOverwrittenMeanwhileStays) {
  const RootId x = s.array(2), t = temporary(x), out = s.allocated({columns(x), rows(x)});
  over(s, x, [&](const std::vector<NodeId>& at) { put(s, x, at, s.real(7)); });
  nest2(s, columns(x), rows(x), [&](NodeId i, NodeId j) { s.store(out, {i, j}, s.load(t, {j, i})); });
  returns(s, out);
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

TEST_F(Sink, TheReaderItselfMayNotWriteTheOperands) {
  const RootId x = s.array(2), t = temporary(x);
  guard_equal(s, rows(x), columns(x));
  nest2(s, columns(x), rows(x), [&](NodeId i, NodeId j) { s.store(x, {i, j}, s.load(t, {j, i})); });
  sunk();
  EXPECT_EQ(count(Kind::allocate), 1u);
}

TEST_F(Sink, ASequentialLoopKeepsTheLanesOfAWholeTemporary) {
  const RootId x = s.array(1), t = temporary(x);
  const VariableId v = s.variable(s.real(0));
  s.range(s.number(0), rows(x), [&](NodeId i) {
    const NodeId before = s.read(v), value = s.load(t, {i});
    s.assign(v, f(Op::add, f(Op::multiply, before, s.real(0.5)), value));
  });
  returns_number(s, s.read(v));
  sunk();
  EXPECT_EQ(count(Kind::allocate), 1u);
}

TEST_F(Sink, ASequentialLoopTakesADiagonal) {
  const RootId x = s.array(2), t = temporary(x);
  guard_equal(s, rows(x), columns(x));
  const VariableId v = s.variable(s.real(0));
  s.range(s.number(0), rows(x), [&](NodeId i) {
    const NodeId before = s.read(v), value = s.load(t, {i, i});
    s.assign(v, f(Op::add, f(Op::multiply, before, s.real(0.5)), value));
  });
  returns_number(s, s.read(v));
  sunk();
  EXPECT_EQ(count(Kind::allocate), 0u);
}

TEST_F(Sink, ResultsStay) {
  const RootId x = s.array(2), t = temporary(x), out = s.allocated({columns(x), rows(x)});
  nest2(s, columns(x), rows(x), [&](NodeId i, NodeId j) { s.store(out, {i, j}, s.load(t, {j, i})); });
  returns(s, out);
  returns(s, t);
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

// Parts of 100 elements, in the way that argmin reads; `length` elements of one part are read again.
void parts(Sketch& s, RootId t, NodeId length, std::int64_t size, const std::function<NodeId(NodeId)>& first) {
  const NodeId n = s.build.extent(t, 0), count = s.build.floordiv(s.build.add(n, s.number(99)), s.number(100));
  const RootId out = s.allocated({count});
  s.prange(count, [&](NodeId part) {
    const NodeId begin = s.build.mul(part, s.number(100));
    const VariableId v = s.variable(start_of(s, Op::add));
    const LoopId inner = s.nest(true, {s.span(begin, s.build.min(s.build.add(begin, s.number(size)), n))},
                                [&](LoopId id) { reduce_over(s, v, Op::add, id, s.load(t, {s.build.index(id, 0)})); });
    (void)inner;
    s.store(out, {part}, s.read(v));
  });
  const VariableId v = s.variable(start_of(s, Op::add));
  const NodeId begin = first(n);
  s.nest(true, {s.span(begin, s.build.min(s.build.add(begin, length), n))},
         [&](LoopId id) { reduce_over(s, v, Op::add, id, s.load(t, {s.build.index(id, 0)})); });
  returns(s, out);
  returns_number(s, s.read(v));
}

TEST_F(Sink, AFewElementsAreComputedAgain) {
  const RootId x = s.array(1), t = temporary(temporary(x));
  parts(s, t, s.number(100), 100, [&](NodeId) { return s.number(0); });
  sunk();
  EXPECT_EQ(count(Kind::allocate), 1u);
  EXPECT_EQ(count(Kind::loop), 3u);
}

TEST_F(Sink, ManyElementsAreNotComputedAgain) {
  const RootId x = s.array(1), t = temporary(x);
  parts(s, t, s.number(100'000), 100, [&](NodeId) { return s.number(0); });
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

TEST_F(Sink, PartsThatOverlapAreNotComputedTwice) {
  const RootId x = s.array(1), t = temporary(x);
  parts(s, t, s.number(10), 101, [&](NodeId) { return s.number(0); });
  sunk();
  EXPECT_EQ(count(Kind::allocate), 2u);
}

}  // namespace
