// Builder: sharing, folding, and one node for every way to write an integer sum.
#include "core/build.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>

#include "tests/support/program.h"

namespace {

using namespace kiln;
using namespace kiln::test;

constexpr Type weak_i64{i64, Strength::weak};

TEST(Build, EqualNodesAreShared) {
  Sketch s;
  const NodeId x = s.scalar({f64, Strength::strong}), y = s.scalar({f64, Strength::strong});
  EXPECT_EQ(s.node(Op::add, f64, {x, y}), s.node(Op::add, f64, {x, y}));
  EXPECT_NE(s.node(Op::add, f64, {x, y}), s.node(Op::add, f64, {y, x}));
  EXPECT_NE(s.node(Op::add, f64, {x, y}), s.node(Op::subtract, f64, {x, y}));
  EXPECT_NE(s.real(1, f32), s.real(1, f64));
  EXPECT_NE(s.real(0.0), s.real(-0.0));
  Builder other(s.program);
  EXPECT_EQ(other.node(Op::add, {f64, Strength::strong}, {x, y}), s.node(Op::add, f64, {x, y}));
}

TEST(Build, LoadsAreNotShared) {
  Sketch s;
  const RootId a = s.array(1);
  EXPECT_NE(s.load(a, {s.number(0)}), s.load(a, {s.number(0)}));
}

TEST(Build, ConstantsAreFoldedAsTheHostComputesThem) {
  Sketch s;
  EXPECT_EQ(s.node(Op::divide, f32, {s.real(1, f32), s.real(3, f32)}), s.real(1.0f / 3.0f, f32));
  EXPECT_EQ(s.build.constant_value(s.build.node(Op::floordiv, weak_i64, {s.number(-7), s.number(2)})), -4);
  EXPECT_EQ(s.build.convert(s.real(2.75), {i32, Strength::strong}),
            s.build.convert(s.number(2), {i32, Strength::strong}));
  Builder unfolded(s.program, false);
  const NodeId raw = unfolded.node(Op::add, {f32, Strength::strong}, {s.real(1, f32), s.real(2, f32)});
  EXPECT_EQ(s.program[raw].op, Op::add);
  EXPECT_EQ(unfolded.computed(raw)->re, 3.0);
  const NodeId half = unfolded.floordiv(unfolded.add(s.number(5), s.number(2)), s.number(2));
  EXPECT_NE(s.program[half].op, Op::constant);
  EXPECT_EQ(unfolded.constant_value(half), 3);
  EXPECT_EQ(s.build.constant_value(half), 3);
}

TEST(Build, QuestionsSeeThroughWhatIsNotFolded) {
  Sketch s;
  const RootId a = s.array(1);
  const NodeId n = s.extent(a, 0);
  Builder raw(s.program, false);
  const NodeId clamped = raw.min(raw.max(s.number(0), s.number(0)), n);
  EXPECT_NE(clamped, s.number(0));
  EXPECT_EQ(raw.folded(clamped), s.number(0));
  EXPECT_EQ(raw.constant_value(clamped), 0);
  const NodeId doubled = raw.add(raw.mul(n, s.number(2)), s.number(1));
  const NodeId half = raw.floordiv(doubled, s.number(2));
  EXPECT_EQ(s.program[half].op, Op::floordiv);
  EXPECT_TRUE(raw.same(half, n));
  EXPECT_EQ(raw.difference(raw.add(half, s.number(3)), n), 3);
  EXPECT_EQ(raw.constant_value(raw.less_equal(s.number(0), half)), 1);
  EXPECT_TRUE(raw.less_equal_known(half, raw.max(n, s.number(4))));
  EXPECT_EQ(s.program[raw.less_equal(s.number(0), half)].op, Op::less_equal) << "the nodes stay as they are";
}

TEST(Build, FloatsAreNeitherReassociatedNorSimplified) {
  Sketch s;
  const NodeId x = s.scalar({f64, Strength::strong});
  EXPECT_NE(s.node(Op::add, f64, {x, s.real(0)}), x);
  EXPECT_NE(s.node(Op::multiply, f64, {x, s.real(1)}), x);
  const NodeId twice = s.node(Op::add, f64, {s.node(Op::add, f64, {x, s.real(1)}), s.real(1)});
  EXPECT_NE(twice, s.node(Op::add, f64, {x, s.real(2)}));
}

TEST(Build, SumsHaveOneForm) {
  Sketch s;
  Builder& b = s.build;
  const RootId a = s.array(2);
  const NodeId n = s.extent(a, 0), m = s.extent(a, 1), one = s.number(1);
  EXPECT_EQ(b.sub(b.add(n, s.number(-1)), one), b.sub(n, s.number(2)));
  EXPECT_EQ(b.add(n, m), b.add(m, n));
  EXPECT_EQ(b.sub(b.add(n, m), m), n);
  EXPECT_EQ(b.mul(b.add(n, one), b.sub(m, one)), b.sub(b.add(b.sub(b.mul(m, n), n), m), one));
  EXPECT_EQ(b.sub(n, n), s.number(0));
  EXPECT_TRUE(b.same(b.node(Op::subtract, weak_i64, {b.node(Op::add, weak_i64, {n, m}), n}), m));
  EXPECT_FALSE(b.same(n, m));
  EXPECT_EQ(b.difference(b.add(n, s.number(5)), b.sub(n, one)), 6);
  EXPECT_EQ(b.difference(n, m), std::nullopt);
  EXPECT_EQ(b.from(b.sum(b.sub(s.number(3), n))), b.sub(s.number(3), n));
}

TEST(Build, SumsWrapAsI64Does) {
  Sketch s;
  Builder& b = s.build;
  const NodeId x = s.scalar();
  const NodeId most = s.number(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(b.sub(b.add(b.add(x, most), most), most), b.add(x, most));
  EXPECT_EQ(b.add(most, s.number(1)), s.number(std::numeric_limits<std::int64_t>::min()));
  EXPECT_TRUE(b.same(b.add(b.add(x, most), s.number(1)), b.sub(b.sub(x, most), s.number(1))));
}

TEST(Build, OrderIsDecidedOnlyWhereSumsCannotWrap) {
  Sketch s;
  Builder& b = s.build;
  const RootId a = s.array(1);
  const NodeId n = s.extent(a, 0), x = s.scalar(), one = s.number(1), zero = s.number(0);
  EXPECT_EQ(b.less_equal(n, b.add(n, one)), b.boolean(true));
  EXPECT_EQ(b.less(n, n), b.boolean(false));
  EXPECT_EQ(b.less_equal(b.add(n, one), n), b.boolean(false));
  EXPECT_EQ(b.max(n, zero), n);
  EXPECT_EQ(b.min(b.add(n, one), n), n);
  EXPECT_EQ(b.less_equal(b.min(x, n), n), b.boolean(true));
  EXPECT_FALSE(s.program.is_constant(b.less_equal(x, b.add(x, one))));
  EXPECT_EQ(b.less_equal(x, x), b.boolean(true));
  EXPECT_NE(b.max(x, zero), x);
  EXPECT_EQ(b.equal(x, b.add(x, one)), b.boolean(false));
  const NodeId narrow = b.convert(s.scalar({i32, Strength::strong}), weak_i64);
  EXPECT_EQ(b.less_equal(narrow, b.add(narrow, one)), b.boolean(true));
  EXPECT_FALSE(b.less_equal_known(zero, narrow));
}

TEST(Build, DivisionTakesOutMultiples) {
  Sketch s;
  Builder& b = s.build;
  const RootId a = s.array(1);
  const NodeId n = s.extent(a, 0), two = s.number(2);
  EXPECT_EQ(b.floordiv(b.add(b.mul(n, two), s.number(1)), two), n);
  EXPECT_EQ(b.floordiv(b.sub(b.mul(n, two), s.number(1)), two), b.sub(n, s.number(1)));
  EXPECT_EQ(b.floordiv(b.add(n, two), two), b.add(b.floordiv(n, two), s.number(1)));
  EXPECT_EQ(b.floordiv(n, s.number(1)), n);
}

TEST(Build, ConditionsAreSimplified) {
  Sketch s;
  Builder& b = s.build;
  const NodeId p = s.scalar({bool_, Strength::strong}), q = s.scalar({bool_, Strength::strong});
  EXPECT_EQ(b.logical_and(b.boolean(true), p), p);
  EXPECT_EQ(b.logical_or(p, b.boolean(true)), b.boolean(true));
  EXPECT_EQ(b.logical_not(b.logical_not(p)), p);
  EXPECT_EQ(b.logical_or(p, b.logical_not(p)), b.boolean(true));
  EXPECT_EQ(b.logical_and(b.logical_not(q), q), b.boolean(false));
  EXPECT_EQ(b.select(b.boolean(false), p, q), q);
}

// Random expressions, built by the simplifying functions and computed directly: the same number, whatever the operands.
TEST(Build, SimplifiedExpressionsKeepTheirValue) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Sketch s;
    Builder& b = s.build;
    const RootId a = s.array(2);
    Numbers numbers;
    numbers.extents = {{static_cast<std::int64_t>(random() % 6), static_cast<std::int64_t>(random() % 6)}};
    numbers.scalars = {static_cast<std::int64_t>(random() % 13) - 6};
    std::vector<NodeId> nodes{s.extent(a, 0), s.extent(a, 1), s.scalar(), s.number(2), s.number(-3)};
    std::vector<std::int64_t> values;
    for (const NodeId node : nodes) values.push_back(numbers(s.program, node));
    for (int step = 0; step < 12; ++step) {
      const std::size_t x = random() % nodes.size(), y = random() % nodes.size();
      const auto push = [&](NodeId node, Op op) {
        detail::Number16 operands[2];
        operands[0].i = values[x];
        operands[1].i = values[y];
        nodes.push_back(node);
        values.push_back(evaluate(op, i64, i64, operands).i);
      };
      switch (random() % 6) {
        case 0: push(b.add(nodes[x], nodes[y]), Op::add); break;
        case 1: push(b.sub(nodes[x], nodes[y]), Op::subtract); break;
        case 2: push(b.mul(nodes[x], nodes[y]), Op::multiply); break;
        case 3: push(b.floordiv(nodes[x], nodes[y]), Op::floordiv); break;
        case 4: push(b.min(nodes[x], nodes[y]), Op::minimum); break;
        default: push(b.max(nodes[x], nodes[y]), Op::maximum); break;
      }
      ASSERT_EQ(numbers(s.program, nodes.back()), values.back()) << "round " << round << " step " << step;
      ASSERT_EQ(numbers(s.program, b.less_equal(nodes[x], nodes[y])), values[x] <= values[y]);
      ASSERT_EQ(numbers(s.program, b.equal(nodes[x], nodes[y])), values[x] == values[y]);
    }
  }
}

}  // namespace
