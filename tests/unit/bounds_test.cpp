// bounds: the guards say exactly whether an access would leave its array, and stand before the loops.
#include "core/bounds.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <tuple>

#include "tests/support/program.h"

namespace {

using namespace kiln;
using namespace kiln::test;

// Whether all guards of the body hold.
bool passes(const Sketch& s, const Numbers& numbers) {
  for (const Statement& guard : s.all(Kind::guard)) {
    if (numbers(s.program, guard.condition) == 0) return false;
  }
  return true;
}

struct Bounds : testing::Test {
  Sketch s;
  RootId a = s.array(1), b = s.array(1);
  NodeId n = s.extent(a, 0), zero = s.number(0), one = s.number(1), x = s.scalar();
  std::size_t guards() {
    bounds(s.program);
    return s.all(Kind::guard).size();
  }
  NodeId plus(NodeId i, std::int64_t k) { return s.build.add(i, s.number(k)); }
};

TEST_F(Bounds, OwnRangeNeedsNoGuard) {
  s.prange(n, [&](NodeId i) { s.store(a, {i}, s.load(a, {i})); });
  EXPECT_EQ(guards(), 0u);
}

TEST_F(Bounds, StencilInsideItsMarginNeedsNoGuard) {
  s.range(one, plus(n, -1), [&](NodeId i) {
    s.store(a, {i}, s.node(Op::add, f64, {s.load(a, {plus(i, -1)}), s.load(a, {plus(i, 1)})}));
  });
  EXPECT_EQ(guards(), 0u);
}

TEST_F(Bounds, AllocatedArraysOfTheSameExtent) {
  const RootId temporary = s.allocated({plus(n, 2)});
  s.prange(n, [&](NodeId i) { s.store(temporary, {plus(i, 2)}, s.load(a, {i})); });
  EXPECT_EQ(guards(), 0u);
}

TEST_F(Bounds, GuardStandsBeforeTheLoopsAndTellsTheIndex) {
  s.range(zero, x, [&](NodeId) { s.prange(n, [&](NodeId i) { s.store(b, {plus(i, -1)}, s.load(a, {i})); }); });
  const std::uint32_t line = s.program.blocks[2].statements.back().location;
  ASSERT_EQ(guards(), 1u);
  ASSERT_EQ(s.program.blocks[0].statements[0].kind, Kind::guard);
  const Message& message = s.program.messages[s.program.blocks[0].statements[0].message];
  EXPECT_EQ(message.kind, Message::Kind::index);
  EXPECT_EQ(message.location, line);
  EXPECT_NE(message.text.find("axis 0 of array argument 2"), std::string::npos);
  const Numbers fails{{{5}, {9}}, {1}, {}};
  EXPECT_FALSE(passes(s, fails));
  EXPECT_EQ(fails(s.program, message.shown[0]), -1);
  EXPECT_EQ(fails(s.program, message.shown[1]), 9);
  EXPECT_TRUE(passes(s, {{{0}, {9}}, {1}, {}}));
  EXPECT_TRUE(passes(s, {{{5}, {9}}, {0}, {}}));
}

// A load that may take place where nothing asks for it: `demand` could not test all of its conditions.
TEST_F(Bounds, TentativeLoadsStayInside) {
  const NodeId place = s.load(s.array(1, i64), {zero}), from_memory = s.load(a, {place}), again = s.load(a, {place});
  const NodeId plain = s.load(a, {x}), guarded = s.load(a, {plus(x, 1)}), asked = s.load(b, {place});
  const NodeId condition = s.build.less_equal(x, s.number(7));
  for (const NodeId load : {from_memory, again, plain, guarded}) s.program[load].tentative = true;
  s.program[guarded].operands[0] = condition;
  bounds(s.program);
  const auto inside = [&](NodeId index) {
    Builder build(s.program);
    return build.logical_and(build.less_equal(zero, index), build.less(index, n));
  };
  EXPECT_EQ(s.program[from_memory].operands[0], inside(place));
  EXPECT_EQ(s.program[again].operands[0], inside(place));
  EXPECT_EQ(s.program[plain].operands[0], none) << "a guard checks it";
  EXPECT_EQ(s.all(Kind::guard).size(), 3u) << "those of place, of x, and of what is asked for at place";
  const NodeId whole = s.program[guarded].operands[0];
  const auto holds = [&](std::int64_t scalar) { return Numbers{{{5}, {9}, {1}}, {scalar}, {}}(s.program, whole) != 0; };
  EXPECT_TRUE(holds(3));
  EXPECT_FALSE(holds(4));
  EXPECT_FALSE(holds(-2));
  EXPECT_EQ(s.program[asked].operands[0], none);
}

// ---- Program::check_bounds ------------------------------------------------------------------------------------------

TEST_F(Bounds, MarksTheAxesThatNothingProves) {
  const RootId m = s.array(2), at = s.array(1, i64);
  NodeId element = none, own = none;
  s.prange(n, [&](NodeId i) {
    own = s.load(a, {i});
    const NodeId place = s.load(at, {zero});
    element = s.load(m, {i, place});
    s.store(m, {place, i}, own);
  });
  const auto marks = [&] {
    return std::tuple(s.program[own].checked, s.program[element].checked, s.all(Kind::store)[0].checked);
  };
  Program unchecked = s.program;
  bounds(unchecked);
  EXPECT_EQ(unchecked[element].checked, 0);
  s.program.check_bounds = true;
  bounds(s.program);
  EXPECT_EQ(marks(), std::tuple(0, 2, 1));
  verify(s.program, "bounds");
}

TEST_F(Bounds, MarksGuardedLoads) {
  s.program.check_bounds = true;
  const NodeId condition = s.build.less_equal(x, s.number(7));
  NodeId proven = none, open = none;
  s.prange(n, [&](NodeId i) {
    proven = s.load(a, {i});
    open = s.load(a, {plus(i, 1)});
    for (const NodeId load : {proven, open}) s.program[load].operands[0] = condition;
  });
  EXPECT_EQ(guards(), 0u);
  EXPECT_EQ(s.program[proven].checked, 0);
  EXPECT_EQ(s.program[open].checked, 1);
}

TEST_F(Bounds, NeverMarksTentativeLoads) {
  s.program.check_bounds = true;
  const NodeId load = s.load(a, {s.load(s.array(1, i64), {zero})});
  s.program[load].tentative = true;
  bounds(s.program);
  EXPECT_EQ(s.program[load].checked, 0);
  EXPECT_NE(s.program[load].operands[0], none);
}

// What a guard of the iteration found proves accesses behind it, and none of the next loop.
TEST_F(Bounds, GuardsOfAnIterationProve) {
  s.program.check_bounds = true;
  const RootId ends = s.array(1, i64);
  NodeId inside = none, behind = none, end = none;
  s.prange(n, [&](NodeId i) {
    end = s.load(ends, {i});
    Statement& guard = s.emit(Kind::guard);
    guard.message = 0;
    guard.condition = s.build.logical_and(s.build.less_equal(zero, end), s.build.less_equal(end, s.extent(b, 0)));
    s.range(zero, end, [&](NodeId j) { inside = s.load(b, {j}); });
  });
  s.program.messages.emplace_back();
  s.prange(n, [&](NodeId i) {
    end = s.load(ends, {i});
    s.range(zero, end, [&](NodeId j) { behind = s.load(b, {j}); });
  });
  bounds(s.program);
  EXPECT_EQ(s.program[inside].checked, 0);
  EXPECT_EQ(s.program[behind].checked, 1);
}

TEST_F(Bounds, EqualGuardsStandOnce) {
  s.prange(n, [&](NodeId i) { s.store(b, {i}, s.load(b, {i})); });
  s.prange(n, [&](NodeId i) { s.store(b, {i}, s.real(0)); });
  EXPECT_EQ(guards(), 1u);
  EXPECT_TRUE(passes(s, {{{5}, {5}}, {0}, {}}));
  EXPECT_FALSE(passes(s, {{{5}, {4}}, {0}, {}}));
}

TEST_F(Bounds, ShapesThatWereFoundEqualProve) {
  const RootId c = s.array(1);
  Statement& guard = s.emit(Kind::guard);
  guard.message = 0;
  guard.condition =
      s.build.logical_and(s.build.equal(n, s.extent(b, 0)), s.build.equal(s.extent(b, 0), s.extent(c, 0)));
  s.program.messages.emplace_back();
  s.prange(n, [&](NodeId i) { s.store(c, {i}, s.node(Op::add, f64, {s.load(a, {i}), s.load(b, {i})})); });
  EXPECT_EQ(guards(), 1u);
  s.range(zero, plus(n, 1), [&](NodeId i) { s.store(c, {i}, s.real(0)); });
  EXPECT_EQ(guards(), 2u);
}

TEST_F(Bounds, SlicesThatWereCheckedProve) {
  const NodeId lo = x, hi = s.scalar();
  const auto check = [&](NodeId condition) {
    Statement& guard = s.emit(Kind::guard);
    guard.message = 0;
    guard.condition = condition;
  };
  const auto zero_slice = [&] {
    s.prange(s.build.sub(hi, lo), [&](NodeId i) { s.store(a, {s.build.add(lo, i)}, s.real(0)); });
  };
  s.program.messages.emplace_back();
  check(s.build.less_equal(lo, hi));
  check(s.build.less_equal(hi, n));
  zero_slice();
  ASSERT_EQ(guards(), 3u);  // lo may be negative: hi - lo may wrap
  check(s.build.less_equal(zero, lo));
  check(s.build.less_equal(lo, hi));
  check(s.build.less_equal(hi, n));
  s.program.blocks[0].statements.erase(s.program.blocks[0].statements.begin(),
                                       s.program.blocks[0].statements.begin() + 4);
  zero_slice();
  EXPECT_EQ(guards(), 3u);
}

TEST_F(Bounds, TopLevel) {
  s.store(a, {x}, s.load(b, {s.number(3)}));
  ASSERT_EQ(guards(), 2u);
  EXPECT_TRUE(passes(s, {{{2}, {4}}, {1}, {}}));
  EXPECT_FALSE(passes(s, {{{2}, {4}}, {2}, {}}));
  EXPECT_FALSE(passes(s, {{{2}, {4}}, {-1}, {}}));
  EXPECT_FALSE(passes(s, {{{2}, {3}}, {1}, {}}));
}

TEST_F(Bounds, ConditionalAndDataDependentAccessesAreLeft) {
  const RootId places = s.array(1, i64);
  s.prange(n, [&](NodeId i) {
    const NodeId value = s.load(a, {i});
    s.branch(s.node(Op::isnan, bool_, {value}), [&] { s.store(b, {i}, value); });
    const NodeId place = s.load(a, {i});
    s.store(b, {s.build.convert(place, {i64, Strength::strong})}, value);
    const NodeId guarded = s.load(places, {i});
    s.program[guarded].operands[0] = s.node(Op::isnan, bool_, {value});
    s.branch(s.node(Op::isnan, bool_, {value}), [&] { s.emit(Kind::continue_); });
    s.store(b, {i}, value);
  });
  EXPECT_EQ(guards(), 0u);
}

TEST_F(Bounds, LoopThatIsLeftEarly) {
  s.range(zero, x, [&](NodeId i) {
    s.prange(n, [&](NodeId j) { s.store(b, {plus(j, 1)}, s.load(a, {j})); });
    const NodeId value = s.load(b, {i});
    s.branch(s.node(Op::isnan, bool_, {value}), [&] { s.emit(Kind::break_); });
  });
  // The turns that come are not known: b(i) is not checked, the inner loop is, where it starts.
  ASSERT_EQ(guards(), 1u);
  EXPECT_EQ(s.program.blocks[1].statements[0].kind, Kind::guard);
}

// Programs of two loops whose inner range may vary with the outer index, all small sizes: a guard refuses only calls
// that leave the array, and where the inner range does not vary, all of them.
struct Nest {
  const char* name;
  bool exact;
  std::int64_t outer_step, inner_step;
  std::function<NodeId(Builder&, NodeId n, NodeId x, NodeId i)> begin, end;
  std::function<NodeId(Builder&, NodeId n, NodeId i, NodeId j)> index;
};

NodeId number(Builder& b, std::int64_t k) { return b.integer(k); }

const Nest nests[] = {
    {"rectangle", true, 1, 1, [](Builder& b, NodeId, NodeId, NodeId) { return number(b, 0); },
     [](Builder&, NodeId, NodeId x, NodeId) { return x; },
     [](Builder& b, NodeId, NodeId i, NodeId j) { return b.add(i, j); }},
    {"difference", true, 2, 3, [](Builder& b, NodeId, NodeId, NodeId) { return number(b, 1); },
     [](Builder&, NodeId, NodeId x, NodeId) { return x; },
     [](Builder& b, NodeId, NodeId i, NodeId j) { return b.add(b.sub(i, j), number(b, 3)); }},
    {"backwards", true, 1, -2, [](Builder&, NodeId, NodeId x, NodeId) { return x; },
     [](Builder& b, NodeId, NodeId, NodeId) { return number(b, -1); },
     [](Builder& b, NodeId, NodeId i, NodeId j) { return b.add(b.mul(i, number(b, 2)), j); }},
    {"row", true, 1, 1, [](Builder& b, NodeId, NodeId, NodeId) { return number(b, 0); },
     [](Builder&, NodeId, NodeId x, NodeId) { return x; },
     [](Builder& b, NodeId n, NodeId i, NodeId j) { return b.add(b.mul(i, n), j); }},
    {"triangle", false, 1, 1, [](Builder& b, NodeId, NodeId, NodeId) { return number(b, 0); },
     [](Builder&, NodeId, NodeId, NodeId i) { return i; }, [](Builder&, NodeId, NodeId, NodeId j) { return j; }},
    {"upper triangle", false, 1, 1, [](Builder& b, NodeId, NodeId, NodeId i) { return b.add(i, number(b, 1)); },
     [](Builder&, NodeId, NodeId x, NodeId) { return x; },
     [](Builder& b, NodeId, NodeId i, NodeId j) { return b.sub(j, i); }},
    {"outer index", false, 1, 1, [](Builder&, NodeId, NodeId, NodeId i) { return i; },
     [](Builder& b, NodeId, NodeId, NodeId) { return number(b, 3); },
     [](Builder&, NodeId, NodeId i, NodeId) { return i; }},
};

TEST(BoundsNest, GuardsAgreeWithTheAccesses) {
  for (const Nest& nest : nests) {
    SCOPED_TRACE(nest.name);
    Sketch s;
    const RootId a = s.array(1), b = s.array(1);
    const NodeId n = s.extent(a, 0), x = s.scalar();
    NodeId begin = none, end = none, index = none;
    s.range(
        s.number(0), n,
        [&](NodeId i) {
          begin = nest.begin(s.build, n, x, i);
          end = nest.end(s.build, n, x, i);
          s.range(
              begin, end, [&](NodeId j) { s.store(b, {index = nest.index(s.build, n, i, j)}, s.real(0)); },
              nest.inner_step);
        },
        nest.outer_step);
    bounds(s.program);
    ASSERT_GE(s.all(Kind::guard).size(), 1u);
    EXPECT_EQ(s.program.blocks[0].statements[0].kind, Kind::guard);
    int refused = 0;
    for (std::int64_t rows = 0; rows < 6; ++rows) {
      for (std::int64_t scalar = -1; scalar < 7; ++scalar) {
        for (std::int64_t extent = 0; extent < 12; ++extent) {
          // The Sketch's loop 0 is the outer one: it is made before its body.
          Numbers numbers{{{rows}, {extent}}, {scalar}, {{0}, {0}}};
          bool inside = true;
          for (std::int64_t i = 0; i < rows; i += nest.outer_step) {
            numbers.indices[0][0] = i;
            const std::int64_t last = numbers(s.program, end);
            for (std::int64_t j = numbers(s.program, begin); nest.inner_step > 0 ? j < last : j > last;
                 j += nest.inner_step) {
              numbers.indices[1][0] = j;
              const std::int64_t at = numbers(s.program, index);
              inside = inside && at >= 0 && at < extent;
            }
          }
          const bool accepted = passes(s, numbers);
          refused += !accepted;
          EXPECT_TRUE(accepted || !inside) << rows << ' ' << scalar << ' ' << extent;
          EXPECT_TRUE(!nest.exact || accepted == inside) << rows << ' ' << scalar << ' ' << extent;
        }
      }
    }
    EXPECT_GT(refused, 20);
  }
}

}  // namespace
