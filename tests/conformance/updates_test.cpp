// Updates of elements that iterations of a prange share: none is lost, and what was there is told.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

Integers hashed_integers(std::size_t count, std::uint64_t seed, std::int64_t below) {
  Integers out;
  for (std::size_t k = 0; k < count; ++k)
    out.push_back(static_cast<std::int64_t>(hashed(k, seed) % static_cast<std::uint64_t>(below)));
  return out;
}

bool scheduled_with(const Text& program, const char* what) {
  return std::string(program.c_str()).find(what) != std::string::npos;
}

// Calls `check` with the function in every way it runs, the interpreter first.
template <class F, class Check>
void in_each_way(const F& f, Check&& check) {
  check(f.with({.interpret = true}));
  for (const JitOptions& options : compiled_ways) {
    SCOPED_TRACE(text_of(options));
    check(f.with(options));
  }
}

constexpr DType integers[] = {i8, i16, i32, i64, u8, u16, u32, u64};
constexpr DType numbers_of_all_kinds[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64};

// ---- The old value --------------------------------------------------------------------------------------------------

// The order is not defined: all that pass are there, once each.
TEST(Updates, Compaction) {
  static const auto compact = jit([](Array x, Array out, Array n) {
    for (Value i : prange(x.size())) if_(x(i) > 0, [&] { out(atomic_add(n(0), 1)) = x(i); });
  });
  for (const std::int64_t size : {0, 1, 7, 1000, 30'000}) {
    const Array x = hashed_array(size, f64, 31);
    std::vector<double> wanted;
    for (const double each : numbers<double>(x))
      if (each > 0) wanted.push_back(each);
    std::sort(wanted.begin(), wanted.end());
    in_each_way(compact, [&](const auto& f) {
      const Array out = x.copy(), n = zeros({1}, i64);
      f(x, out, n);
      ASSERT_EQ(std::int64_t(Value(n(0))), static_cast<std::int64_t>(wanted.size()));
      std::vector<double> found = numbers<double>(out(slice(0, n(0))));
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, wanted);
    });
  }
}

// Tickets: each number is drawn once, whatever the dtype of the counter.
TEST(Updates, TicketsOfEveryDtype) {
  static const auto draw = jit([](Array counter, Array tickets) {
    for (Value i : prange(tickets.size())) tickets(i) = atomic_add(counter(0), 1);
  });
  for (const DType dtype : numbers_of_all_kinds) {
    if (dtype.is_bool()) continue;
    SCOPED_TRACE(dtype.name());
    const std::int64_t n = dtype == i8 ? 100 : 250;  // what every dtype counts exactly
    in_each_way(draw, [&](const auto& f) {
      const Array counter = zeros({2}, dtype), tickets = zeros(n, dtype);
      f(counter, tickets);
      Integers drawn = numbers<std::int64_t>(i64(tickets)), wanted(static_cast<std::size_t>(n));
      std::sort(drawn.begin(), drawn.end());
      std::iota(wanted.begin(), wanted.end(), 0);
      EXPECT_EQ(drawn, wanted);
      EXPECT_EQ(std::int64_t(i64(counter(0))), n);
      EXPECT_EQ(std::int64_t(i64(counter(1))), 0);
    });
  }
}

// A chain: each finds what another put there, so that all but the last are found once.
TEST(Updates, ExchangesFormAChain) {
  static const auto chain = jit([](Array at, Array places, Array found) {
    for (Value i : prange(at.size())) found(i) = atomic_exchange(places(at(i), 0), i + 1);
  });
  const Integers at = hashed_integers(5000, 32, 3);
  for (const DType dtype : {i32, u16, i64, f64}) {
    SCOPED_TRACE(dtype.name());
    in_each_way(chain, [&](const auto& f) {
      const Array places = zeros({3, 2}, dtype), found = zeros({5000}, dtype);
      f(array(at), places, found);
      Integers all = numbers<std::int64_t>(i64(found));
      for (std::int64_t k = 0; k < 3; ++k) all.push_back(std::int64_t(i64(places(k, 0))));
      std::sort(all.begin(), all.end());
      Integers wanted{0, 0, 0};
      for (std::int64_t k = 1; k <= 5000; ++k) wanted.push_back(k);
      EXPECT_EQ(all, wanted);
    });
  }
}

// Of all that try to take a place one succeeds, and only it is told so.
TEST(Updates, ComparingExchangesLetOneWin) {
  static const auto take = jit([](Array at, Array owner, Array won) {
    for (Value i : prange(at.size())) won(i) = where(atomic_cas(owner(at(i)), -1, i) == -1, 1, 0);
  });
  const Integers at = hashed_integers(3000, 33, 50);
  for (const DType dtype : {i16, i64, f32}) {
    SCOPED_TRACE(dtype.name());
    in_each_way(take, [&](const auto& f) {
      const Array owner = full({50}, -1, dtype), won = zeros({3000}, i64);
      f(array(at), owner, won);
      EXPECT_EQ(std::int64_t(sum(won)), 50);
      for (std::int64_t k = 0; k < 50; ++k) {
        const std::int64_t winner(i64(owner(k)));
        ASSERT_GE(winner, 0);
        EXPECT_EQ(at[static_cast<std::size_t>(winner)], k);
        EXPECT_EQ(std::int64_t(won(winner)), 1);
      }
    });
  }
}

// In an order that is defined, plain code and range, everything is.
TEST(Updates, InSequence) {
  static const auto each = jit([](Array a, Array x, Array old) {
    for (Value i : range(x.size())) {
      old(i, 0) = atomic_add(a(0), x(i));
      old(i, 1) = atomic_min(a(1), x(i));
      old(i, 2) = atomic_max(a(-1), x(i));
      old(i, 3) = atomic_exchange(a(3), x(i));
      old(i, 4) = atomic_cas(a(4), x(1), x(i));
    }
    old(0, 5) = atomic_add(a(0), atomic_add(a(0), x(0)));
  });
  for (const DType dtype : numbers_of_all_kinds) {
    SCOPED_TRACE(dtype.name());
    const Array x = dtype(hashed_array(40, f64, 34) * 3);
    const auto run = [&](const auto& f) {
      const Array a = dtype(x(slice(0, 6))), old = zeros({40, 6}, dtype);
      f(a, x, old);
      return results(a, old);
    };
    const auto r = everywhere(each, run);
    // Outside a trace the same statements, in a C++ loop.
    const Array a = dtype(x(slice(0, 6))), old = zeros({40, 6}, dtype);
    for (std::int64_t i = 0; i < 40; ++i) {
      old(i, 0) = atomic_add(a(0), x(i));
      old(i, 1) = atomic_min(a(1), x(i));
      old(i, 2) = atomic_max(a(-1), x(i));
      old(i, 3) = atomic_exchange(a(3), x(i));
      old(i, 4) = atomic_cas(a(4), x(1), x(i));
    }
    old(0, 5) = atomic_add(a(0), atomic_add(a(0), x(0)));
    EXPECT_TRUE(same_bits(r[0], a));
    EXPECT_TRUE(same_bits(r[1], old));
  }
}

// Minima, maxima and bits do not depend on the order either, for floats and bools too.
TEST(Updates, ExtremesOfEveryDtype) {
  static const auto extremes = jit([](Array at, Array x, Array least, Array most, Array told) {
    for (Value i : prange(at.size())) {
      least(at(i)).min(x(i));
      told(i) = atomic_max(most(at(i)), x(i)) <= x(i) || x(i) <= most(at(i));
    }
  });
  const Integers at = hashed_integers(4000, 35, 9);
  for (const DType dtype : numbers_of_all_kinds) {
    SCOPED_TRACE(dtype.name());
    const Array x = dtype(hashed_array(4000, f64, 36) * 50);
    const auto r = everywhere(extremes, [&](const auto& f) {
      const Array least = x(slice(0, 9)).copy(), most = least.copy(), told = zeros({4000}, bool_);
      f(array(at), x, least, most, told);
      return results(least, most, told);
    });
    EXPECT_TRUE(bool(all(r[2]).as_bool()));
  }
}

// ---- Which updates are plain, which are made in copies --------------------------------------------------------------

TEST(Updates, IndicesThatAreTheIterationsOwn) {
  static const auto own = jit([](Array a, Array m, Array x, Value shift) {
    for (Value i : prange(x.size())) {
      a(2 * i + shift) += x(i);
      for (Value k : range(3)) m(i + shift, k) *= x(i) + k;
    }
  });
  const Array x = hashed_array(3000, f64, 37);
  for (const std::int64_t shift : {0, 1, 5}) {
    const auto r = everywhere(own, [&](const auto& f) {
      const Array a = ones({6010}), m = ones({3010, 3});
      f(a, m, x, shift);
      return results(a, m);
    });
    for (std::int64_t i = 0; i < 3000; i += 271) {
      EXPECT_EQ(double(r[0](2 * i + shift)), 1 + double(x(i)));
      EXPECT_EQ(double(r[1](i + shift, 2)), double(x(i)) + 2);
    }
  }
  EXPECT_TRUE(scheduled_with(own.inspect("scheduled"), "[own]"));
  EXPECT_FALSE(scheduled_with(own.inspect("scheduled"), "[private]"));
}

// Each index alone would be the iteration's own; together two iterations meet.
TEST(Updates, TwoIndicesThatMeet) {
  static const auto spread = jit([](Array a, Array x) {
    for (Value i : prange(x.size())) {
      a(i) += x(i);
      a(i + 1) += x(i) * 3;
      a(i + 2) -= x(i);
    }
  });
  const Integers x = hashed_integers(20'000, 38, 1000);
  const auto r = everywhere(spread, [&](const auto& f) {
    const Array a = zeros({20'002}, i32);
    f(a, i32(array(x)));
    return results(a);
  });
  Integers wanted(20'002);
  for (std::size_t i = 0; i < x.size(); ++i) wanted[i] += x[i], wanted[i + 1] += 3 * x[i], wanted[i + 2] -= x[i];
  EXPECT_EQ(numbers<std::int64_t>(i64(r[0])), wanted);
  EXPECT_FALSE(scheduled_with(spread.inspect("scheduled"), "[own]"));
}

TEST(Updates, CopiesOfTheThreads) {
  static const auto counts =
      jit([](Array at, Array x, Array sums, Array products, Array least, Array most, Array all, Array any, Array odd) {
        for (Value i : prange(at.size())) {
          sums(at(i)) += x(i);
          products(at(i)) *= x(i) | 1;
          least(at(i)).min(x(i));
          most(at(i)).max(x(i));
          all(at(i)) &= x(i);
          any(at(i)) |= x(i);
          odd(at(i)) ^= x(i);
        }
      });
  const Integers at = hashed_integers(40'000, 39, 11), x = hashed_integers(40'000, 40, 1 << 30);
  for (const DType dtype : integers) {
    SCOPED_TRACE(dtype.name());
    const auto r = everywhere(counts, [&](const auto& f) {
      Results to;
      for (int k = 0; k < 7; ++k) to.push_back(full({11}, k < 2 ? k : k == 4 ? 127 : 3, dtype));
      f(array(at), dtype(array(x)), to[0], to[1], to[2], to[3], to[4], to[5], to[6]);
      return to;
    });
    const Array values = dtype(array(x));
    Array total = zeros({11}, dtype);
    for (std::int64_t i = 0; i < 40'000; ++i) total(at[static_cast<std::size_t>(i)]) += values(i);
    EXPECT_TRUE(same_bits(r[0], total));
  }
  EXPECT_TRUE(scheduled_with(counts.inspect("scheduled"), "[private]"));
  EXPECT_FALSE(scheduled_with(counts.inspect("scheduled"), "[own]"));
}

// What keeps an update from being counted in copies: a read in the loop, floats, another operation, a second name.
TEST(Updates, NoCopiesWhereTheLoopLooks) {
  static const auto looks = jit([](Array at, Array a, Array b, Array c, Array seen) {
    for (Value i : prange(at.size())) {
      a(at(i)) += 1;
      seen(i) = where(a(at(i)) > 0, 1, 0);
      b(at(i)) += 1.0;
      c(at(i)) += 1;
      c(at(i)) |= 1;
    }
  });
  const Integers at = hashed_integers(10'000, 41, 6);
  const auto r = everywhere(looks, [&](const auto& f) {
    const Array a = zeros({6}, i64), b = zeros({6}), c = full({6}, -1'000'000'001, i64), seen = zeros({10'000}, i64);
    f(array(at), a, b, c, seen);
    return results(a, b, seen);
  });
  EXPECT_EQ(std::int64_t(sum(r[0])), 10'000);
  EXPECT_EQ(double(sum(r[1])), 10'000);
  EXPECT_EQ(std::int64_t(sum(r[2])), 10'000);
  EXPECT_FALSE(scheduled_with(looks.inspect("scheduled"), "[private]"));
}

// Large and small, strided, of two dimensions, in a loop around, and as another name of a second argument.
TEST(Updates, HistogramsOfEveryShape) {
  static const auto count = jit([](Array rows, Array columns, Array h, Value times) {
    for ([[maybe_unused]] Value t : range(times))
      for (Value i : prange(rows.size())) h(rows(i), columns(i)) += 1;
  });
  for (const std::int64_t extent : {1, 5, 200}) {
    const Integers rows = hashed_integers(9000, 42, extent), columns = hashed_integers(9000, 43, extent + 1);
    std::vector<std::int64_t> wanted(static_cast<std::size_t>(extent * (extent + 1)));
    for (std::size_t k = 0; k < rows.size(); ++k)
      wanted[static_cast<std::size_t>(rows[k] * (extent + 1) + columns[k])] += 3;
    const auto plain = everywhere(count, [&](const auto& f) {
      const Array h = zeros({extent, extent + 1}, i32);
      f(array(rows), array(columns), h, 3);
      return results(h);
    });
    EXPECT_EQ(numbers<std::int64_t>(i64(plain[0])), wanted);
    const auto strided = everywhere(count, [&](const auto& f) {
      const Array h = zeros({extent + 1, 2 * extent}, i32);
      f(array(rows), array(columns), h.T()(slice(_, _, 2), _), 3);
      return results(h.T()(slice(_, _, 2), _).copy(), h);
    });
    EXPECT_EQ(numbers<std::int64_t>(i64(strided[0])), wanted);
  }
  static const auto same = jit([](Array at, Array a, Array b) {
    for (Value i : prange(at.size())) {
      a(at(i)) += 1;
      b(at(i)) += 1;
    }
  });
  const Integers at = hashed_integers(9000, 44, 4);
  const auto r = everywhere(same, [&](const auto& f) {
    const Array a = zeros({4}, i64);
    f(array(at), a, a);
    return results(a);
  });
  EXPECT_EQ(std::int64_t(sum(r[0])), 18'000);
}

// An array that an iteration makes is its own; the loops inside the iteration share it.
TEST(Updates, ArraysOfAnIteration) {
  static const auto modes = jit([](Array m, Array out) {
    for (Value i : prange(m.shape(0))) {
      Array h = zeros({8}, i64);
      for (Value j : range(m.shape(1))) h(m(i, j)) += 1;
      for (Value j : prange(m.shape(1))) h(m(i, j)) += 1;
      Var best = 0;
      for (Value k : range(8)) if_(h(k) > h(best), [&] { best = k; });
      out(i) = best;
    }
  });
  const Integers m = hashed_integers(300 * 40, 45, 8);
  const auto r = everywhere(modes, [&](const auto& f) {
    const Array out = zeros({300}, i64);
    f(array_from(m, {300, 40}), out);
    return results(out);
  });
  for (std::size_t i = 0; i < 300; ++i) {
    Integers h(8);
    for (std::size_t j = 0; j < 40; ++j) ++h[static_cast<std::size_t>(m[i * 40 + j])];
    const auto best = std::max_element(h.begin(), h.end()) - h.begin();
    EXPECT_EQ(std::int64_t(r[0](static_cast<std::int64_t>(i))), best);
  }
}

}  // namespace
}  // namespace kiln::conformance
