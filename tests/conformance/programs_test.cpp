// Whole programs of the kind users write, in every way against plain C++.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

Integers hashed_integers(std::size_t count, std::uint64_t seed, std::int64_t below) {
  Integers out;
  for (std::size_t k = 0; k < count; ++k)
    out.push_back(static_cast<std::int64_t>(hashed(k, seed) % static_cast<std::uint64_t>(below)));
  return out;
}

void expect_near(const Array& actual, const Doubles& wanted, double relative) {
  const Doubles x = numbers<double>(actual);
  ASSERT_EQ(x.size(), wanted.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    EXPECT_NEAR(x[k], wanted[k], relative * (1 + std::abs(wanted[k]))) << "element " << k;
}

TEST(Programs, Tutorial) {
  static const auto a_plus_tr_tanh_a = jit([](Array a) {
    Var trace = 0.0;
    for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
    return a + trace;
  });
  for (const std::int64_t n : {1, 7, 100}) {
    const Array a = hashed_array(n * n, f64, 1).reshape({n, n});
    const auto r = everywhere(a_plus_tr_tanh_a, [&](const auto& f) { return results(f(a)); });
    Doubles wanted = numbers<double>(a);
    double trace = 0;
    for (std::int64_t i = 0; i < n; ++i) trace += std::tanh(wanted[static_cast<std::size_t>(i * n + i)]);
    for (double& x : wanted) x += trace;
    expect_near(r[0], wanted, 1e-14);
    EXPECT_EQ(everywhere(a_plus_tr_tanh_a, [&](const auto& f) { return results(f(f32(a))); })[0].dtype(), f32);
    EXPECT_EQ(everywhere(a_plus_tr_tanh_a, [&](const auto& f) { return results(f(i64(a))); })[0].dtype(), f64);
    everywhere(a_plus_tr_tanh_a, [&](const auto& f) { return results(f(a.T())); });
    everywhere(a_plus_tr_tanh_a, [&](const auto& f) { return results(f(f16(a))); });
  }
}

Value normal_cdf(Value x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

TEST(Programs, BlackScholes) {
  static const auto black_scholes = jit([](Array S, Array K, Array T, Value r, Value sigma) {
    Array call = empty_like(S), put = empty_like(S);
    for (Value i : prange(S.size())) {
      Value root = sqrt(T(i)), d1 = (log(S(i) / K(i)) + (r + sigma * sigma / 2) * T(i)) / (sigma * root),
            d2 = d1 - sigma * root;
      Value discounted = K(i) * exp(-r * T(i));
      call(i) = S(i) * normal_cdf(d1) - discounted * normal_cdf(d2);
      put(i) = discounted * normal_cdf(-d2) - S(i) * normal_cdf(-d1);
    }
    return std::tuple(call, put);
  });
  static const auto call_price = vectorize([](Value S, Value K, Value T, Value r, Value sigma) {
    Value d1 = (log(S / K) + (r + sigma * sigma / 2) * T) / (sigma * sqrt(T));
    return S * normal_cdf(d1) - K * exp(-r * T) * normal_cdf(d1 - sigma * sqrt(T));
  });
  constexpr std::size_t n = 1003;
  Doubles S, K, T, call, put;
  for (std::size_t k = 0; k < n; ++k) {
    S.push_back(5 + static_cast<double>(hashed(k, 2) % 2500) / 100);
    K.push_back(1 + static_cast<double>(hashed(k, 3) % 9900) / 100);
    T.push_back(0.25 + static_cast<double>(hashed(k, 4) % 975) / 100);
    const double root = std::sqrt(T[k]), d1 = (std::log(S[k] / K[k]) + (0.02 + 0.3 * 0.3 / 2) * T[k]) / (0.3 * root),
                 d2 = d1 - 0.3 * root;
    const double discounted = K[k] * std::exp(-0.02 * T[k]);
    call.push_back(S[k] * normal_cdf(d1) - discounted * normal_cdf(d2));
    put.push_back(discounted * normal_cdf(-d2) - S[k] * normal_cdf(-d1));
  }
  const auto r =
      everywhere(black_scholes, [&](const auto& f) { return results(f(array(S), array(K), array(T), 0.02, 0.3)); });
  expect_near(r[0], call, 1e-12);
  expect_near(r[1], put, 1e-12);
  const auto q =
      everywhere(call_price, [&](const auto& f) { return results(f(array(S), array(K), array(T), 0.02, 0.3)); });
  expect_near(q[0], call, 1e-12);
  everywhere(black_scholes,
             [&](const auto& f) { return results(f(f32(array(S)), f32(array(K)), f32(array(T)), 0.02, 0.3)); });
  everywhere(call_price, [&](const auto& f) { return results(f(f32(array(S)), 40.0, 2.0, 0.02, 0.3)); });
}

// Sums of whole numbers through data-dependent indices: any order gives the same.
TEST(Programs, KMeans) {
  static const auto kmeans = jit([](Array points, Array centres, Value iterations) {
    Value n = points.shape(0), d = points.shape(1), k = centres.shape(0);
    Array label = empty({n}, i64);
    for ([[maybe_unused]] Value t : range(iterations)) {
      Array total = zeros({k, d}), count = zeros({k}, i64);
      for (Value i : prange(n)) {
        Var best = 0, best_distance = 1e300;
        for (Value c : range(k)) {
          Var distance = 0.0;
          for (Value x : range(d)) distance += square(points(i, x) - centres(c, x));
          if_(distance < best_distance, [&] {
            best = c;
            best_distance = distance;
          });
        }
        label(i) = best;
        count(best) += 1;
        for (Value x : range(d)) total(best, x) += points(i, x);
      }
      centres(rest) = total / maximum(count, 1)(_, newaxis);
    }
    return label;
  });
  constexpr std::size_t n = 500, d = 3, k = 5;
  const Integers points = hashed_integers(n * d, 5, 1000);
  Doubles centres(points.begin(), points.begin() + k * d);
  const Doubles start = centres;
  const auto r = everywhere(kmeans, [&](const auto& f) {
    Array c = array_from(start, {k, d});
    Array label = f(array_from(points, {n, d}), c, 6);
    return results(label, c);
  });
  Integers label(n);
  for (int t = 0; t < 6; ++t) {
    Integers total(k * d), count(k);
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t best = 0;
      double best_distance = 1e300;
      for (std::size_t c = 0; c < k; ++c) {
        double distance = 0;
        for (std::size_t x = 0; x < d; ++x)
          distance += std::pow(static_cast<double>(points[i * d + x]) - centres[c * d + x], 2);
        if (distance < best_distance) best = c, best_distance = distance;
      }
      label[i] = static_cast<std::int64_t>(best);
      ++count[best];
      for (std::size_t x = 0; x < d; ++x) total[best * d + x] += points[i * d + x];
    }
    for (std::size_t c = 0; c < k; ++c)
      for (std::size_t x = 0; x < d; ++x)
        centres[c * d + x] =
            static_cast<double>(total[c * d + x]) / static_cast<double>(std::max<std::int64_t>(count[c], 1));
  }
  EXPECT_EQ(numbers<std::int64_t>(r[0]), label);
  EXPECT_EQ(numbers<double>(r[1]), centres);
}

TEST(Programs, Life) {
  static const auto life = jit([](Array world, Value turns) {
    Array next = empty_like(world);
    Value h = world.shape(0), w = world.shape(1);
    for ([[maybe_unused]] Value t : range(turns)) {
      for (auto [i, j] : prange(h, w)) {
        Var n = 0;
        for (int di = -1; di <= 1; ++di)
          for (int dj = -1; dj <= 1; ++dj)
            if (di || dj) n += world((i + di) % h, (j + dj) % w);
        next(i, j) = where(n == 3 || (n == 2 && world(i, j) == 1), 1, 0);
      }
      world(rest) = next;
    }
  });
  constexpr std::size_t h = 19, w = 33;
  std::vector<std::uint8_t> world;
  for (std::size_t k = 0; k < h * w; ++k) world.push_back(hashed(k, 6) % 3 == 0);
  const auto r = everywhere(life, [&](const auto& f) {
    Array x = array_from(world, {h, w});
    f(x, 20);
    return results(x);
  });
  for (int t = 0; t < 20; ++t) {
    std::vector<std::uint8_t> next(h * w);
    for (std::size_t i = 0; i < h; ++i)
      for (std::size_t j = 0; j < w; ++j) {
        int n = -world[i * w + j];
        for (std::size_t di = h - 1; di <= h + 1; ++di)
          for (std::size_t dj = w - 1; dj <= w + 1; ++dj) n += world[(i + di) % h * w + (j + dj) % w];
        next[i * w + j] = n == 3 || (n == 2 && world[i * w + j] == 1);
      }
    world = next;
  }
  EXPECT_EQ(numbers<std::uint8_t>(r[0]), world);
}

TEST(Programs, Histogram) {
  static const auto histogram = jit([](Array x, Value low, Value high, int bins) {
    Array h = zeros({bins}, i64);
    for (Value i : prange(x.size())) {
      Value b = i64(floor((x(i) - low) / (high - low) * bins));
      if_(b >= 0 && b < bins, [&] { h(b) += 1; });
    }
    return h;
  });
  for (const std::int64_t n : {0, 1, 100, 20'000}) {
    const Array x = hashed_array(n, f64, 7);
    for (const int bins : {1, 16}) {
      const auto r = everywhere(histogram, [&](const auto& f) { return results(f(x, -1.5, 2.5, bins)); });
      Integers wanted(static_cast<std::size_t>(bins));
      for (const double v : numbers<double>(x)) {
        const double b = std::floor((v + 1.5) / 4.0 * bins);
        if (b >= 0 && b < bins) ++wanted[static_cast<std::size_t>(b)];
      }
      EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
    }
  }
}

// Updates of narrow integers by many threads: neighbours in one word must not lose theirs.
TEST(Programs, NarrowUpdatesThatMeet) {
  static const auto count = jit([](Array at, Array counters, Array largest, Array marks) {
    for (Value i : prange(at.size())) {
      counters(at(i)) += 1;
      largest(at(i)).max(i % 100);
      marks(at(i)) |= 1 << (i % 5);
    }
  });
  const Integers at = hashed_integers(30'000, 8, 7);
  for (const DType dtype : {u8, i16, i32, u64}) {
    const auto r = everywhere(count, [&](const auto& f) {
      Array counters = zeros({7}, dtype), largest = zeros({7}, dtype), marks = zeros({7}, dtype);
      f(array(at), counters, largest, marks);
      return results(counters, largest, marks);
    });
    std::vector<std::uint64_t> wanted(7);
    for (const std::int64_t k : at) ++wanted[static_cast<std::size_t>(k)];
    const auto counters = elements(r[0]), largest = elements(r[1]), marks = elements(r[2]);
    for (std::size_t k = 0; k < 7; ++k) {
      const std::uint64_t mask = dtype.size() == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << dtype.size() * 8) - 1;
      EXPECT_EQ(static_cast<std::uint64_t>(counters[k].i) & mask, wanted[k] & mask) << dtype;
      EXPECT_EQ(largest[k].i, 99) << dtype;
      EXPECT_EQ(marks[k].i, 31) << dtype;
    }
  }
}

// -= and the counts up and down are updates as += is.
TEST(Programs, CountsThatMeet) {
  static const auto count = jit([](Array at, Array x, Array up, Array down, Array less, Array own) {
    for (Value i : prange(at.size())) {
      up(at(i))++;
      --down(at(i));
      less(at(i)) -= 3;
      own(i) -= x(i) * 0.1;
    }
  });
  const Integers at = hashed_integers(30'000, 8, 7);
  const Array x = hashed_array(30'000, f64, 9);
  for (const DType dtype : {u8, i16, u32, i64}) {
    const auto r = everywhere(count, [&](const auto& f) {
      Array up = zeros({7}, dtype), down = zeros({7}, dtype), less = zeros({7}, dtype), own = x.copy();
      f(array(at), x, up, down, less, own);
      return results(up, down, less, own);
    });
    Array wanted = zeros({7}, i64);
    for (const std::int64_t k : at) wanted(k) += 1;
    EXPECT_TRUE(same_bits(r[0], dtype(wanted)));
    EXPECT_TRUE(same_bits(r[1], dtype(-wanted)));
    EXPECT_TRUE(same_bits(r[2], dtype(-3 * wanted)));
    EXPECT_TRUE(same_bits(r[3], x - x * 0.1));
  }
}

struct Graph {
  Array row, column;
};

TEST(Programs, RaggedGraph) {
  static const auto step = jit([](Graph g, Array rank, Value damping) {
    Value n = g.row.size() - 1;
    Array next = empty_like(rank), strongest = empty({n}, i64);
    Var moved = 0.0;
    for (Value v : prange(n)) {
      Var s = 0.0, best = -1.0, who = -1;
      for (Value e : range(g.row(v), g.row(v + 1))) {
        Value u = g.column(e), give = rank(u) / maximum(g.row(u + 1) - g.row(u), 1);
        s += give;
        if_(give > best, [&] {
          best = give;
          who = u;
        });
      }
      Value r = (1 - damping) / n + damping * s;
      next(v) = r;
      strongest(v) = who;
      moved += abs(r - rank(v));
    }
    return std::tuple(next, strongest, moved);
  });
  constexpr std::size_t n = 311;
  Integers row{0}, column;
  for (std::size_t v = 0; v < n; ++v) {
    const std::size_t degree = hashed(v, 9) % 11;
    for (std::size_t e = 0; e < degree; ++e) column.push_back(static_cast<std::int64_t>(hashed(v * 16 + e, 10) % n));
    row.push_back(static_cast<std::int64_t>(column.size()));
  }
  Doubles rank = numbers<double>(abs(hashed_array(n, f64, 11)));
  const auto r =
      everywhere(step, [&](const auto& f) { return results(f(Graph{array(row), array(column)}, array(rank), 0.85)); });
  Doubles next;
  Integers strongest;
  double moved = 0;
  for (std::size_t v = 0; v < n; ++v) {
    double s = 0, best = -1;
    std::int64_t who = -1;
    for (std::int64_t e = row[v]; e < row[v + 1]; ++e) {
      const auto u = static_cast<std::size_t>(column[static_cast<std::size_t>(e)]);
      const double give = rank[u] / static_cast<double>(std::max<std::int64_t>(row[u + 1] - row[u], 1));
      s += give;
      if (give > best) best = give, who = static_cast<std::int64_t>(u);
    }
    next.push_back((1 - 0.85) / n + 0.85 * s);
    strongest.push_back(who);
    moved += std::abs(next[v] - rank[v]);
  }
  EXPECT_EQ(numbers<double>(r[0]), next);
  EXPECT_EQ(numbers<std::int64_t>(r[1]), strongest);
  EXPECT_NEAR(numbers<double>(r[2])[0], moved, 1e-9);
}

TEST(Programs, Search) {
  static const auto find = jit([](Array a, Value x) {
    Var found = -1;
    for (Value i : range(a.size()))
      if_(a(i) == x, [&] {
        found = i;
        break_();
      });
    return found;
  });
  static const auto lower_bound = jit([](Array sorted, Array keys) {
    Array out = empty({keys.size()}, i64);
    for (Value i : prange(keys.size())) {
      Var low = 0, high = sorted.size();
      while_([&] { return low < high; },
             [&] {
               Value middle = floordiv(low + high, 2);
               if_(sorted(middle) < keys(i), [&] { low = middle + 1; }, [&] { high = middle; });
             });
      out(i) = low;
    }
    return out;
  });
  Integers a = hashed_integers(77, 12, 1000);
  const Integers keys = hashed_integers(203, 13, 1100);
  for (const std::int64_t x : {a[0], a[40], a[76], std::int64_t{5000}}) {
    const auto r = everywhere(find, [&](const auto& f) { return results(f(array(a), x)); });
    const auto at = std::find(a.begin(), a.end(), x);
    EXPECT_EQ(numbers<std::int64_t>(r[0])[0], at == a.end() ? -1 : at - a.begin());
  }
  std::sort(a.begin(), a.end());
  const auto r = everywhere(lower_bound, [&](const auto& f) { return results(f(array(a), array(keys))); });
  Integers wanted;
  for (const std::int64_t key : keys) wanted.push_back(std::lower_bound(a.begin(), a.end(), key) - a.begin());
  EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
}

// The number of turns depends on the data: the condition is read back each time.
TEST(Programs, JacobiUntilItStands) {
  static const auto solve = jit([](Array A, Array b, Value tolerance, Value limit) {
    Array x = zeros_like(b), d = A(arange(A.shape(0)), arange(A.shape(0)));
    Var change = 1.0, turns = 0;
    while_([&] { return change > tolerance && turns < limit; },
           [&] {
             Array next = (b - matmul(A, x) + d * x) / d;
             change = max(abs(next - x));
             x(_) = next;
             turns += 1;
           });
    return std::tuple(x, turns, change);
  });
  constexpr std::size_t n = 24;
  Doubles A = numbers<double>(hashed_array(n * n, f64, 14)), b = numbers<double>(hashed_array(n, f64, 15));
  for (std::size_t i = 0; i < n; ++i) A[i * n + i] = 60;
  const auto r =
      everywhere(solve, [&](const auto& f) { return results(f(array_from(A, {n, n}), array(b), 1e-12, 200)); });
  const Doubles x = numbers<double>(r[0]);
  for (std::size_t i = 0; i < n; ++i) {
    double s = 0;
    for (std::size_t j = 0; j < n; ++j) s += A[i * n + j] * x[j];
    EXPECT_NEAR(s, b[i], 1e-9);
  }
  const std::int64_t turns = numbers<std::int64_t>(r[1])[0];
  EXPECT_GT(turns, 3);
  EXPECT_LT(turns, 200);
  const auto cut =
      everywhere(solve, [&](const auto& f) { return results(f(array_from(A, {n, n}), array(b), 1e-12, 2)); });
  EXPECT_EQ(numbers<std::int64_t>(cut[1])[0], 2);
}

TEST(Programs, FixedPointOfTheCosine) {
  static const auto cosine = vectorize([](Value start) {
    Var x = start, last = start + 1.0;
    while_([&] { return abs(x - last) > 1e-12; },
           [&] {
             last = x;
             x = cos(x);
           });
    return x;
  });
  const auto r = everywhere(cosine, [&](const auto& f) { return results(f(hashed_array(45, f64, 16))); });
  for (const double x : numbers<double>(r[0])) EXPECT_NEAR(x, 0.7390851332151607, 1e-11);
}

TEST(Programs, MatrixProduct) {
  static const auto product = jit([](Array A, Array B) {
    Array C = empty({A.shape(0), B.shape(1)}, A.dtype());
    for (auto [i, j] : prange(C.shape(0), C.shape(1))) {
      Var s = 0.0;
      for (Value k : range(A.shape(1))) s += A(i, k) * B(k, j);
      C(i, j) = s;
    }
    return C;
  });
  constexpr std::size_t n = 17, m = 40, l = 23;
  const Doubles A = numbers<double>(hashed_array(n * l, f64, 17)), B = numbers<double>(hashed_array(l * m, f64, 18));
  const auto r =
      everywhere(product, [&](const auto& f) { return results(f(array_from(A, {n, l}), array_from(B, {l, m}))); });
  Doubles wanted;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < m; ++j) {
      double s = -0.0;
      for (std::size_t k = 0; k < l; ++k) s += A[i * l + k] * B[k * m + j];
      wanted.push_back(0.0 + s);
    }
  EXPECT_EQ(numbers<double>(r[0]), wanted);
  everywhere(product,
             [&](const auto& f) { return results(f(f32(array_from(A, {l, n})).T(), f32(array_from(B, {m, l})).T())); });
}

TEST(Programs, SoftmaxOfRows) {
  static const auto softmax = jit([](Array x) {
    Array shifted = x - max(x, {.axis = 1, .keepdims = true}), e = exp(shifted);
    return e / sum(e, {.axis = 1, .keepdims = true});
  });
  static const auto by_hand = jit([](Array x) {
    Array out = empty_like(x);
    for (Value i : prange(x.shape(0))) {
      Var largest = x(i, 0), total = 0.0;
      for (Value j : range(x.shape(1))) largest.max(x(i, j));
      for (Value j : range(x.shape(1))) total += exp(x(i, j) - largest);
      for (Value j : range(x.shape(1))) out(i, j) = exp(x(i, j) - largest) / total;
    }
    return out;
  });
  for (const std::int64_t columns : {1, 9, 64, 300}) {
    const Array x = hashed_array(21 * columns, f64, 19).reshape({21, columns});
    const auto r = everywhere(softmax, [&](const auto& f) { return results(f(x)); });
    const auto h = everywhere(by_hand, [&](const auto& f) { return results(f(x)); });
    expect_near(h[0], numbers<double>(r[0]), 1e-13);
    const Doubles in = numbers<double>(x), out = numbers<double>(r[0]);
    const auto c = static_cast<std::size_t>(columns);
    for (std::size_t i = 0; i < 21; ++i) {
      double total = 0;
      for (std::size_t j = 0; j < c; ++j) total += std::exp(in[i * c + j]);
      for (std::size_t j = 0; j < c; ++j) EXPECT_NEAR(out[i * c + j], std::exp(in[i * c + j]) / total, 1e-13);
    }
    everywhere(softmax, [&](const auto& f) { return results(f(f32(x))); });
  }
}

// The outer prange is a grid of blocks, the inner ones their threads; what is made between them is shared by the block.
TEST(Programs, TiledMatrixProduct) {
  static const auto tiled = jit([](Array A, Array B, Array C, int T) {
    Value N = C.shape(0), M = C.shape(1), K = A.shape(1);
    for (auto [bi, bj] : prange(floordiv(N, T), floordiv(M, T))) {
      Array a = empty({T, T}, A.dtype()), b = empty({T, T}, B.dtype()), acc = zeros({T, T}, C.dtype());
      for (Value k0 : range(0, K, T)) {
        for (auto [i, j] : prange(T, T)) {
          a(i, j) = A(bi * T + i, k0 + j);
          b(i, j) = B(k0 + i, bj * T + j);
        }
        for (auto [i, j] : prange(T, T)) {
          Var s = acc(i, j);
          for (int k = 0; k < T; ++k) s += a(i, k) * b(k, j);
          acc(i, j) = s;
        }
      }
      for (auto [i, j] : prange(T, T)) C(bi * T + i, bj * T + j) = acc(i, j);
    }
  });
  constexpr std::size_t n = 16, m = 24, l = 8;
  const Integers A = hashed_integers(n * l, 20, 100), B = hashed_integers(l * m, 21, 100);
  const auto r = everywhere(tiled, [&](const auto& f) {
    Array C = zeros({n, m}, i64);
    f(array_from(A, {n, l}), array_from(B, {l, m}), C, 4);
    return results(C);
  });
  Integers wanted;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < m; ++j) {
      std::int64_t s = 0;
      for (std::size_t k = 0; k < l; ++k) s += A[i * l + k] * B[k * m + j];
      wanted.push_back(s);
    }
  EXPECT_EQ(numbers<std::int64_t>(r[0]), wanted);
}

TEST(Programs, BlockScan) {
  static const auto block_scan = jit([](Array x, Array sums, int T) {
    for (Value b : prange(floordiv(x.size() + T - 1, T))) {
      Array buffer[2] = {empty({T}, x.dtype()), empty({T}, x.dtype())};
      for (Value t : prange(T)) buffer[0](t) = where(b * T + t < x.size(), x(b * T + t), 0);
      int current = 0;
      for (int d = 1; d < T; d *= 2, current ^= 1)
        for (Value t : prange(T))
          buffer[current ^ 1](t) = buffer[current](t) + where(t >= d, buffer[current](t - d), 0);
      for (Value t : prange(T)) if_(b * T + t < x.size(), [&] { x(b * T + t) = buffer[current](t); });
      sums(b) = buffer[current](T - 1);
    }
  });
  const Integers x = hashed_integers(1000, 22, 100);
  const auto r = everywhere(block_scan, [&](const auto& f) {
    Array y = array(x), sums = zeros({16}, i64);
    f(y, sums, 64);
    return results(y, sums);
  });
  Integers y = x, sums(16);
  for (std::size_t k = 0; k < y.size(); ++k) {
    if (k % 64) y[k] += y[k - 1];
    sums[k / 64] = y[k];
  }
  EXPECT_EQ(numbers<std::int64_t>(r[0]), y);
  EXPECT_EQ(numbers<std::int64_t>(r[1]), sums);
}

}  // namespace
}  // namespace kiln::conformance
