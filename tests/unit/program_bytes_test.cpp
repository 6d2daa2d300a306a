// The disk cache's key: whatever generated code depends on changes a Program's bytes, and nothing else does.
#include "backends/program_bytes.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kiln::backends {
namespace {

using namespace ir;

detail::Number16 number_of(std::int64_t i, double im) {
  detail::Number16 number;
  number.i = i;
  number.im = im;
  return number;
}

// A Program with something in each list; it need not make sense.
Program sample() {
  Program p;
  p.name = "sample";
  p.locations.resize(4);
  p.nodes.resize(3);
  p.nodes[1].op = Op::add;
  p.nodes[2].number = number_of(7, 0.5);
  p.indices = {1, 2};
  p.roots.resize(2);
  for (Root& root : p.roots) root.rank = max_rank;
  p.variables.resize(2);
  p.loops.resize(2);
  for (Loop& loop : p.loops) loop.dimensions.resize(2);
  p.blocks.resize(2);
  for (Block& block : p.blocks) block.statements.resize(2);
  p.results.resize(2);
  for (Result& result : p.results) result.rank = max_rank;
  p.messages.resize(2);
  for (Message& message : p.messages) message.shown = {0, 1};
  p.scalar_arguments = {{f64, Strength::weak}, {i32, Strength::strong}};
  p.array_arguments = 2;
  return p;
}

// Another value of the field, whatever it was.
template <class T>
void change(T& x) {
  if constexpr (std::is_same_v<T, bool>)
    x = !x;
  else if constexpr (std::is_enum_v<T>)
    x = static_cast<T>(static_cast<std::underlying_type_t<T>>(x) + 1);
  else
    x = static_cast<T>(x + 1);
}
void change(DType& x) { x = x == f64 ? f32 : f64; }

// Every change of a Program alone gives bytes of its own.
class Differing {
 public:
  void expect(const char* what, const std::function<void(Program&)>& make_change) {
    Program p = sample();
    make_change(p);
    EXPECT_TRUE(seen_.insert(program_bytes(p)).second) << what;
  }
  // What code does not depend on would cost compiles for nothing.
  void expect_same(const char* what, const std::function<void(Program&)>& make_change) const {
    Program p = sample();
    make_change(p);
    EXPECT_EQ(program_bytes(p), program_bytes(sample())) << what;
  }

 private:
  std::set<std::string> seen_{program_bytes(sample())};
};

// The bindings below name every member of each struct: a new one does not compile until it is here, in its place.

TEST(ProgramBytes, EveryFieldOfANode) {
  Differing all;
  const auto with = [&](const char* what, auto&& f) {
    for (const std::size_t k : {0, 2}) all.expect(what, [&](Program& p) { f(p.nodes[k]); });
  };
  with("op", [](Node& n) {
    auto& [op, type, flat, tentative, checked, from_end, operands, id, axis, count, location, number] = n;
    change(op);
  });
  with("dtype", [](Node& n) { change(n.type.dtype); });
  with("strength", [](Node& n) { change(n.type.strength); });
  with("flat", [](Node& n) { change(n.flat); });
  with("checked", [](Node& n) { change(n.checked); });
  for (int k = 0; k < 3; ++k) with("operands", [k](Node& n) { change(n.operands[k]); });
  with("id", [](Node& n) { change(n.id); });
  with("axis", [](Node& n) { change(n.axis); });
  with("count", [](Node& n) { change(n.count); });
  with("number", [](Node& n) { change(n.number.i); });
  with("imaginary part", [](Node& n) { n.number.im += 1; });
  all.expect_same("tentative", [](Program& p) { change(p.nodes[1].tentative); });  // for a pass
  all.expect_same("location", [](Program& p) { change(p.nodes[1].location); });
  // Code that checks an index names the line of the access.
  const auto checked_at = [](std::uint32_t location) {
    return [location](Program& p) {
      p.nodes[1].checked = 1;
      p.nodes[1].location = location;
    };
  };
  all.expect("a checked access", checked_at(0));
  all.expect("the location of a checked access", checked_at(1));
}

TEST(ProgramBytes, EveryFieldOfARoot) {
  Differing all;
  const auto with = [&](const char* what, auto&& f) {
    for (const std::size_t k : {0, 1}) all.expect(what, [&](Program& p) { f(p.roots[k]); });
  };
  with("kind", [](Root& r) {
    auto& [kind, dtype, rank, read_only, contiguous, unit_strides, may_overlap, argument, of, location, extents] = r;
    change(kind);
  });
  with("dtype", [](Root& r) { change(r.dtype); });
  with("rank", [](Root& r) { --r.rank; });
  with("read_only", [](Root& r) { change(r.read_only); });
  with("contiguous", [](Root& r) { change(r.contiguous); });
  with("unit_strides", [](Root& r) { change(r.unit_strides); });
  with("may_overlap", [](Root& r) { change(r.may_overlap); });
  with("argument", [](Root& r) { change(r.argument); });
  with("of", [](Root& r) { change(r.of); });
  for (int axis = 0; axis < max_rank; ++axis) with("extents", [axis](Root& r) { change(r.extents[axis]); });
  all.expect_same("location", [](Program& p) { change(p.roots[1].location); });
}

TEST(ProgramBytes, EveryFieldOfAVariable) {
  Differing all;
  all.expect("dtype", [](Program& p) {
    auto& [type, fixed, block, location] = p.variables[1];
    change(type.dtype);
  });
  all.expect("strength", [](Program& p) { change(p.variables[1].type.strength); });
  all.expect("block", [](Program& p) { change(p.variables[1].block); });
  all.expect_same("fixed", [](Program& p) { change(p.variables[1].fixed); });  // a matter of tracing
  all.expect_same("location", [](Program& p) { change(p.variables[1].location); });
}

TEST(ProgramBytes, EveryFieldOfALoop) {
  Differing all;
  const auto with = [&](const char* what, auto&& f) {
    for (const std::size_t k : {0, 1}) all.expect(what, [&](Program& p) { f(p.loops[k]); });
  };
  with("parallel", [](Loop& l) {
    auto& [parallel, from_array, has_break, role, distribute, vectors, streaming, if_large, short_rows, memory_bound,
           segment, dimensions, location] = l;
    change(parallel);
  });
  with("from_array", [](Loop& l) { change(l.from_array); });
  with("has_break", [](Loop& l) { change(l.has_break); });
  with("role", [](Loop& l) { change(l.role); });
  with("distribute", [](Loop& l) { change(l.distribute); });
  with("vectors", [](Loop& l) { change(l.vectors); });
  with("streaming", [](Loop& l) { change(l.streaming); });
  with("if_large", [](Loop& l) { change(l.if_large); });
  with("short_rows", [](Loop& l) { change(l.short_rows); });
  with("memory_bound", [](Loop& l) { change(l.memory_bound); });
  with("segment", [](Loop& l) { change(l.segment); });
  with("dimensions", [](Loop& l) { l.dimensions.pop_back(); });
  for (const std::size_t d : {0, 1}) {
    with("begin", [d](Loop& l) {
      auto& [begin, end, step] = l.dimensions[d];
      change(begin);
    });
    with("end", [d](Loop& l) { change(l.dimensions[d].end); });
    with("step", [d](Loop& l) { change(l.dimensions[d].step); });
  }
  all.expect_same("location", [](Program& p) { change(p.loops[1].location); });
}

TEST(ProgramBytes, EveryFieldOfAStatement) {
  Differing all;
  const auto with = [&](const char* what, auto&& f) {
    for (const std::size_t k : {0, 1}) all.expect(what, [&](Program& p) { f(p.blocks[1].statements[k]); });
  };
  with("kind", [](Statement& s) {
    auto& [kind, op, flat, checked, sharing, from_end, location, target, other, value, condition, expected, loop,
           first_index, index_count, body, otherwise, message] = s;
    change(kind);
  });
  with("op", [](Statement& s) { change(s.op); });
  with("flat", [](Statement& s) { change(s.flat); });
  with("checked", [](Statement& s) { change(s.checked); });
  with("sharing", [](Statement& s) { change(s.sharing); });
  with("target", [](Statement& s) { change(s.target); });
  with("other", [](Statement& s) { change(s.other); });
  with("value", [](Statement& s) { change(s.value); });
  with("condition", [](Statement& s) { change(s.condition); });
  with("expected", [](Statement& s) { change(s.expected); });
  with("loop", [](Statement& s) { change(s.loop); });
  with("first_index", [](Statement& s) { change(s.first_index); });
  with("index_count", [](Statement& s) { change(s.index_count); });
  with("body", [](Statement& s) { change(s.body); });
  with("otherwise", [](Statement& s) { change(s.otherwise); });
  with("message", [](Statement& s) { change(s.message); });
  all.expect("its block", [](Program& p) {
    p.blocks[1].statements.pop_back();
    p.blocks[0].statements.emplace_back();
  });
  all.expect_same("location", [](Program& p) { change(p.blocks[1].statements[0].location); });
  const auto checked_at = [](std::uint32_t location) {
    return [location](Program& p) {
      p.blocks[1].statements[0].checked = 4;
      p.blocks[1].statements[0].location = location;
    };
  };
  all.expect("a checked access", checked_at(0));
  all.expect("the location of a checked access", checked_at(1));
}

TEST(ProgramBytes, EveryFieldOfAResult) {
  Differing all;
  const auto with = [&](const char* what, auto&& f) {
    for (const std::size_t k : {0, 1}) all.expect(what, [&](Program& p) { f(p.results[k]); });
  };
  with("is_array", [](Result& r) {
    auto& [is_array, value, root, rank, offset, extents, strides] = r;
    change(is_array);
  });
  with("value", [](Result& r) { change(r.value); });
  with("root", [](Result& r) { change(r.root); });
  with("rank", [](Result& r) { --r.rank; });
  with("offset", [](Result& r) { change(r.offset); });
  for (int axis = 0; axis < max_rank; ++axis) {
    with("extents", [axis](Result& r) { change(r.extents[axis]); });
    with("strides", [axis](Result& r) { change(r.strides[axis]); });
  }
}

TEST(ProgramBytes, EveryFieldOfAMessage) {
  Differing all;
  all.expect("shown", [](Program& p) {
    auto& [kind, text, shown, location] = p.messages[1];
    change(shown[1]);
  });
  all.expect("a value less", [](Program& p) { p.messages[1].shown.pop_back(); });
  // The exception is made by the dispatcher, from the Program it has.
  all.expect_same("kind", [](Program& p) { change(p.messages[1].kind); });
  all.expect_same("text", [](Program& p) { p.messages[1].text = "other"; });
  all.expect_same("location", [](Program& p) { change(p.messages[1].location); });
}

TEST(ProgramBytes, EveryListAndOption) {
  Differing all;
  all.expect("nodes", [](Program& p) {
    auto& [nodes, indices, roots, variables, loops, blocks, results, messages, locations, scalar_arguments,
           array_arguments, contract, fast_math, precise, check_bounds, name] = p;
    nodes.pop_back();
  });
  all.expect("an index", [](Program& p) { change(p.indices[1]); });
  all.expect("indices", [](Program& p) { p.indices.pop_back(); });
  all.expect("roots", [](Program& p) { p.roots.pop_back(); });
  all.expect("variables", [](Program& p) { p.variables.pop_back(); });
  all.expect("loops", [](Program& p) { p.loops.pop_back(); });
  all.expect("blocks", [](Program& p) { p.blocks.pop_back(); });
  all.expect("statements", [](Program& p) { p.blocks[0].statements.pop_back(); });
  all.expect("results", [](Program& p) { p.results.pop_back(); });
  all.expect("messages", [](Program& p) { p.messages.pop_back(); });
  all.expect("scalar_arguments", [](Program& p) { p.scalar_arguments.pop_back(); });
  all.expect("a scalar's dtype", [](Program& p) { change(p.scalar_arguments[1].dtype); });
  all.expect("a scalar's strength", [](Program& p) { change(p.scalar_arguments[0].strength); });
  all.expect("array_arguments", [](Program& p) { change(p.array_arguments); });
  all.expect("contract", [](Program& p) { change(p.contract); });
  all.expect("fast_math", [](Program& p) { p.fast_math = FastMath::no_nan; });
  all.expect("another relaxation", [](Program& p) { p.fast_math = FastMath::reassociate; });
  all.expect("precise", [](Program& p) { change(p.precise); });
  // The accesses it concerns are marked.
  all.expect_same("check_bounds", [](Program& p) { change(p.check_bounds); });
  all.expect_same("name", [](Program& p) { p.name = "other"; });
  all.expect_same("locations", [](Program& p) { p.locations.pop_back(); });
}

TEST(ProgramBytes, BeyondTheRankNothingCounts) {
  Program p = sample();
  p.roots[0].rank = 1;
  const std::string before = program_bytes(p);
  change(p.roots[0].extents[1]);
  EXPECT_EQ(program_bytes(p), before);
  change(p.roots[0].extents[0]);
  EXPECT_NE(program_bytes(p), before);
}

}  // namespace
}  // namespace kiln::backends
