// order: which loop an update reduces over, what is lowered, what is refused, and how fma is formed.
#include "core/order.h"

#include <gtest/gtest.h>
#include <kiln/error.h>

#include <string>

#include "tests/support/program.h"

namespace {

using namespace kiln;
using namespace kiln::test;

// A loop that does something no other order of turns does: it stays sequential.
void carry(Sketch& s, RootId a, NodeId i) {
  s.store(a, {s.number(0)}, s.node(Op::add, f64, {s.load(a, {s.number(0)}), s.load(a, {i})}));
}

TEST(Order, ParallelLoopOutermost) {
  Sketch s;
  const RootId a = s.array(2), b = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  LoopId inner = none;
  const LoopId outer = s.prange(s.extent(a, 0), [&](NodeId i) {
    s.store(b, {i}, s.real(1));
    inner = s.range(s.number(0), s.extent(a, 1), [&](NodeId j) { s.reduce(sum, Op::add, s.load(a, {i, j})); });
  });
  order(s.program);
  // The inner loop folds what it contributes, by its own order, into a Var of the turn, which joins the sum.
  const auto reduces = s.all(Kind::reduce);
  ASSERT_EQ(reduces.size(), 2u);
  EXPECT_EQ(reduces[0].loop, inner);
  EXPECT_NE(reduces[0].target, sum);
  EXPECT_EQ(reduces[1].loop, outer);
  EXPECT_EQ(reduces[1].target, sum);
  EXPECT_EQ(s.program[reduces[1].value].op, Op::read_variable);
  EXPECT_EQ(s.program[reduces[1].value].id, reduces[0].target);
  EXPECT_FALSE(s.program.loops[inner].parallel);
}

TEST(Order, EachLoopInsideHasAVarOfItsOwn) {
  Sketch s;
  const RootId a = s.array(2);
  const VariableId product = s.variable(s.real(1)), largest = s.variable(s.real(0));
  LoopId middle = none, inner = none, second = none;
  const LoopId outer = s.prange(s.extent(a, 0), [&](NodeId i) {
    s.reduce(product, Op::multiply, s.load(a, {i, i}));
    middle = s.range(s.number(0), s.extent(a, 1), [&](NodeId j) {
      const NodeId x = s.load(a, {i, j});
      s.reduce(largest, Op::maximum, x);
      inner = s.range(s.number(0), i, [&](NodeId) { s.reduce(product, Op::multiply, x); });
    });
    second = s.prange(s.extent(a, 1), [&](NodeId j) { s.reduce(product, Op::multiply, s.load(a, {i, j})); });
  });
  order(s.program);
  std::vector<LoopId> of_product, of_largest;
  for (const Statement& reduce : s.all(Kind::reduce))
    (reduce.op == Op::multiply ? of_product : of_largest).push_back(reduce.loop);
  EXPECT_EQ(of_product, (std::vector<LoopId>{outer, inner, middle, outer, second, outer}));
  EXPECT_EQ(of_largest, (std::vector<LoopId>{middle, outer}));
  verify(s.program, "order");
}

TEST(Order, VariableOfTheTurnReducesOverTheInnerLoop) {
  Sketch s;
  const RootId a = s.array(2), out = s.array(1);
  LoopId inner = none;
  s.prange(s.extent(a, 0), [&](NodeId i) {
    const VariableId sum = s.variable(s.real(0));
    inner = s.range(s.number(0), s.extent(a, 1), [&](NodeId j) { s.reduce(sum, Op::add, s.load(a, {i, j})); });
    s.store(out, {i}, s.read(sum));
  });
  order(s.program);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, inner);
  EXPECT_FALSE(s.program.loops[inner].parallel);
}

TEST(Order, SequentialLoopAroundAParallelOneIsNotReducedOver) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  LoopId inner = none;
  s.range(s.number(0), s.scalar(),
          [&](NodeId) { inner = s.prange(s.extent(a, 0), [&](NodeId i) { s.reduce(sum, Op::add, s.load(a, {i})); }); });
  order(s.program);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, inner);
}

TEST(Order, OutermostSequentialLoopThatOnlyUpdates) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  LoopId middle = none;
  s.range(s.number(0), s.scalar(), [&](NodeId) {
    middle = s.range(s.number(0), s.extent(a, 0), [&](NodeId i) {
      s.range(s.number(0), s.number(3), [&](NodeId j) {
        s.reduce(sum, Op::add, s.load(a, {i}));
        carry(s, a, j);
      });
    });
    s.store(a, {s.number(1)}, s.read(sum));
  });
  order(s.program);
  ASSERT_EQ(s.all(Kind::reduce).size(), 2u);
  EXPECT_EQ(s.all(Kind::reduce)[1].loop, middle);
  EXPECT_EQ(s.all(Kind::reduce)[1].target, sum);
}

TEST(Order, SkippedTurnsStillReduce) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  const LoopId loop = s.range(s.number(0), s.extent(a, 0), [&](NodeId i) {
    const NodeId x = s.load(a, {i});
    s.branch(s.node(Op::isnan, bool_, {x}), [&] { s.emit(Kind::continue_); });
    s.reduce(sum, Op::maximum, x);
    carry(s, a, i);
  });
  order(s.program);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, loop);
}

TEST(Order, LoopThatIsLeftEarlyIsLowered) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  s.range(s.number(0), s.extent(a, 0), [&](NodeId i) {
    const NodeId x = s.load(a, {i});
    s.branch(s.node(Op::isnan, bool_, {x}), [&] { s.emit(Kind::break_); });
    s.reduce(sum, Op::add, x);
  });
  order(s.program);
  EXPECT_TRUE(s.all(Kind::reduce).empty());
  const Statement assign = s.all(Kind::assign).back();
  EXPECT_EQ(assign.target, sum);
  const Node& value = s.program[assign.value];
  EXPECT_EQ(value.op, Op::add);
  EXPECT_EQ(s.program[value.operands[0]].op, Op::read_variable);
  EXPECT_EQ(s.program[value.operands[0]].id, sum);
}

TEST(Order, UpdateInAWhileIsLoweredAndItsLoopWithIt) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  s.range(s.number(0), s.extent(a, 0), [&](NodeId i) {
    s.reduce(sum, Op::add, s.load(a, {i}));
    s.while_([&] { return s.node(Op::isnan, bool_, {s.load(a, {i})}); }, [&] { s.reduce(sum, Op::add, s.real(1)); });
    carry(s, a, i);
  });
  order(s.program);
  EXPECT_TRUE(s.all(Kind::reduce).empty());
  EXPECT_EQ(s.all(Kind::assign).size(), 3u);
}

TEST(Order, UpdateOutsideLoopsIsLowered) {
  Sketch s;
  const VariableId sum = s.variable(s.real(1));
  s.reduce(sum, Op::multiply, s.real(3));
  order(s.program);
  EXPECT_TRUE(s.all(Kind::reduce).empty());
  EXPECT_EQ(s.program[s.all(Kind::assign).back().value].op, Op::multiply);
}

TEST(Order, DecidedReductionsStay) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  const LoopId loop = s.prange(s.extent(a, 0), [&](NodeId i) { s.reduce(sum, Op::add, s.load(a, {i})); });
  for (Block& block : s.program.blocks) {
    for (Statement& statement : block.statements) {
      if (statement.kind == Kind::reduce) statement.loop = loop;
    }
  }
  order(s.program);
  EXPECT_EQ(s.all(Kind::reduce)[0].loop, loop);
}

std::string refusal(void (*body)(Sketch&, VariableId, NodeId)) {
  Sketch s;
  const RootId a = s.array(1);
  const VariableId sum = s.variable(s.real(0));
  s.prange(s.extent(a, 0), [&](NodeId i) { body(s, sum, s.load(a, {i})); });
  try {
    order(s.program);
  } catch (const UsageError& error) {
    EXPECT_GT(error.line(), 0u);
    return error.what();
  }
  return "";
}

TEST(Order, WhatAParallelLoopMayNotDo) {
  EXPECT_NE(
      refusal([](Sketch& s, VariableId v, NodeId x) { s.assign(v, x); }).find("cannot assign a Var declared outside"),
      std::string::npos);
  EXPECT_NE(refusal([](Sketch& s, VariableId v, NodeId x) {
              s.reduce(v, Op::add, x);
              s.reduce(v, Op::maximum, x);
            }).find("two different operations (+ and maximum)"),
            std::string::npos);
  EXPECT_NE(refusal([](Sketch& s, VariableId v, NodeId x) {
              s.reduce(v, Op::add, s.node(Op::add, f64, {x, s.read(v)}));
            }).find("both update and read"),
            std::string::npos);
  EXPECT_EQ(refusal([](Sketch& s, VariableId v, NodeId) { s.read(v); }), "");
  EXPECT_EQ(refusal([](Sketch& s, VariableId v, NodeId x) {
              s.reduce(v, Op::add, x);
              s.branch(s.node(Op::isnan, bool_, {x}), [&] { s.reduce(v, Op::add, x); });
            }),
            "");
}

struct Fused {
  Sketch s;
  NodeId a = scalar(), b = scalar(), c = scalar(), d = scalar();
  NodeId scalar() { return s.scalar({f64, Strength::strong}); }
  NodeId product(NodeId x, NodeId y) { return s.node(Op::multiply, f64, {x, y}); }
  // The operands of the fma that `op` of x and y becomes; nothing if it stays.
  std::vector<NodeId> operands(Op op, NodeId x, NodeId y) {
    const NodeId id = s.node(op, f64, {x, y});
    form_fma(s.program);
    const Node& node = s.program[id];
    if (node.op != Op::fma) return {};
    return {node.operands[0], node.operands[1], node.operands[2]};
  }
  NodeId negative(NodeId x) { return Builder(s.program).node(Op::negative, {f64, Strength::strong}, {x}); }
};

TEST(Order, FmaByStructure) {
  using Nodes = std::vector<NodeId>;
  {
    Fused f;
    EXPECT_EQ(f.operands(Op::add, f.product(f.a, f.b), f.c), (Nodes{f.a, f.b, f.c}));
  }
  {
    Fused f;
    EXPECT_EQ(f.operands(Op::add, f.c, f.product(f.a, f.b)), (Nodes{f.a, f.b, f.c}));
  }
  {
    Fused f;
    EXPECT_EQ(f.operands(Op::subtract, f.product(f.a, f.b), f.c), (Nodes{f.a, f.b, f.negative(f.c)}));
  }
  {
    Fused f;
    EXPECT_EQ(f.operands(Op::subtract, f.c, f.product(f.a, f.b)), (Nodes{f.negative(f.a), f.b, f.c}));
  }
  {
    Fused f;
    const NodeId right = f.product(f.c, f.d);
    EXPECT_EQ(f.operands(Op::add, f.product(f.a, f.b), right), (Nodes{f.a, f.b, right}));
  }
  {
    Fused f;
    EXPECT_EQ(f.operands(Op::add, f.a, f.b), Nodes{});
  }
}

TEST(Order, ProductsOfConstantsAreConstantsFoldedOrNot) {
  Fused f;
  Builder unfolded(f.s.program, false);
  const Type type{f64, Strength::strong};
  const NodeId number = unfolded.node(Op::multiply, type, {f.s.real(2), f.s.real(3)});
  EXPECT_EQ(f.s.program[number].op, Op::multiply);
  EXPECT_TRUE(f.operands(Op::add, number, f.a).empty());
}

TEST(Order, FmaOnlyOnRequest) {
  for (const bool requested : {false, true}) {
    Fused f;
    const NodeId sum = f.s.node(Op::add, f64, {f.product(f.a, f.b), f.c});
    f.s.program.contract = requested;
    order(f.s.program);
    EXPECT_EQ(f.s.program[sum].op, requested ? Op::fma : Op::add);
  }
}

}  // namespace
