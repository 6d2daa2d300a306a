// Structs, std::arrays and tuples of arrays and values as parameters and results; helper functions of Vars.
#include "tests/conformance/everywhere.h"

#include <array>
#include <cmath>
#include <tuple>
#include <utility>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

struct Point {
  Value x, y;
  Value squared() const { return x * x + y * y; }
};
struct Mesh {
  Array nodes;
  std::array<Array, 2> edges;
  struct Weights {
    Array of_nodes;
    Value scale;
    int power;
  } weights;
  std::pair<Value, Array> shift;
};
struct Moved {
  Array nodes;
  struct Bounds {
    Value least, most;
  } bounds;
  std::array<Array, 2> ends;
  std::tuple<Value, Array> rest_of_it;
};

TEST(Aggregates, NestedAsParametersAndResults) {
  static const auto move = jit([](Mesh mesh, Point by, std::tuple<Array, Value> more) {
    Array nodes = mesh.nodes * mesh.weights.scale + mesh.weights.of_nodes + by.squared();
    for (int k = 0; k < mesh.weights.power; ++k) nodes = nodes * 2.0;
    nodes += mesh.shift.first * mesh.shift.second;
    auto [offset, factor] = more;
    return Moved{nodes,
                 {min(nodes), max(nodes)},
                 {Array(nodes(mesh.edges[0])), Array(nodes(mesh.edges[1]))},
                 {Value(factor * 2), offset + factor}};
  });
  const Array nodes = hashed_array(30, f64, 71), weights = hashed_array(30, f64, 72);
  const Array from = array(Integers{0, 5, 9}), to = array(Integers{29, -1, 3});
  const auto r = everywhere(move, [&](const auto& f) {
    const Mesh mesh{nodes, {from, to}, {weights, 3.0, 2}, {0.5, weights}};
    const Moved m = f(mesh, Point{1.5, 2}, std::tuple<Array, Value>(arange(4), 7));
    return results(m.nodes, m.bounds.least, m.bounds.most, m.ends[0], m.ends[1], std::get<0>(m.rest_of_it),
                   std::get<1>(m.rest_of_it));
  });
  for (std::int64_t k = 0; k < 30; ++k) {
    const double x = (double(nodes(k)) * 3.0 + double(weights(k)) + (1.5 * 1.5 + 2 * 2)) * 2.0 * 2.0;
    EXPECT_EQ(double(r[0](k)), x + 0.5 * double(weights(k)));
  }
  EXPECT_EQ(double(r[1].item()), double(min(r[0])));
  EXPECT_EQ(double(r[3](1)), double(r[0](5)));
  EXPECT_EQ(double(r[4](0)), double(r[0](29)));
  EXPECT_EQ(double(r[5].item()), 14);
  EXPECT_EQ(double(r[6](3)), 10);
}

struct Sixteen {
  Array a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
};

TEST(Aggregates, SixteenMembers) {
  static const auto turn = jit([](Sixteen s) {
    return Sixteen{s.p, s.o, s.n, s.m, s.l, s.k, s.j, s.i, s.h, s.g, s.f, s.e, s.d, s.c, s.b, s.a + s.b};
  });
  const auto r = everywhere(turn, [&](const auto& f) {
    Sixteen s{};
    Array* all[] = {&s.a, &s.b, &s.c, &s.d, &s.e, &s.f, &s.g, &s.h, &s.i, &s.j, &s.k, &s.l, &s.m, &s.n, &s.o, &s.p};
    for (int k = 0; k < 16; ++k) *all[k] = full({2}, k, i64);
    const Sixteen t = f(s);
    return results(t.a, t.b, t.h, t.o, t.p);
  });
  EXPECT_EQ(std::int64_t(r[0](0)), 15);
  EXPECT_EQ(std::int64_t(r[2](1)), 8);
  EXPECT_EQ(std::int64_t(r[3](1)), 1);
  EXPECT_EQ(std::int64_t(r[4](1)), 1);
}

struct Counted {
  Var count;
  Value total;
  double seen;
  bool any;
};

// Vars and plain numbers as members of results, arrays of results.
TEST(Aggregates, NumbersAsMembersOfResults) {
  static const auto count = jit([](Array a) {
    Var n = 0;
    for (Value i : range(a.size())) if_(a(i) > 0, [&] { n += 1; });
    return Counted{n, sum(a), 2.5, true};
  });
  const Counted c = count(array(Integers{1, -2, 3}));
  EXPECT_EQ(std::int64_t(c.count), 2);
  EXPECT_EQ(std::int64_t(c.total), 2);
  EXPECT_EQ(c.seen, 2.5);
  EXPECT_TRUE(c.any);
  static const auto three = jit([](Value x) {
    Var a = x, b = x * 2;
    return std::array<Var, 3>{a, b, Var(x * 3)};
  });
  const std::array<Value, 3> values = three(5);
  EXPECT_EQ(std::int64_t(values[2]), 15);
  static const auto both = jit([](Array a) { return std::pair(a + 1, sum(a)); });
  const auto [more, total] = both(arange(4));
  EXPECT_EQ(std::int64_t(more(3)), 4);
  EXPECT_EQ(std::int64_t(total), 6);
}

// A constant inside a struct is part of the key, a Value is not.
TEST(Aggregates, ConstantsOfStructsSpecialize) {
  struct Power {
    struct Constant {
      int times;
    } constant;
    Value base;
  };
  static const auto power = jit([](Power p) {
    Var x = 1.0;
    for (int k = 0; k < p.constant.times; ++k) x *= p.base;
    return x;
  });
  EXPECT_EQ(double(power(Power{{3}, 2.0})), 8);
  EXPECT_EQ(double(power(Power{{3}, 3.0})), 27);
  EXPECT_EQ(power.specializations().size(), 1u);
  EXPECT_EQ(double(power(Power{{2}, 3.0})), 9);
  EXPECT_EQ(power.specializations().size(), 2u);
}

// ---- Helpers --------------------------------------------------------------------------------------------------------

void accumulate(Var& sum, Var& correction, Value x) {  // Kahan's summation
  Value y = x - correction, t = sum + y;
  correction = (t - sum) - y;
  sum = t;
}

struct Walker {
  Var x, y;
  void step(Value dx, Value dy) {
    x += dx;
    y += dy;
  }
  Value distance() const { return sqrt(Value(x) * x + Value(y) * y); }
};

Value horner(const Array& c, Value x) {
  Var p = 0.0;
  for (Value k : range(c.size())) p = p * x + c(k);
  return p;
}

TEST(Aggregates, HelpersTakeVarsByReference) {
  static const auto total = jit([](Array a, Array out) {
    for (Value i : prange(a.shape(0))) {
      Var sum = 0.0, correction = 0.0;
      for (Value j : range(a.shape(1))) accumulate(sum, correction, a(i, j));
      out(i) = sum;
    }
  });
  const Array a = hashed_array(37 * 50, f64, 73).reshape({37, 50});
  const auto r = everywhere(total, [&](const auto& f) {
    const Array out = zeros(37);
    f(a, out);
    return results(out);
  });
  for (std::int64_t i = 0; i < 37; ++i) {
    double sum = 0, correction = 0;
    for (std::int64_t j = 0; j < 50; ++j) {
      const double y = double(a(i, j)) - correction, t = sum + y;
      correction = (t - sum) - y;
      sum = t;
    }
    EXPECT_EQ(double(r[0](i)), sum);
  }
}

TEST(Aggregates, StructsOfVarsAndLambdas) {
  static const auto walk = jit([](Array steps, Array c, Array out) {
    for (Value i : prange(out.shape(0))) {
      Walker w{0.0, 0.0};
      Var turns = 0;
      const auto go = [&](Value dx) {
        w.step(dx, dx * 0.5);
        turns += 1;
      };
      for (Value k : range(steps.shape(1))) if_(steps(i, k) > 0, [&] { go(steps(i, k)); }, [&] { w.step(0, 1); });
      out(i) = w.distance() + turns + horner(c, w.x);
    }
  });
  const Array steps = hashed_array(40 * 6, f64, 74).reshape({40, 6}), c = array(std::vector<double>{1, -2, 0.5});
  const auto r = everywhere(walk, [&](const auto& f) {
    const Array out = zeros(40);
    f(steps, c, out);
    return results(out);
  });
  for (std::int64_t i = 0; i < 40; ++i) {
    double x = 0, y = 0;
    std::int64_t turns = 0;
    for (std::int64_t k = 0; k < 6; ++k) {
      const double s(steps(i, k));
      if (s > 0)
        x += s, y += s * 0.5, ++turns;
      else
        y += 1;
    }
    const double p = ((0.0 * x + 1) * x + -2) * x + 0.5;
    EXPECT_EQ(double(r[0](i)), std::sqrt(x * x + y * y) + static_cast<double>(turns) + p);
  }
}

}  // namespace
}  // namespace kiln::conformance
