// The interpreter on Programs made by hand: control flow, memory, reductions in their defined orders, errors.
#include "core/interpret.h"

#include "tests/unit/made_program.h"

#include <gtest/gtest.h>
#include <kiln/error.h>

#include <cmath>
#include <random>
#include <string>

namespace {

using namespace kiln;
using namespace kiln::testing;

TEST(Interpret, ElementwiseOverStridedArrays) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 2), out = p.parameter(f64, 2);
  p.loop(true, {p.range(p.extent(a, 0)), p.range(p.extent(a, 1))}, [&](LoopId loop) {
    const NodeId i = p.index(loop, 0), j = p.index(loop, 1);
    const NodeId x = p.convert(p.load(a, {i, j}), f64);
    p.store(out, {i, j}, p.op(Op::add, f64, {p.op(Op::multiply, f64, {x, p.real(2)}), p.convert(j, f64)}));
  });
  float in[12];
  for (int k = 0; k < 12; ++k) in[k] = static_cast<float>(k);
  double result[6] = {};
  Call call;
  call.array(in, {2, 3}, {6, 2});            // every other element
  call.array(result + 5, {2, 3}, {-3, -1});  // backwards
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  const double expected[] = {22, 17, 12, 10, 5, 0};  // of (1, 2) first
  for (int k = 0; k < 6; ++k) EXPECT_EQ(result[k], expected[k]) << k;
}

TEST(Interpret, WhileAndVariables) {
  // The number of Collatz steps of a scalar argument.
  MadeProgram p;
  const NodeId start = p.scalar({i64, Strength::weak});
  const VariableId n = p.variable(i64), steps = p.variable(i64);
  p.assign(n, start);
  p.assign(steps, p.integer(0));
  NodeId now = none;  // loaded in the condition, used in the body
  p.while_(
      [&] {
        now = p.read(n);
        return p.op(Op::not_equal, bool_, {now, p.integer(1)});
      },
      [&] {
        const NodeId even = p.op(Op::equal, bool_, {p.op(Op::mod, i64, {now, p.integer(2)}), p.integer(0)});
        const NodeId triple = p.op(Op::add, i64, {p.op(Op::multiply, i64, {now, p.integer(3)}), p.integer(1)});
        p.assign(n, p.op(Op::select, i64, {even, p.op(Op::floordiv, i64, {now, p.integer(2)}), triple}));
        p.assign(steps, p.op(Op::add, i64, {p.read(steps), p.integer(1)}));
      });
  p.result(p.read(steps));
  Call call;
  call.whole(27);
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(call.results[0].number.i, 111);
}

TEST(Interpret, BreakAndContinue) {
  // Of 10, 8, …, -8: sums those that are not 6, and leaves at -2.
  MadeProgram p;
  const VariableId sum = p.variable(i64);
  p.assign(sum, p.integer(0));
  p.loop(false, {p.range(p.integer(10), p.integer(-9), -2)}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    p.branch(p.op(Op::equal, bool_, {i, p.integer(6)}), [&] { p.add(Kind::continue_); });
    p.branch(p.op(Op::equal, bool_, {i, p.integer(-2)}), [&] { p.add(Kind::break_); });
    p.assign(sum, p.op(Op::add, i64, {p.read(sum), i}));
  });
  p.result(p.read(sum));
  Call call;
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(call.results[0].number.i, 10 + 8 + 4 + 2 + 0);
}

TEST(Interpret, NestedLoopsSeeEachTurn) {
  // An expression of the outer index alone, used in the inner loop, changes with the outer turn.
  MadeProgram p;
  const RootId out = p.parameter(i64, 2);
  p.loop(false, {p.range(p.extent(out, 0))}, [&](LoopId outer) {
    const NodeId i = p.index(outer), square = p.op(Op::multiply, i64, {i, i});
    p.loop(false, {p.range(square, p.op(Op::add, i64, {square, p.extent(out, 1)}))}, [&](LoopId inner) {
      const NodeId j = p.index(inner);
      p.store(out, {i, p.op(Op::subtract, i64, {j, square})}, j);
    });
  });
  std::int64_t out_data[12] = {};
  Call call;
  call.array(out_data, {4, 3}, {3, 1});
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 3; ++j) EXPECT_EQ(out_data[i * 3 + j], i * i + j);
}

// ---- reductions -----------------------------------------------------------------------------------------------------

template <class T>
T pairs(std::vector<T> sums) {
  while (sums.size() > 1) {
    std::vector<T> next;
    for (std::size_t k = 0; k + 1 < sums.size(); k += 2) next.push_back(sums[k] + sums[k + 1]);
    if (sums.size() % 2 != 0) next.push_back(sums.back());
    sums = next;
  }
  return sums[0];
}

// The wide order written out over a padded table of terms.
template <class T>
T wide_sum(const std::vector<T>& terms, T old) {
  const std::size_t lanes = 256 / sizeof(T), block = 32 * lanes;
  if (terms.empty()) return old;
  std::vector<T> padded = terms;
  padded.resize((terms.size() + block - 1) / block * block, T(-0.0));
  std::vector<T> sums;
  for (std::size_t b = 0; b < padded.size(); b += block) {
    std::vector<T> lane(lanes, T(-0.0));
    for (std::size_t r = 0; r < 32; ++r)
      for (std::size_t l = 0; l < lanes; ++l) lane[l] += padded[b + r * lanes + l];
    for (std::size_t half = lanes / 2; half >= 1; half /= 2)
      for (std::size_t l = 0; l < half; ++l) lane[l] += lane[l + half];
    sums.push_back(lane[0]);
  }
  return old + pairs(sums);
}

template <class T>
T narrow_sum(const std::vector<T>& terms, T old, std::size_t segment) {
  if (terms.empty()) return old;
  std::vector<T> sums;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    if (k % segment == 0) sums.push_back(T(-0.0));
    sums.back() += terms[k];
  }
  return old + pairs(sums);
}

template <class T>
std::vector<T> random_terms(std::size_t count) {
  std::mt19937 random(static_cast<unsigned>(count) + 1);
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> terms(count);
  for (T& x : terms) x = uniform(random) * std::pow(T(10), uniform(random) * 4);
  return terms;
}

// old + the sum of a 1-d array by a reduction over one loop.
template <class T>
T interpreted_sum(const std::vector<T>& terms, double old, bool parallel, std::uint16_t segment = 256) {
  const DType dtype = dtype_of<T>();
  MadeProgram p;
  const RootId a = p.parameter(dtype, 1);
  const VariableId sum = p.variable(dtype);
  p.assign(sum, p.real(old, dtype));
  const LoopId id = p.loop(parallel, {p.range(p.extent(a, 0))},
                           [&](LoopId loop) { p.reduce(sum, Op::add, p.load(a, {p.index(loop)}), loop); });
  p.loops[id].segment = segment;
  p.result(p.read(sum));
  std::vector<T> data = terms;
  Call call;
  call.array(data);
  EXPECT_EQ(interpret(p, call.prepare(p)), status_ok);
  return static_cast<T>(call.results[0].number.re);
}

template <class T>
void expect_orders() {
  for (const std::size_t count : {0u, 1u, 2u, 31u, 64u, 65u, 300u, 1024u, 2048u, 2049u, 5000u, 9000u}) {
    const std::vector<T> terms = random_terms<T>(count);
    EXPECT_EQ(interpreted_sum(terms, 0.25, true), wide_sum(terms, T(0.25))) << count;
    EXPECT_EQ(interpreted_sum(terms, 0.25, false), narrow_sum(terms, T(0.25), 256)) << count;
    EXPECT_EQ(interpreted_sum(terms, 0.25, false, 8), narrow_sum(terms, T(0.25), 8)) << count;
  }
}

TEST(Interpret, ReductionOrders) {
  expect_orders<float>();
  expect_orders<double>();
  // The orders differ from each other and from one after the other, or the comparisons above would mean little.
  int wide_differs = 0, narrow_differs = 0, both_differ = 0;
  for (const std::size_t count : {5000u, 6000u, 7000u, 8000u, 9000u}) {
    const std::vector<float> terms = random_terms<float>(count);
    float plain = 0.25f;
    for (const float x : terms) plain += x;
    const float wide = interpreted_sum(terms, 0.25, true), narrow = interpreted_sum(terms, 0.25, false);
    wide_differs += wide != plain;
    narrow_differs += narrow != plain;
    both_differ += wide != narrow;
  }
  EXPECT_GT(wide_differs, 0);
  EXPECT_GT(narrow_differs, 0);
  EXPECT_GT(both_differ, 0);
  EXPECT_TRUE(std::signbit(interpreted_sum(std::vector<double>{-0.0, -0.0}, -0.0, true)));
}

TEST(Interpret, TermsOfAnIteration) {
  // Two contributions of an iteration fold first; a skipped one adds nothing; a 2-d loop counts in C order.
  MadeProgram p;
  const RootId a = p.parameter(f32, 2);
  const VariableId sum = p.variable(f32), most = p.variable(f32);
  p.assign(sum, p.real(0, f32));
  p.assign(most, p.real(-1e30, f32));
  p.loop(true, {p.range(p.extent(a, 0)), p.range(p.extent(a, 1))}, [&](LoopId loop) {
    const NodeId x = p.load(a, {p.index(loop, 0), p.index(loop, 1)});
    p.reduce(sum, Op::add, x, loop);
    p.reduce(most, Op::maximum, x, loop);
    p.branch(p.op(Op::greater, bool_, {x, p.real(0, f32)}),
             [&] { p.reduce(sum, Op::add, p.op(Op::multiply, f32, {x, p.real(1.1f, f32)}), loop); });
  });
  p.result(p.read(sum));
  p.result(p.read(most));
  std::vector<float> data = random_terms<float>(3000), terms;
  for (const float x : data) terms.push_back(x > 0 ? x + x * 1.1f : x);
  Call call;
  call.array(data.data(), {30, 100}, {100, 1});
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(static_cast<float>(call.results[0].number.re), wide_sum(terms, 0.0f));
  EXPECT_EQ(static_cast<float>(call.results[1].number.re), *std::max_element(data.begin(), data.end()));
}

TEST(Interpret, SmallIntegersReduce) {
  MadeProgram p;
  const RootId a = p.parameter(i8, 1);
  const VariableId product = p.variable(i8), bits = p.variable(i8);
  NodeId start = p.convert(p.integer(1), i8);
  p.assign(product, start);
  p.assign(bits, start);
  p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
    const NodeId x = p.load(a, {p.index(loop)});
    p.reduce(product, Op::multiply, x, loop);
    p.reduce(bits, Op::bit_or, x, loop);
  });
  p.result(p.read(product));
  p.result(p.read(bits));
  std::vector<std::int8_t> data = {3, -5, 7, 9, 64, 3};
  Call call;
  call.array(data);
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(call.results[0].number.i, static_cast<std::int8_t>(3 * -5 * 7 * 9 * 64 * 3));
  EXPECT_EQ(call.results[1].number.i, static_cast<std::int8_t>(1 | 3 | -5 | 7 | 9 | 64));
}

TEST(Interpret, UpdatesOfElements) {
  MadeProgram p;
  const RootId where = p.parameter(i32, 1), counts = p.parameter(u8, 1);
  p.loop(true, {p.range(p.extent(where, 0))}, [&](LoopId loop) {
    const NodeId bin = p.convert(p.load(where, {p.index(loop)}), i64);
    p.store(counts, {bin}, p.convert(p.integer(100), u8), Kind::update);
  });
  std::vector<std::int32_t> bins = {0, 2, 2, 2, 1};
  std::vector<std::uint8_t> counted = {1, 0, 0};
  Call call;
  call.array(bins);
  call.array(counted);
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(counted, (std::vector<std::uint8_t>{101, 100, 44}));
}

// ---- memory ---------------------------------------------------------------------------------------------------------

// A double-buffered time loop: t = a + 1, swap, as often as the scalar says; the result is t and a view of it.
struct Buffers : MadeProgram {
  RootId a, t, flat;

  Buffers() {
    a = parameter(f64, 2);
    const NodeId times = scalar({i64, Strength::weak}), rows = extent(a, 0), columns = extent(a, 1);
    t = made(Root::Kind::allocated, f64, {rows, columns});
    flat = made(Root::Kind::alias, f64, {op(Op::multiply, i64, {rows, columns})}, a);
    add(Kind::allocate).target = t;
    loop(false, {range(times)}, [&](LoopId) {
      loop(true, {range(rows), range(columns)}, [&](LoopId inner) {
        const NodeId i = index(inner, 0), j = index(inner, 1);
        store(t, {i, j}, op(Op::add, f64, {load(a, {i, j}), real(1)}));
      });
      Statement& s = add(Kind::swap);
      s.target = a;
      s.other = t;
    });
    result(load(flat, {integer(4)}));
    Result view;
    view.is_array = true;
    view.root = a;
    view.rank = 1;
    view.offset = integer(1);
    view.extents[0] = rows;
    view.strides[0] = columns;
    results.push_back(view);
  }
};

TEST(Interpret, SwapsExchangeMemory) {
  const Buffers p;
  for (const int times : {0, 1, 4, 5}) {
    std::vector<double> data = {0, 10, 20, 30, 40, 50};
    Call call;
    call.array(data.data(), {2, 3}, {3, 1});
    call.whole(times);
    ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
    EXPECT_EQ(call.results[0].number.re, 40 + times) << "the alias follows its array";
    EXPECT_EQ(call.results[1].root, times % 2 == 0 ? p.a : p.t);
    EXPECT_EQ(call.results[1].extents[0], 2);
    EXPECT_EQ(call.results[1].strides[0], 3);
    const auto* first = reinterpret_cast<const double*>(call.results[1].data);
    EXPECT_EQ(first[0], 10 + times);
    EXPECT_EQ(first[3], 40 + times);
  }
}

TEST(Interpret, NoMemory) {
  const Buffers p;
  std::vector<double> data(6);
  Call call;
  call.refuse_above = 40;
  call.array(data.data(), {2, 3}, {3, 1});
  call.whole(1);
  EXPECT_EQ(interpret(p, call.prepare(p)), status_no_memory);
}

TEST(Interpret, FlatAndGuardedLoads) {
  // out[i] = i > 0 ? a.flat[i - 1] : 0
  MadeProgram p;
  const RootId a = p.parameter(f64, 2), out = p.parameter(f64, 1);
  p.loop(true, {p.range(p.extent(out, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const NodeId x =
        p.load(a, {p.op(Op::subtract, i64, {i, p.integer(1)})}, p.op(Op::greater, bool_, {i, p.integer(0)}));
    p[x].flat = true;
    p.store(out, {i}, x);
  });
  std::vector<double> data = {1, 2, 3, 4}, result(5, -1);
  Call call;
  call.array(data.data(), {2, 2}, {2, 1});
  call.array(result);
  ASSERT_EQ(interpret(p, call.prepare(p)), status_ok);
  EXPECT_EQ(result, (std::vector<double>{0, 1, 2, 3, 4}));
}

// ---- errors ---------------------------------------------------------------------------------------------------------

TEST(Interpret, AnIndexOutsideIsNamed) {
  MadeProgram p;
  p.parameter(f64, 1);
  const RootId a = p.parameter(f64, 2);
  p.result(p.load(a, {p.integer(1), p.scalar({i64, Strength::weak})}));
  std::vector<double> data(6);
  for (const std::int64_t index : {-1, 3}) {
    Call call;
    call.array(data);
    call.array(data.data(), {2, 3}, {3, 1});
    call.whole(index);
    try {
      interpret(p, call.prepare(p));
      FAIL() << "no error";
    } catch (const IndexError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("index out of bounds: " + std::to_string(index) + " on axis 1 of array argument 2"),
                std::string::npos)
          << what;
      EXPECT_NE(what.find("has 3 elements"), std::string::npos) << what;
    }
  }
}

TEST(Interpret, GuardsFailWithTheirMessage) {
  MadeProgram p;
  const RootId a = p.parameter(f64, 1), b = p.parameter(f64, 1);
  Message message;
  message.text = "{} and {}";
  message.shown = {p.extent(a, 0), p.extent(b, 0)};
  p.messages = {Message{}, message};
  const NodeId same = p.op(Op::equal, bool_, {p.extent(a, 0), p.extent(b, 0)});
  Statement& s = p.add(Kind::guard);
  s.condition = same;
  s.message = 1;
  p.store(a, {p.integer(0)}, p.real(7));
  std::vector<double> x(2), y(3), z(2);
  Call call;
  call.array(x);
  call.array(y);
  EXPECT_EQ(interpret(p, call.prepare(p)), 2);
  EXPECT_EQ(call.frame.failed[0], 2);
  EXPECT_EQ(call.frame.failed[1], 3);
  EXPECT_EQ(x[0], 0) << "nothing after a failed guard runs";
  Call good;
  good.array(x);
  good.array(z);
  EXPECT_EQ(interpret(p, good.prepare(p)), status_ok);
  EXPECT_EQ(x[0], 7);
}

TEST(Interpret, ALoadWithoutItsStatementIsABug) {
  MadeProgram p;
  const RootId a = p.parameter(f64, 1);
  p.result(p.load(a, {p.integer(0)}));
  p.blocks[0].statements.clear();
  std::vector<double> x(1);
  Call call;
  call.array(x);
  EXPECT_THROW(interpret(p, call.prepare(p)), InternalError);
}

}  // namespace
