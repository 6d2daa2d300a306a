// The Program as text, and the verifier's rules, each broken once.
#include "tests/unit/made_program.h"

#include <gtest/gtest.h>
#include <kiln/error.h>

#include <functional>
#include <string>

namespace {

using namespace kiln;
using namespace kiln::testing;

// A row sum with a scale, twice the same product, a while and a few of everything.
MadeProgram example() {
  MadeProgram p;
  p.name = "example";
  const NodeId scale = p.scalar({f64, Strength::weak});
  const RootId a = p.parameter(f64, 2), out = p.parameter(f64, 1);
  p.roots[a].contiguous = true;
  p.roots[a].read_only = true;
  p.roots[out].unit_strides = 1;
  const NodeId rows = p.extent(a, 0), columns = p.extent(a, 1);
  const RootId scratch = p.made(Root::Kind::allocated, f64, {rows});
  const RootId flat = p.made(Root::Kind::alias, f64, {p.op(Op::multiply, i64, {rows, columns})}, a);
  Message message;
  message.text = "{} rows";
  message.shown = {rows};
  p.messages.push_back(message);
  Statement& guard = p.add(Kind::guard);
  guard.condition = p.op(Op::less_equal, bool_, {rows, p.extent(out, 0)});
  guard.message = 0;
  p.add(Kind::allocate).target = scratch;
  const LoopId outer = p.loop(true, {p.range(rows)}, [&](LoopId row) {
    const NodeId i = p.index(row);
    const VariableId sum = p.variable(f64);
    p.assign(sum, p.real(0));
    p.loop(false, {p.range(columns)}, [&](LoopId column) {
      const NodeId x = p.load(a, {i, p.index(column)});
      p.reduce(sum, Op::add, p.op(Op::multiply, f64, {x, scale}), column);
      p.branch(p.op(Op::greater, bool_, {x, p.real(1.5)}), [&] { p.reduce(sum, Op::add, p.real(0.25), column); });
    });
    const NodeId total = p.read(sum), root = p.op(Op::sqrt, f64, {total});
    p.store(scratch, {i}, p.op(Op::multiply, f64, {root, root}));
    p.store(out, {i}, p.op(Op::maximum, f64, {root, p.convert(p.real(2.5, f32), f64)}), Kind::update);
  });
  p.loops[outer].role = Role::lanes;
  p.loops[outer].distribute = true;
  p.loops[outer].vectors = 4;
  const VariableId n = p.variable(i64);
  p.assign(n, p.integer(8));
  p.while_([&] { return p.op(Op::greater, bool_, {p.read(n), p.integer(0)}); },
           [&] {
             p.assign(n, p.op(Op::subtract, i64, {p.read(n), p.integer(1)}));
             p.branch(p.op(Op::isnan, bool_, {p.real(1)}), [&] { p.add(Kind::break_); });
           });
  Statement& swap = p.add(Kind::swap);
  swap.target = scratch;
  swap.other = out;
  p.result(p.load(flat, {p.integer(0)}));
  return p;
}

TEST(Print, Example) {
  const MadeProgram p = example();
  EXPECT_NO_THROW(verify(p, "made"));
  EXPECT_EQ(print(p), R"(program example
  s0: f64 weak
  a0: f64 rank 2, parameter, contiguous, read-only
  a1: f64 rank 1, parameter, stride 1 along axis 0
  t0: f64 rank 1, allocated
  r1: f64 rank 1, alias of a0 [(a0.extent(0) * a0.extent(1))]
  guard (a0.extent(0) <= a1.extent(0)) else "{} rows" of a0.extent(0)
  allocate t0: f64[a0.extent(0)]
  parallel i0 in 0..a0.extent(0):  [lanes, distribute, vectors 4]
    v0: f64 = 0.0
    for i1 in 0..a0.extent(1):
      %0: f64 = load a0[i0, i1]
      reduce v0 += (%0 * s0) over i1
      if (%0 > 1.5):
        reduce v0 += 0.25 over i1
    %1: f64 = v0
    %2: f64 = sqrt(%1)
    t0[i0] = (%2 * %2)
    update a1[i0] += maximum(%2, f64(2.5f32))
  v1: i64 = 8
  while:
    %3: i64 = v1
    test (%3 > 0)
  do:
    %4: i64 = v1
    v1 = (%4 - 1)
    if isnan(1.0):
      break
  swap t0, a1
  %5: f64 = load r1[0]
  return %5
)");
}

TEST(Print, NumberingFollowsStatementsNotNodes) {
  // The same statements over nodes that were made in another order.
  const auto made = [](bool backwards) {
    MadeProgram p;
    const RootId a = p.parameter(f32, 1);
    const NodeId x = p.scalar({f32}), y = p.scalar({f32});
    NodeId product = none, quotient = none;
    const std::function<void()> steps[] = {[&] { product = p.op(Op::multiply, f32, {x, y}); },
                                           [&] { quotient = p.op(Op::divide, f32, {x, y}); }};
    steps[backwards ? 1 : 0]();
    steps[backwards ? 0 : 1]();
    p.store(a, {p.integer(0)}, p.op(Op::add, f32, {product, quotient}));
    p.store(a, {p.integer(1)}, p.op(Op::subtract, f32, {quotient, product}));
    return print(p);
  };
  EXPECT_EQ(made(false), made(true));
  EXPECT_NE(made(false).find("  %0: f32 = (s0 * s1)\n  %1: f32 = (s0 / s1)\n  a0[0] = (%0 + %1)\n"), std::string::npos)
      << made(false);
}

TEST(Print, ASharedExpressionIsRepeatedWhereItCannotBeSeen) {
  MadeProgram p;
  const RootId a = p.parameter(f64, 1);
  const NodeId x = p.scalar({f64}), y = p.op(Op::exp, f64, {x}), positive = p.op(Op::greater, bool_, {x, p.real(0)});
  p.branch(positive, [&] { p.store(a, {p.integer(0)}, y); });
  p.branch(p.op(Op::logical_not, bool_, {positive}), [&] { p.store(a, {p.integer(1)}, y); });
  const std::string text = print(p);
  const std::size_t first = text.find("    %1: f64 = exp(s0)\n");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find("    %1: f64 = exp(s0)\n", first + 1), std::string::npos) << text;
}

// ---- the verifier ---------------------------------------------------------------------------------------------------

void expect_broken(const char* rule, const std::function<void(MadeProgram&)>& change) {
  MadeProgram p = example();
  change(p);
  try {
    verify(p, "a pass");
    ADD_FAILURE() << "nothing found: " << rule;
  } catch (const InternalError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(rule), std::string::npos) << what;
    EXPECT_NE(what.find("after a pass"), std::string::npos) << what;
  }
}

Statement& first_of(MadeProgram& p, Kind kind) {
  for (Block& block : p.blocks)
    for (Statement& s : block.statements)
      if (s.kind == kind) return s;
  throw InternalError("no such statement");
}

TEST(Verify, FindsWrongTypes) {
  expect_broken("must be bool", [](auto& p) { first_of(p, Kind::branch).condition = p.integer(1); });
  expect_broken("must be i64", [](auto& p) { p.indices[first_of(p, Kind::store).first_index] = p.real(0); });
  expect_broken("has operands of f64 and i64",
                [](auto& p) { first_of(p, Kind::store).value = p.op(Op::add, f64, {p.real(0), p.integer(0)}); });
  expect_broken("must not be f32",
                [](auto& p) { first_of(p, Kind::store).value = p.op(Op::add, f32, {p.real(0), p.real(1)}); });
  expect_broken("of i64 is assigned f64", [](auto& p) { first_of(p, Kind::assign).value = p.real(0); });
  expect_broken("of f64 is given f32", [](auto& p) { first_of(p, Kind::store).value = p.real(0, f32); });
}

TEST(Verify, FindsWhatIsOutOfScope) {
  expect_broken("is used outside the loop", [](auto& p) { p.results[0].value = p.index(0); });
  expect_broken("is used outside the scope", [](auto& p) {
    for (NodeId id = 0; id < p.nodes.size(); ++id)
      if (p[id].op == Op::load) return void(p.results[0].value = id);  // the first is in the inner loop
  });
  expect_broken("is not declared", [](auto& p) {
    const VariableId unknown = p.variable(f64);
    p.read(unknown);
  });
  expect_broken("takes place twice", [](auto& p) {
    const Statement again = first_of(p, Kind::evaluate);
    p.blocks[0].statements.push_back(again);
  });
  expect_broken("is not allocated", [](auto& p) { p.load(p.made(Root::Kind::allocated, f64, {}), {}); });
}

TEST(Verify, FindsMisplacedStatements) {
  expect_broken("a break without a loop", [](auto& p) { p.add(Kind::break_); });
  expect_broken("a continue without a loop", [](auto& p) { p.add(Kind::continue_); });
  expect_broken("a break without a loop",
                [](auto& p) { p.loop(true, {p.range(p.integer(3))}, [&](LoopId) { p.add(Kind::break_); }); });
  expect_broken("outside it", [](auto& p) {
    const VariableId v = p.variable(f64);
    p.assign(v, p.real(0));
    p.reduce(v, Op::add, p.real(1), 0);
  });
  expect_broken("not declared outside it", [](auto& p) {
    p.loop(true, {p.range(p.integer(3))}, [&](LoopId loop) {
      const VariableId v = p.variable(f64);
      p.assign(v, p.real(0));
      p.reduce(v, Op::add, p.real(1), loop);
    });
  });
  expect_broken("no reduction by subtract", [](auto& p) { first_of(p, Kind::reduce).op = Op::subtract; });
  expect_broken("belongs to two statements", [](auto& p) {
    const Statement again = first_of(p, Kind::branch);
    p.add(Kind::branch).body = again.body;
    p.blocks[0].statements.back().condition = p.op(Op::equal, bool_, {p.integer(1), p.integer(1)});
  });
}

TEST(Verify, FindsWhatDoesNotExist) {
  expect_broken("node 999999 does not exist", [](auto& p) { p.results[0].value = 999999; });
  expect_broken("root 77 does not exist", [](auto& p) { first_of(p, Kind::store).target = 77; });
  expect_broken("is accessed with 2 indices", [](auto& p) { first_of(p, Kind::store).index_count = 2; });
  expect_broken("is read-only", [](auto& p) {
    Statement& s = first_of(p, Kind::store);
    s.target = 0;
    s.index_count = 2;
  });
  expect_broken("is not contiguous but has a flat access", [](auto& p) { first_of(p, Kind::update).flat = true; });
  expect_broken("operand of itself", [](auto& p) {
    const NodeId x = p.op(Op::negative, f64, {p.real(0)});
    p[x].operands[0] = x;
    first_of(p, Kind::store).value = x;
  });
}

}  // namespace
