// What a call is prepared with: an interpreted one with the Program as written, a compiled one with what the passes
// made.
#include "core/specialize.h"

#include "tests/support/prepared.h"

#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <string>

namespace {

using namespace kiln;
using namespace kiln::test;
using Kind = ir::Statement::Kind;

constexpr JitOptions interpreted{.interpret = true};

bool contains(const ir::Program& program, const std::string& text) {
  return ir::print(program).find(text) != std::string::npos;
}

std::size_t count(const ir::Program& program, Kind kind) {
  std::size_t n = 0;
  for (const ir::Block& block : program.blocks)
    for (const ir::Statement& s : block.statements) n += s.kind == kind;
  return n;
}

TEST(Specialize, AnInterpretedCallIsOrderedAndNothingElse) {
  const auto f = jit([](Array a, Value k) {
    Var total(0.0, f32);
    for (Value i : range(a.shape(0))) total += where(i + k >= 0 && i + k < a.shape(0), a(i + k), 0);
    for (Value i : range(a.shape(0))) a(i) = a(i) + a(i + 1);
    return total;
  });
  const auto v = prepared(f, interpreted, ones({5}, f32), 1);
  EXPECT_EQ(v->executable, nullptr);
  EXPECT_TRUE(v->scheduled.blocks.empty());
  EXPECT_EQ(&v->program(), &v->traced);
  // No guard of a load (demand), no check of an index (bounds); but loops that may are parallel and reductions ordered.
  for (const ir::Node& node : v->traced.nodes)
    if (node.op == ir::Op::load) {
      EXPECT_EQ(node.operands[0], ir::none);
    }
  EXPECT_EQ(count(v->traced, Kind::guard), 0u);
  EXPECT_TRUE(contains(v->traced, "parallel ")) << ir::print(v->traced);
  EXPECT_TRUE(contains(v->traced, "reduce v0 += ")) << ir::print(v->traced);
  const auto compiled = prepared(f, {}, ones({5}, f32), 1);
  EXPECT_GT(count(compiled->scheduled, Kind::guard), 0u);
  EXPECT_EQ(count(compiled->traced, Kind::guard), 0u);
}

TEST(Specialize, AnInterpretedCallIsNotFolded) {
  // 0.1 becomes an f32, and an extent that is a number is added to one, when the Program runs.
  const auto f = jit([](Array a) { return a * 0.1 + f32(zeros(3).shape(0) + 4); });
  const Array a = ones({2}, f32);
  const auto raw = prepared(f, interpreted, a), folded = prepared(f, {}, a);
  EXPECT_TRUE(contains(raw->traced, "f32(0.1)")) << ir::print(raw->traced);
  EXPECT_TRUE(contains(raw->traced, "(3 + 4)")) << ir::print(raw->traced);
  EXPECT_FALSE(contains(folded->traced, "f32(0.1)")) << ir::print(folded->traced);
  EXPECT_TRUE(contains(folded->traced, "7.0f32")) << ir::print(folded->traced);
  EXPECT_TRUE(array_equal(f.with(interpreted)(a), f(a)).as_bool());
}

TEST(Specialize, WhatIsKnownToHoldIsCheckedWhenInterpreted) {
  // An extent of 3 is neither negative nor 0: two checks are not compiled.
  const auto f = jit([](Array a) { return max(zeros(3) + a); });
  const auto raw = prepared(f, interpreted, ones({3})), folded = prepared(f, {}, ones({3}));
  EXPECT_EQ(count(raw->traced, Kind::guard), count(folded->traced, Kind::guard) + 2) << ir::print(raw->traced);
}

TEST(Specialize, ACompiledCallIsTracedOnce) {
  static int times = 0;
  const auto f = jit([](Array a) {
    ++times;
    return a + 1;
  });
  f(ones({3}));
  EXPECT_EQ(times, 1);
  f.with(interpreted)(ones({3}));
  EXPECT_EQ(times, 2);
}

// ---- Folded or not, tracing and order decide alike ------------------------------------------------------------------

template <class F, class... A>
void expect_same_decisions(const F& f, const A&... arguments) {
  const auto raw = prepared(f, interpreted, arguments...), folded = prepared(f, {}, arguments...);
  const ir::Program &x = raw->traced, &y = folded->traced;
  const std::string both = ir::print(x) + "\n" + ir::print(y);
  ASSERT_EQ(x.roots.size(), y.roots.size()) << both;
  for (std::size_t k = 0; k < x.roots.size(); ++k) EXPECT_EQ(x.roots[k].kind, y.roots[k].kind) << k << both;
  ASSERT_EQ(x.loops.size(), y.loops.size()) << both;
  for (std::size_t k = 0; k < x.loops.size(); ++k) {
    EXPECT_EQ(x.loops[k].parallel, y.loops[k].parallel) << k << both;
    EXPECT_EQ(x.loops[k].dimensions.size(), y.loops[k].dimensions.size()) << k << both;
  }
}

TEST(Specialize, SlicesThatMoveWithALoop) {
  const auto f = jit([](Array a, Array out) {
    Var total = 0.0;
    for (Value i : range(a.shape(0) - 3)) {
      Array window = a(slice(i, i + 4));
      for (Value k : range(window.shape(0))) total += window(k);
    }
    for (Value i : range(a.shape(0))) out(slice(i, i + 1))(0) = a(i);
    return total;
  });
  expect_same_decisions(f, ones({9}), zeros({9}));
  EXPECT_EQ(f.with(interpreted)(ones({9}), zeros({9})).as_double(), 24.0);
}

TEST(Specialize, ReshapesOfWholeArraysStayViews) {
  const auto f = jit([](Array a) {
    Array t = a + 1;
    Array whole = t(slice(0, t.shape(0)), slice(_, _)).reshape({-1});
    whole(0) = 7;
    return t;
  });
  expect_same_decisions(f, zeros({2, 3}));
  EXPECT_TRUE(array_equal(f.with(interpreted)(zeros({2, 3})), f(zeros({2, 3}))).as_bool());
}

TEST(Specialize, HalvesAreTheSameHalves) {
  const auto f = jit([](Array a) {
    Array even = a(slice(_, _, 2)), odd = a(slice(1, _, 2));
    return even(slice(_, odd.shape(0))) + odd;
  });
  expect_same_decisions(f, ones({8}));
  expect_same_decisions(f, ones({9}));
}

}  // namespace
