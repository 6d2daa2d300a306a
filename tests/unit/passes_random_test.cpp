// Random Programs of array statements through all the passes: the values stay the same, bit for bit.
#include "core/cleanup.h"
#include "core/fuse.h"
#include "core/schedule.h"
#include "tests/support/passes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace kiln::test;

class RandomProgram {
 public:
  explicit RandomProgram(unsigned seed) : random_(seed) {
    for (int rank : {1, 1, 2, 2}) arrays_.push_back(s.array(rank));
    // All extents are n: every pair of arrays of one rank may meet.
    for (std::size_t k = 1; k < arrays_.size(); ++k)
      for (int axis = 0; axis < rank(arrays_[k]); ++axis) guard_equal(s, s.extent(arrays_[k], axis), n());
    parameters_ = arrays_.size();
    scalars_.push_back(s.real(0.75));
    const int steps = 4 + pick(8);
    for (int k = 0; k < steps; ++k) step();
    for (int k = 0; k < 2; ++k) returns(s, any(0));
    returns_number(s, scalars_[static_cast<std::size_t>(pick(static_cast<int>(scalars_.size())))]);
  }

  Sketch s;

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  int rank(RootId root) const { return s.program.roots[root].rank; }
  NodeId n() { return s.extent(arrays_[0], 0); }
  NodeId f(Op op, NodeId a, NodeId b) { return s.node(op, kiln::f64, {a, b}); }
  Op any_op() {
    constexpr Op ops[] = {Op::add, Op::subtract, Op::multiply, Op::maximum};
    return ops[pick(4)];
  }
  RootId any(int wanted) {
    for (;;) {
      const RootId root = arrays_[static_cast<std::size_t>(pick(static_cast<int>(arrays_.size())))];
      if (wanted == 0 || rank(root) == wanted) return root;
    }
  }
  RootId parameter(int wanted) {
    for (;;) {
      const RootId root = arrays_[static_cast<std::size_t>(pick(static_cast<int>(parameters_)))];
      if (rank(root) == wanted) return root;
    }
  }
  NodeId scalar() { return scalars_[static_cast<std::size_t>(pick(static_cast<int>(scalars_.size())))]; }

  void step() {
    const Op op = any_op();
    switch (pick(9)) {
      case 0: {
        const NodeId x = scalar();
        arrays_.push_back(map(s, {any(0)}, [&](auto v) { return f(op, v[0], x); }));
        break;
      }
      case 1:
      case 2: arrays_.push_back(map(s, {any(0), any(0)}, [&](auto v) { return f(op, v[0], v[1]); })); break;
      case 3: scalars_.push_back(s.read(total(s, any(0)))); break;
      case 4: arrays_.push_back(along_rows(s, any(2), pick(2) ? Op::add : Op::maximum)); break;
      case 5: {
        const RootId to = parameter(1 + pick(2));
        copy(s, any(rank(to)), to);
        break;
      }
      case 6: shift(parameter(1)); break;
      case 7: transpose(any(2)); break;
      case 8: halves(parameter(1), any(1)); break;
    }
  }

  // a(slice(1, _)) = a(slice(0, -1)), through a temporary.
  void shift(RootId a) {
    const NodeId shorter = s.build.sub(n(), s.number(1));
    const RootId t = s.allocated({shorter});
    s.prange(shorter, [&](NodeId i) { s.store(t, {i}, s.load(a, {i})); });
    s.prange(shorter, [&](NodeId i) { s.store(a, {s.build.add(i, s.number(1))}, s.load(t, {i})); });
  }

  void transpose(RootId a) {
    const RootId t = s.allocated({n(), n()});
    nest2(s, n(), n(),
          [&](NodeId i, NodeId j) { s.store(t, {i, j}, f(Op::add, s.load(a, {i, j}), s.load(a, {j, i}))); });
    arrays_.push_back(t);
  }

  // Every second element, and those between.
  void halves(RootId a, RootId b) {
    const NodeId half = s.build.floordiv(n(), s.number(2));
    for (int odd : {0, 1})
      s.prange(half, [&](NodeId i) {
        const NodeId at = s.build.add(s.build.mul(i, s.number(2)), s.number(odd));
        const NodeId sum = f(Op::add, s.load(a, {at}), s.load(b, {i}));
        s.store(a, {at}, sum);
      });
  }

  std::mt19937 random_;
  std::vector<RootId> arrays_;
  std::size_t parameters_ = 0;
  std::vector<NodeId> scalars_;
};

TEST(RandomPasses, KeepAllValues) {
  std::size_t loops_before = 0, loops_after = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomProgram random(seed);
    Program& program = random.s.program;
    expect_same_values(program, cleanup);
    loops_before += random.s.all(Kind::loop).size();
    expect_same_values(program, fuse);
    expect_same_values(
        program, [&](Program& p) { schedule(p, {nullptr, [](void*, RootId) { return true; }, nullptr, nullptr}); });
    expect_same_values(program, cleanup);
    loops_after += random.s.all(Kind::loop).size();
    if (HasFatalFailure()) return;
  }
  EXPECT_LT(loops_after, loops_before * 3 / 4);
}

}  // namespace
