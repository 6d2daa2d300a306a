// The code generator on Programs made by hand, against the interpreter: maps, control flow, reductions, memory.
#include "tests/unit/compiled_program.h"

namespace {

using namespace kiln;
using namespace kiln::testing;

// ---- maps -----------------------------------------------------------------------------------------------------------

TEST(Codegen, Triad) {
  for (const std::size_t n : {0, 1, 7, 8, 33, 5000}) {
    MadeProgram p;
    const RootId a = p.parameter(f32, 1), b = p.parameter(f32, 1), out = p.parameter(f32, 1);
    for (Root& root : p.roots) root.contiguous = true;
    const NodeId s = p.scalar({f32});
    p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
      const NodeId i = p.index(loop);
      const NodeId x = p.load(a, {i}), y = p.load(b, {i});
      p.store(out, {i}, p.op(Op::add, f32, {x, p.op(Op::multiply, f32, {s, y})}));
    });
    check(p,
          {Data::of(f32, random_values<float>(n)), Data::of(f32, random_values<float>(n)),
           Data::of(f32, std::vector<float>(n))},
          {real_number(1.5)});
  }
}

TEST(Codegen, StridedAndTransposed) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 2), b = p.parameter(i16, 2), out = p.parameter(f64, 2);
  p.roots[out].contiguous = true;
  p.loop(true, {p.range(p.extent(out, 0)), p.range(p.extent(out, 1))}, [&](LoopId loop) {
    const NodeId i = p.index(loop, 0), j = p.index(loop, 1);
    const NodeId x = p.convert(p.load(a, {j, i}), f64), y = p.convert(p.load(b, {i, p.integer(0)}), f64);
    const NodeId column = p.convert(j, f64);
    p.store(out, {i, j}, p.op(Op::add, f64, {p.op(Op::multiply, f64, {x, y}), column}));
  });
  check(p, {Data::of(f32, random_values<float>(40 * 30), {37, 13}, {30, 2}),
            Data::of(i16, random_values<std::int16_t>(200, -99, 99), {13, 5}, {-5, 1}, 60),
            Data::of(f64, std::vector<double>(13 * 37), {13, 37})});
}

TEST(Codegen, GatherAndScatter) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 1), index = p.parameter(i64, 1), out = p.parameter(f32, 1);
  p.loop(true, {p.range(p.extent(index, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const NodeId where = p.load(index, {i});
    const NodeId inside = p.op(Op::less, bool_, {where, p.extent(a, 0)});
    const NodeId x = p.load(a, {where}, inside);
    p.store(out, {p.op(Op::subtract, i64, {p.op(Op::subtract, i64, {p.extent(out, 0), i}), p.integer(1)})}, x);
  });
  std::vector<std::int64_t> where(101);
  for (std::size_t k = 0; k < where.size(); ++k) where[k] = static_cast<std::int64_t>(k * 37 % 60);
  check(p, {Data::of(f32, random_values<float>(50)), Data::of(i64, where), Data::of(f32, std::vector<float>(101))});
}

TEST(Codegen, Mandelbrot) {
  MadeProgram p;
  const RootId image = p.parameter(f32, 2);
  p.roots[image].contiguous = true;
  const NodeId xmin = p.scalar({f32}), width = p.scalar({f32}), ymin = p.scalar({f32}), height = p.scalar({f32});
  p.loop(true, {p.range(p.extent(image, 0)), p.range(p.extent(image, 1))}, [&](LoopId loop) {
    const NodeId row = p.index(loop, 0), col = p.index(loop, 1);
    const auto scaled = [&](NodeId first, NodeId size, NodeId k, NodeId count) {
      const NodeId part =
          p.op(Op::divide, f32, {p.op(Op::multiply, f32, {size, p.convert(k, f32)}), p.convert(count, f32)});
      return p.op(Op::add, f32, {first, part});
    };
    const NodeId cr = scaled(xmin, width, col, p.extent(image, 1)), ci = scaled(ymin, height, row, p.extent(image, 0));
    const VariableId zr = p.variable(f32), zi = p.variable(f32), n = p.variable(i64);
    for (Variable& v : p.variables) v.block = p.at;
    p.assign(zr, p.real(0, f32));
    p.assign(zi, p.real(0, f32));
    p.assign(n, p.integer(0));
    NodeId r = none, i = none, count = none;
    const auto times = [&](NodeId x, NodeId y) { return p.op(Op::multiply, f32, {x, y}); };
    p.while_(
        [&] {
          r = p.read(zr);
          i = p.read(zi);
          count = p.read(n);
          const NodeId size = p.op(Op::add, f32, {times(r, r), times(i, i)});
          return p.op(Op::logical_and, bool_,
                      {p.op(Op::less, bool_, {size, p.real(4, f32)}), p.op(Op::less, bool_, {count, p.integer(200)})});
        },
        [&] {
          const NodeId t = p.op(Op::add, f32, {p.op(Op::subtract, f32, {times(r, r), times(i, i)}), cr});
          p.assign(zi, p.op(Op::add, f32, {times(times(p.real(2, f32), r), i), ci}));
          p.assign(zr, t);
          p.assign(n, p.op(Op::add, i64, {count, p.integer(1)}));
        });
    p.store(image, {row, col}, p.convert(p.read(n), f32));
  });
  check(p, {Data::of(f32, std::vector<float>(40 * 53), {40, 53})},
        {real_number(-2), real_number(2.5), real_number(-1.25), real_number(2.5)});
}

TEST(Codegen, BranchesInLanes) {
  MadeProgram p;
  const RootId a = p.parameter(i32, 1), out = p.parameter(i32, 1);
  p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const NodeId x = p.load(a, {i});
    const VariableId y = p.variable(i32);
    p.variables[y].block = p.at;
    const NodeId zero = p.convert(p.integer(0), i32), three = p.convert(p.integer(3), i32);
    p.assign(y, x);
    p.branch(p.op(Op::less, bool_, {x, zero}), [&] {
      p.assign(y, p.op(Op::negative, i32, {p.read(y)}));
      p.branch(p.op(Op::less, bool_, {p.op(Op::mod, i32, {x, three}), p.convert(p.integer(1), i32)}),
               [&] { p.assign(y, p.op(Op::add, i32, {p.read(y), p.convert(p.integer(1000), i32)})); });
    });
    p.store(out, {i}, p.read(y));
  });
  check(p, {Data::of(i32, random_values<std::int32_t>(77, -50, 50)), Data::of(i32, std::vector<std::int32_t>(77))});
}

TEST(Codegen, LoopsWithBreakAndContinueInLanes) {
  MadeProgram p;
  const RootId a = p.parameter(i32, 1), out = p.parameter(i32, 1);
  p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const NodeId x = p.convert(p.load(a, {i}), i64);
    const VariableId y = p.variable(i64);
    p.variables[y].block = p.at;
    p.assign(y, p.integer(0));
    const LoopId inner = p.loop(false, {p.range(p.integer(0), x, 2)}, [&](LoopId l) {
      const NodeId k = p.index(l);
      p.branch(p.op(Op::equal, bool_, {p.op(Op::mod, i64, {p.op(Op::add, i64, {k, i}), p.integer(5)}), p.integer(0)}),
               [&] { p.add(Kind::continue_); });
      p.branch(p.op(Op::greater, bool_, {p.op(Op::add, i64, {k, i}), p.integer(40)}), [&] { p.add(Kind::break_); });
      p.assign(y, p.op(Op::add, i64, {p.read(y), p.op(Op::multiply, i64, {k, k})}));
    });
    p.loops[inner].has_break = true;
    p.store(out, {i}, p.convert(p.read(y), i32));
  });
  check(p, {Data::of(i32, random_values<std::int32_t>(77, -5, 50)), Data::of(i32, std::vector<std::int32_t>(77))});
}

// Counters that look bounded but pass 32 bits: reset in the loop, compared by a value from before it.
TEST(Codegen, CountersThatDoNotFit) {
  for (const bool stale : {false, true}) {
    MadeProgram p;
    const RootId a = p.parameter(i64, 1), out = p.parameter(i64, 1);
    p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
      const NodeId i = p.index(loop);
      const NodeId x = p.load(a, {i});
      const VariableId n = p.variable(i64), turns = p.variable(i64);
      for (const VariableId v : {n, turns}) p.variables[v].block = p.at;
      p.assign(n, p.integer(0));
      p.assign(turns, p.integer(0));
      const NodeId before = stale ? p.read(n) : none;
      p.while_(
          [&] {
            const NodeId now = stale ? before : p.read(n);
            const NodeId few = p.op(Op::less, bool_, {p.read(turns), x});
            return p.op(Op::logical_and, bool_, {p.op(Op::less, bool_, {now, p.integer(1000)}), few});
          },
          [&] {
            p.assign(turns, p.op(Op::add, i64, {p.read(turns), p.integer(1)}));
            if (!stale)
              p.branch(p.op(Op::equal, bool_, {p.read(turns), p.integer(3)}),
                       [&] { p.assign(n, p.integer(INT32_MAX)); });
            p.assign(n, p.op(Op::add, i64, {p.read(n), p.integer(stale ? 1000000000 : 1)}));
          });
      p.store(out, {i}, p.read(n));
    });
    check(p, {Data::of(i64, random_values<std::int64_t>(40, 0, 9)), Data::of(i64, std::vector<std::int64_t>(40))});
  }
}

// ---- reductions -----------------------------------------------------------------------------------------------------

TEST(Codegen, WideReductions) {
  for (const std::size_t n : {0, 1, 63, 64, 100, 2048, 2049, 10000, 140000}) {
    MadeProgram p;
    const RootId a = p.parameter(f32, 1);
    p.roots[a].contiguous = true;
    const VariableId sum = p.variable(f32), most = p.variable(f32);
    p.assign(sum, p.real(10, f32));
    p.assign(most, p.real(-1, f32));
    p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
      const NodeId x = p.load(a, {p.index(loop)});
      p.reduce(sum, Op::add, p.op(Op::multiply, f32, {x, x}), loop);
      p.branch(p.op(Op::less, bool_, {x, p.real(2.5, f32)}), [&] { p.reduce(most, Op::maximum, x, loop); });
    });
    p.result(p.read(sum));
    p.result(p.read(most));
    check(p, {Data::of(f32, random_values<float>(n))});
  }
}

TEST(Codegen, WideReductionsOfSeveralWidthsOverRows) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 2);
  const VariableId sum = p.variable(f32), wide = p.variable(f64), count = p.variable(i64), all = p.variable(bool_);
  p.assign(sum, p.real(0, f32));
  p.assign(wide, p.real(0));
  p.assign(count, p.integer(0));
  p.assign(all, p.op(Op::equal, bool_, {p.integer(0), p.integer(0)}));
  p.loop(true, {p.range(p.extent(a, 0)), p.range(p.extent(a, 1))}, [&](LoopId loop) {
    const NodeId x = p.load(a, {p.index(loop, 0), p.index(loop, 1)});
    p.reduce(sum, Op::add, x, loop);
    p.reduce(wide, Op::add, p.convert(x, f64), loop);
    p.reduce(all, Op::bit_and, p.op(Op::less, bool_, {x, p.real(4, f32)}), loop);
    p.branch(p.op(Op::less, bool_, {x, p.real(0, f32)}), [&] { p.reduce(count, Op::add, p.integer(1), loop); });
  });
  for (const VariableId v : {sum, wide, count, all}) p.result(p.read(v));
  check(p, {Data::of(f32, random_values<float>(100 * 60), {97, 53}, {60, 1})});
}

TEST(Codegen, NarrowReductionsInLanes) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 2), out = p.parameter(f32, 1);
  p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    const VariableId sum = p.variable(f32);
    p.variables[sum].block = p.at;
    p.assign(sum, p.real(1, f32));
    p.loop(false, {p.range(p.extent(a, 1))}, [&](LoopId l) { p.reduce(sum, Op::add, p.load(a, {i, p.index(l)}), l); });
    p.store(out, {i}, p.read(sum));
  });
  check(p, {Data::of(f32, random_values<float>(19 * 1000), {19, 1000}), Data::of(f32, std::vector<float>(19))});
}

TEST(Codegen, OuterLoopReducesRows) {
  MadeProgram p;
  const RootId a = p.parameter(f64, 2), out = p.parameter(f64, 1);
  p.roots[a].contiguous = true;
  const VariableId total = p.variable(f64);
  p.assign(total, p.real(0));
  p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId rows) {
    const NodeId i = p.index(rows);
    const VariableId sum = p.variable(f64);
    p.variables[sum].block = p.at;
    p.assign(sum, p.real(0));
    p.loop(true, {p.range(p.extent(a, 1))}, [&](LoopId l) { p.reduce(sum, Op::add, p.load(a, {i, p.index(l)}), l); });
    const NodeId x = p.read(sum);
    p.store(out, {i}, x);
    p.reduce(total, Op::add, x, rows);
  });
  p.result(p.read(total));
  check(p, {Data::of(f64, random_values<double>(150 * 70), {150, 70}), Data::of(f64, std::vector<double>(150))});
}

// Stores that bypass the cache, from every misalignment, in rows and flat.
TEST(Codegen, StreamingStores) {
  for (const std::int64_t offset : {0, 1, 3, 7, 13}) {
    for (const bool rows : {false, true}) {
      MadeProgram p;
      const RootId a = p.parameter(f32, rows ? 2 : 1), out = p.parameter(f32, rows ? 2 : 1),
                   half = p.parameter(i16, rows ? 2 : 1);
      for (Root& root : p.roots) root.unit_strides = rows ? 2 : 1;
      std::vector<LoopDimension> dimensions;
      for (std::uint32_t axis = 0; axis < p.roots[a].rank; ++axis) dimensions.push_back(p.range(p.extent(a, axis)));
      p.loop(true, dimensions, [&](LoopId loop) {
        const auto store = [&](RootId root, NodeId x) {
          if (rows)
            p.store(root, {p.index(loop, 0), p.index(loop, 1)}, x);
          else
            p.store(root, {p.index(loop)}, x);
        };
        const NodeId x = rows ? p.load(a, {p.index(loop, 0), p.index(loop, 1)}) : p.load(a, {p.index(loop)});
        store(out, p.op(Op::multiply, f32, {x, x}));
        store(half, p.convert(x, i16));
      });
      p.loops[0].streaming = true;
      p.loops[0].memory_bound = offset != 1;
      const Compiled compiled(p, 256, true);
      EXPECT_NE(compiled.result.assembly.find("movnt"), std::string::npos);
      const std::vector<std::int64_t> extents =
          rows ? std::vector<std::int64_t>{5, 61} : std::vector<std::int64_t>{300};
      const std::vector<std::int64_t> strides = rows ? std::vector<std::int64_t>{67, 1} : std::vector<std::int64_t>{1};
      check(p, {Data::of(f32, random_values<float>(350), extents, strides),
                Data::of(f32, std::vector<float>(360), extents, strides, offset),
                Data::of(i16, std::vector<std::int16_t>(360), extents, strides, offset)});
    }
  }
}

TEST(Codegen, StreamingStoresOfComplexNumbers) {
  for (const DType dtype : {c64, c128})
    for (const std::int64_t offset : {0, 1, 3, 7}) {
      MadeProgram p;
      const RootId a = p.parameter(dtype, 1), out = p.parameter(dtype, 1);
      for (Root& root : p.roots) root.unit_strides = 1;
      p.loop(true, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
        const NodeId i = p.index(loop), x = p.load(a, {i});
        p.store(out, {i}, p.op(Op::multiply, dtype, {x, x}));
      });
      p.loops[0].streaming = true;
      const Compiled compiled(p, 256, true);
      EXPECT_NE(compiled.result.assembly.find("movnt"), std::string::npos) << dtype;
      check(p, {data_of(dtype, numbers_of(dtype, 300)),
                Data::of(dtype, std::vector<std::uint8_t>(310 * dtype.size()), {300}, {1}, offset)});
    }
}

// ---- memory and control in scalar code
// --------------------------------------------------------------------------------

TEST(Codegen, UpdatesThroughData) {
  for (const DType dtype : {i32, u8, f64, bool_}) {
    for (const Op op : {Op::add, Op::maximum, Op::multiply}) {
      MadeProgram p;
      const RootId index = p.parameter(i32, 1), out = p.parameter(dtype, 1), own = p.parameter(dtype, 1);
      p.roots[own].contiguous = true;
      p.loop(true, {p.range(p.extent(index, 0))}, [&](LoopId loop) {
        const NodeId i = p.index(loop);
        const NodeId at = p.load(index, {i});
        const NodeId x = p.convert(at, dtype);
        p.store(out, {p.convert(at, i64)}, x, Kind::update);
        p.blocks[p.at].statements.back().op = op;
        p.store(own, {p.op(Op::add, i64, {i, p.integer(1)})}, x, Kind::update);
        p.blocks[p.at].statements.back().op = op;
      });
      check(p, {Data::of(i32, random_values<std::int32_t>(300, 0, 20)),
                data_of(dtype, std::vector<detail::Number16>(21)), data_of(dtype, std::vector<detail::Number16>(301))});
    }
  }
}

TEST(Codegen, TimeLoopSwapsMemory) {
  // Three steps of a smoothing that reads one array and writes the other; the result is whichever holds the last step.
  MadeProgram p;
  const RootId a = p.parameter(f32, 1);
  const NodeId n = p.extent(a, 0), steps = p.scalar({i64, Strength::weak});
  const RootId x = p.made(Root::Kind::allocated, f32, {n}), y = p.made(Root::Kind::allocated, f32, {n});
  for (const RootId root : {x, y}) p.add(Kind::allocate).target = root;
  p.loop(true, {p.range(n)}, [&](LoopId loop) {
    const NodeId value = p.load(a, {p.index(loop)});
    p.store(x, {p.index(loop)}, value);
    p.store(y, {p.index(loop)}, value);
  });
  p.loop(false, {p.range(steps)}, [&](LoopId) {
    p.loop(true, {p.range(p.integer(1), p.op(Op::subtract, i64, {n, p.integer(1)}))}, [&](LoopId loop) {
      const NodeId i = p.index(loop);
      const NodeId left = p.load(x, {p.op(Op::subtract, i64, {i, p.integer(1)})}),
                   right = p.load(x, {p.op(Op::add, i64, {i, p.integer(1)})});
      p.store(y, {i}, p.op(Op::multiply, f32, {p.op(Op::add, f32, {left, right}), p.real(0.5, f32)}));
    });
    Statement& s = p.add(Kind::swap);
    s.target = x;
    s.other = y;
  });
  Result result;
  result.is_array = true;
  result.root = x;
  result.rank = 1;
  result.offset = p.integer(0);
  result.extents[0] = n;
  result.strides[0] = p.integer(1);
  p.results.push_back(result);
  for (const int count : {0, 1, 2, 7}) check(p, {Data::of(f32, random_values<float>(50))}, {whole_number(count)});
}

TEST(Codegen, SwapsParametersOfAnyLayout) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 2), b = p.parameter(f32, 2);
  p.loop(false, {p.range(p.integer(3))}, [&](LoopId turn) {
    p.loop(true, {p.range(p.extent(a, 0)), p.range(p.extent(a, 1))}, [&](LoopId loop) {
      const NodeId i = p.index(loop, 0), j = p.index(loop, 1);
      const NodeId x = p.load(a, {i, j});
      p.store(b, {i, j}, p.op(Op::add, f32, {x, p.convert(p.index(turn), f32)}));
    });
    Statement& s = p.add(Kind::swap);
    s.target = a;
    s.other = b;
  });
  check(p, {Data::of(f32, random_values<float>(60), {6, 9}, {1, 6}),
            Data::of(f32, random_values<float>(60), {6, 9}, {10, 1})});
}

TEST(Codegen, GuardsAndMemoryFailures) {
  MadeProgram p;
  const RootId a = p.parameter(f32, 1);
  const NodeId n = p.extent(a, 0);
  Message message;
  message.shown = {n, p.op(Op::multiply, i64, {n, n})};
  p.messages.push_back(Message{});
  p.messages.push_back(message);
  Statement& guard = p.add(Kind::guard);
  guard.condition = p.op(Op::less, bool_, {n, p.integer(10)});
  guard.message = 1;
  const RootId huge =
      p.made(Root::Kind::allocated, f32, {p.op(Op::multiply, i64, {n, p.integer(std::int64_t{1} << 60)})});
  p.add(Kind::allocate).target = huge;
  const Compiled compiled(p, 256);
  for (const std::int64_t size : {std::int64_t{12}, std::int64_t{5}}) {
    std::vector<float> data(static_cast<std::size_t>(size));
    Call call;
    call.array(data);
    const std::int32_t status = compiled.entry(&call.prepare(p));
    EXPECT_EQ(status, size == 12 ? 2 : status_no_memory);
    if (size == 12) {
      EXPECT_EQ(call.frame.failed[0], 12);
      EXPECT_EQ(call.frame.failed[1], 144);
    }
  }
}

TEST(Codegen, ArraysOfAnIteration) {
  // Each iteration sorts nothing but squares four numbers in an array of its own.
  MadeProgram p;
  const RootId a = p.parameter(f32, 1), out = p.parameter(f32, 1);
  const RootId local = p.made(Root::Kind::allocated, f32, {p.integer(4)});
  p.loop(true, {p.range(p.extent(out, 0))}, [&](LoopId loop) {
    const NodeId i = p.index(loop);
    p.add(Kind::allocate).target = local;
    p.loop(true, {p.range(p.integer(4))}, [&](LoopId k) {
      const NodeId x = p.load(a, {p.op(Op::add, i64, {i, p.index(k)})});
      p.store(local, {p.index(k)}, p.op(Op::multiply, f32, {x, x}));
    });
    p.store(out, {i}, p.op(Op::add, f32, {p.load(local, {p.integer(0)}), p.load(local, {p.integer(3)})}));
  });
  Program distributed = p;
  distributed.loops[0].distribute = true;  // an array of the iteration lives on the stack of the thread
  const std::vector<Data> data = {Data::of(f32, random_values<float>(53)), Data::of(f32, std::vector<float>(50))};
  const Outcome expected = run(p, data, {}, [&](Frame& frame) { return interpret(p, frame); });
  const Compiled compiled(distributed, 256);
  const Outcome got = run(p, data, {}, [&](Frame& frame) { return compiled.entry(&frame); });
  expect_same(got.data[1].bytes, expected.data[1].bytes, f32, "out");
}

TEST(Codegen, NarrowReductionsOfNumbers) {
  for (const std::int64_t n : {0, 1, 255, 256, 257, 5000}) {
    MadeProgram p;
    const RootId a = p.parameter(f64, 1);
    const VariableId sum = p.variable(f64), product = p.variable(f64);
    p.assign(sum, p.real(3));
    p.assign(product, p.real(1));
    const LoopId made = p.loop(false, {p.range(p.extent(a, 0))}, [&](LoopId loop) {
      const NodeId x = p.load(a, {p.index(loop)});
      p.reduce(sum, Op::add, x, loop);
      p.branch(p.op(Op::less, bool_, {x, p.real(0)}), [&] { p.add(Kind::continue_); });
      p.reduce(sum, Op::add, p.op(Op::multiply, f64, {x, x}), loop);
      p.branch(p.op(Op::equal, bool_, {p.index(loop), p.integer(4000)}), [&] { p.add(Kind::break_); });
      p.reduce(product, Op::maximum, x, loop);
    });
    p.loops[made].has_break = true;
    p.result(p.read(sum));
    p.result(p.read(product));
    check(p, {Data::of(f64, random_values<double>(static_cast<std::size_t>(n)))});
  }
}

}  // namespace
