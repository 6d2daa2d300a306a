// Guarded evaluation in the interpreter: a load outside its array is an error where a statement needs its value, and
// nowhere else.
#include "core/interpret.h"

#include "tests/unit/made_program.h"

#include <gtest/gtest.h>
#include <kiln/error.h>

#include <functional>
#include <string>

namespace {

using namespace kiln;
using namespace kiln::testing;

constexpr std::uint32_t load_line = 1000, statement_line = 2000;

// A Program over an array of four elements, 10, 20, 30 and 40; its loads stand on line 1000, other statements on 2000.
struct Guarded : ::testing::Test, MadeProgram {
  RootId a = parameter(f64, 1), out = parameter(f64, 1);
  NodeId k = scalar({i64, Strength::weak});
  std::vector<double> data{10, 20, 30, 40}, written{0, 0, 0, 0};

  Guarded() {
    locations.push_back(Location::current(__FILE__, load_line));
    locations.push_back(Location::current(__FILE__, statement_line));
  }
  NodeId at(NodeId index) {
    const NodeId x = load(a, {index});
    nodes[x].location = 1;
    return x;
  }
  NodeId inside(NodeId index) {
    return op(Op::logical_and, bool_, {op(Op::less_equal, bool_, {integer(0), index}), less(index, extent(a, 0))});
  }
  NodeId less(NodeId x, NodeId y) { return op(Op::less, bool_, {x, y}); }
  NodeId where(NodeId condition, NodeId x, NodeId y) { return op(Op::select, f64, {condition, x, y}); }
  NodeId plus(NodeId x, NodeId y) { return op(Op::add, nodes[x].type.dtype, {x, y}); }
  Call run(std::int64_t scalar) {
    for (Block& block : blocks)
      for (Statement& s : block.statements) s.location = 2;
    Call call;
    call.array(data);
    call.array(written);
    call.whole(scalar);
    EXPECT_EQ(interpret(*this, call.prepare(*this)), status_ok);
    return call;
  }
  double first(std::int64_t scalar) { return run(scalar).results[0].number.re; }
  void expect_error(std::int64_t scalar, std::int64_t index, unsigned line = load_line) {
    try {
      run(scalar);
      FAIL() << "no error for " << scalar;
    } catch (const IndexError& error) {
      EXPECT_EQ(error.line(), line);
      const std::string wanted = "index out of bounds: " + std::to_string(index) + " on axis 0 of array argument 1";
      if (line == load_line) {
        EXPECT_NE(std::string(error.what()).find(wanted), std::string::npos) << error.what();
      }
    }
  }
};

TEST_F(Guarded, ArmsOfWhere) {
  result(where(inside(k), at(k), real(-1)));
  EXPECT_EQ(first(2), 30);
  EXPECT_EQ(first(-1), -1);
  EXPECT_EQ(first(4), -1);
}

TEST_F(Guarded, NestedWhere) {
  const NodeId next = plus(k, integer(1));
  result(where(inside(k), where(inside(next), plus(at(k), at(next)), at(k)), real(-1)));
  EXPECT_EQ(first(1), 50);
  EXPECT_EQ(first(3), 40);
  EXPECT_EQ(first(4), -1);
}

TEST_F(Guarded, WhatIsComputedFromAnAbsentValueIsAbsent) {
  const NodeId x = op(Op::sqrt, f64, {plus(at(k), real(1))});
  result(where(inside(k), real(1), where(op(Op::less, bool_, {x, real(0)}), real(2), real(3))));
  EXPECT_EQ(first(0), 1);
  expect_error(7, 7);
}

TEST_F(Guarded, RightSidesOfAndAndOr) {
  const NodeId small = less(at(k), real(25));
  result(op(Op::logical_and, bool_, {inside(k), small}));
  result(op(Op::logical_or, bool_, {op(Op::logical_not, bool_, {inside(k)}), small}));
  const auto both = [&](std::int64_t scalar) {
    const Call call = run(scalar);
    return call.results[0].number.i * 10 + call.results[1].number.i;
  };
  EXPECT_EQ(both(0), 11);
  EXPECT_EQ(both(3), 0);
  EXPECT_EQ(both(4), 1);
}

TEST_F(Guarded, LeftSidesAreAlwaysNeeded) {
  result(op(Op::logical_and, bool_, {less(at(k), real(25)), inside(k)}));
  expect_error(-3, -3);
}

TEST_F(Guarded, IndexOfAGuardedLoad) {
  const NodeId inner = convert(op(Op::floordiv, f64, {at(k), real(10)}), i64);
  result(where(inside(k), where(inside(inner), at(inner), real(-2)), real(-1)));
  EXPECT_EQ(first(1), 30);
  EXPECT_EQ(first(3), -2);
  EXPECT_EQ(first(9), -1);
}

TEST_F(Guarded, AnErrorNamesTheLoadThatWasOutside) {
  // The inner load is outside, whatever the outer one makes of it.
  const NodeId inner = convert(at(k), i64);
  const NodeId x = load(a, {inner});
  result(x);
  expect_error(5, 5);
}

TEST_F(Guarded, InsertionSortLooksBeforeItReads) {
  // while (j >= 0 && a(j) > key) a(j + 1) = a(j--), with the key 5 from behind the array.
  const VariableId j = variable(i64);
  assign(j, k);
  while_(
      [&] {
        const NodeId now = read(j);
        return op(Op::logical_and, bool_,
                  {op(Op::less_equal, bool_, {integer(0), now}), op(Op::less, bool_, {real(5), at(now)})});
      },
      [&] {
        const NodeId now = read(j);
        store(a, {plus(now, integer(1))}, at(now));
        assign(j, plus(now, integer(-1)));
      });
  result(read(j));
  EXPECT_EQ(run(2).results[0].number.i, -1);
  EXPECT_EQ(data, (std::vector<double>{10, 10, 20, 30}));
}

TEST_F(Guarded, WhileConditionNeedsItsValue) {
  const VariableId j = variable(i64);
  assign(j, k);
  while_([&] { return less(real(5), at(read(j))); }, [&] { assign(j, plus(read(j), integer(-1))); });
  expect_error(2, -1);
}

TEST_F(Guarded, TermsOfReductions) {
  // The sum of a(i + k) over those that are there.
  const VariableId sum = variable(f64);
  assign(sum, real(0));
  loop(true, {range(extent(a, 0))}, [&](LoopId id) {
    const NodeId i = plus(index(id), k);
    reduce(sum, Op::add, where(inside(i), at(i), real(0)), id);
  });
  result(read(sum));
  EXPECT_EQ(first(0), 100);
  EXPECT_EQ(first(2), 70);
  EXPECT_EQ(first(-3), 10);
  EXPECT_EQ(first(100), 0);
}

TEST_F(Guarded, GuardsOfALoopAfterTheLoad) {
  // The load comes before the loop whose index decides in which of its turns it is needed.
  const VariableId sum = variable(f64);
  assign(sum, real(0));
  const NodeId x = at(plus(k, integer(1)));
  loop(false, {range(k)}, [&](LoopId id) { reduce(sum, Op::add, where(less(index(id), integer(4)), real(1), x), id); });
  result(read(sum));
  EXPECT_EQ(first(4), 4);
  expect_error(5, 6);
}

TEST_F(Guarded, EachTurnHasItsOwn) {
  // Outside in some turns of the loop, inside in the next: nothing of the turn before stays.
  loop(false, {range(extent(out, 0))}, [&](LoopId id) {
    const NodeId i = op(Op::multiply, i64, {index(id), k});
    store(out, {index(id)}, where(inside(i), at(i), real(-1)));
  });
  run(2);
  EXPECT_EQ(written, (std::vector<double>{10, 30, -1, -1}));
  run(-1);
  EXPECT_EQ(written, (std::vector<double>{10, -1, -1, -1}));
}

TEST_F(Guarded, ALoadThatNothingNeedsIsNoError) {
  const NodeId x = at(k);
  (void)plus(x, real(1));
  result(real(4));
  EXPECT_EQ(first(99), 4);
}

TEST_F(Guarded, EveryStatementNeedsItsValues) {
  const auto number = [&] { return convert(at(k), i64); };
  const auto truth = [&] { return less(at(k), real(5)); };
  const std::function<void()> users[] = {
      [&] { assign(variable(f64), at(k)); },
      [&] { store(out, {integer(0)}, at(k)); },
      [&] { store(out, {number()}, real(0)); },
      [&] { store(out, {integer(0)}, at(k), Kind::update); },
      [&] { store(out, {number()}, real(0), Kind::update); },
      [&] { branch(truth(), [] {}); },
      [&] { loop(false, {range(number())}, [](LoopId) {}); },
      [&] {
        const VariableId sum = variable(f64);
        assign(sum, real(0));
        loop(true, {range(integer(1))}, [&](LoopId id) { reduce(sum, Op::add, at(k), id); });
      },
      [&] {
        const NodeId extent = number();
        add(Kind::allocate).target = made(Root::Kind::allocated, f64, {extent});
      },
      [&] {
        const NodeId condition = truth();
        messages.push_back(Message{});
        Statement& s = add(Kind::guard);
        s.condition = condition;
        s.message = 0;
      },
      [&] { result(at(k)); },
      [&] { result(number()); },
  };
  for (const auto& user : users) {
    SCOPED_TRACE(&user - users);
    blocks[0].statements.clear();
    results.clear();
    user();
    expect_error(4, 4);
  }
}

TEST_F(Guarded, WritesAreNeverGuarded) {
  store(out, {k}, real(1));
  expect_error(4, 4, statement_line);
  EXPECT_EQ(written, (std::vector<double>{0, 0, 0, 0}));
}

}  // namespace
