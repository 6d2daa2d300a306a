// Facts about arguments: each that a function depends on splits its specializations once, and is named.
#include "tests/dispatch/calls.h"

#include <sys/mman.h>

#include <array>
#include <new>
#include <tuple>

namespace kiln {
namespace {

using test::contains;
using test::elements;
using test::reason;
using test::reasons;

std::vector<double> counted(std::int64_t n, double step = 1) {
  std::vector<double> v(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = static_cast<double>(k) * step;
  return v;
}

TEST(Facts, AnExtentOfOneSplitsOncePerAxis) {
  const auto f = jit([](Array a, Array b) { return a + b; });
  const Array n = arange(5), one = full({1}, 10), none = zeros({0}, i64);
  EXPECT_EQ(elements<std::int64_t>(f(n, n)).at(4), 8);
  EXPECT_COMPILES(f, 1);
  EXPECT_EQ(elements<std::int64_t>(f(one, n)).at(4), 14);
  EXPECT_COMPILES(f, 2);
  EXPECT_TRUE(contains(reason(f.specializations(), 1), "array 0 has extent 1 on axis 0"))
      << reasons(f.specializations());
  EXPECT_EQ(elements<std::int64_t>(f(n, one)).at(4), 14);
  EXPECT_COMPILES(f, 3);
  EXPECT_TRUE(contains(reason(f.specializations(), 2), "array 1 has extent 1 on axis 0"))
      << reasons(f.specializations());
  // Everything else is one of these three.
  EXPECT_EQ(elements<std::int64_t>(f(one, one)), std::vector<std::int64_t>{20});
  EXPECT_EQ(f(none, none).extent(0), 0);
  EXPECT_EQ(f(none, one).extent(0), 0);
  EXPECT_EQ(f(one, none).extent(0), 0);
  for (const std::int64_t extent : {2, 3, 100, 1000}) f(arange(extent), one), f(one, arange(extent)), f(n, n);
  EXPECT_COMPILES(f, 3);
}

TEST(Facts, AnExtentNobodyAskedForNeverSplits) {
  const auto f = jit([](Array a) {
    Var s = 0.0;
    for (Value i : range(a.shape(0)))
      for (Value j : range(a.shape(1))) s += a(i, j);
    return s;
  });
  for (const std::int64_t rows : {3, 1, 0})
    for (const std::int64_t columns : {3, 1, 0})
      EXPECT_EQ(f(ones({rows, columns})).as_double(), static_cast<double>(rows * columns));
  EXPECT_COMPILES(f, 1);
}

TEST(Facts, ALayoutSplitsOnce) {
  const auto f = jit([](Array a) { return a * 2.0; });
  const Array base = array(counted(60));
  EXPECT_EQ(elements<double>(f(base)).at(7), 14);
  EXPECT_COMPILES(f, 1);
  EXPECT_EQ(elements<double>(f(base(slice(_, _, 2)))).at(7), 28);
  EXPECT_COMPILES(f, 2);
  const std::string why = reason(f.specializations(), 1);
  EXPECT_TRUE(contains(why, "array 0") && (contains(why, "stride") || contains(why, "contiguous"))) << why;
  EXPECT_EQ(elements<double>(f(base(slice(_, _, -1)))).at(7), 2 * 52);
  EXPECT_EQ(elements<double>(f(base(slice(50, 3, -3)))).at(7), 2 * (50 - 21));
  for (int step = 2; step < 9; ++step) f(base(slice(step, _, step)));
  EXPECT_COMPILES(f, 2);
}

TEST(Facts, LayoutsOfMatricesSplitOnce) {
  const auto f = jit([](Array a) { return a + 1.0; });
  const Array base = array(counted(6 * 8)).reshape({6, 8});
  const auto check = [&](const Array& a) {
    const Array r = f(a);
    for (std::int64_t i = 0; i < a.extent(0); ++i)
      for (std::int64_t j = 0; j < a.extent(1); ++j) ASSERT_EQ(r(i, j).as_double(), a(i, j).as_double() + 1);
  };
  for (int turn = 0; turn < 2; ++turn) {
    check(base);
    check(base.transpose());
    check(base(slice(1, 5), slice(2, 7)));
    check(base(slice(1, 5), _));
    check(base(_, slice(_, _, 3)));
    check(base(slice(_, _, -1), _));
    check(base(slice(0, 1), _));
    check(base(_, slice(0, 1)));
  }
  // Contiguous, contiguous rows, contiguous columns, anything.
  EXPECT_COMPILES(f, 4);
}

TEST(Facts, NoAlignmentRecompiles) {
  const auto f = jit([](Array a, Array to) { to(rest) = a * 3.0; });
  const Array a = array(counted(200)), to = zeros({200});
  for (std::int64_t offset = 0; offset < 32; ++offset)
    for (const std::int64_t shift : {0, 1, 5}) {
      const Array into = to(slice(shift, shift + 100));
      f(a(slice(offset, offset + 100)), into);
      ASSERT_EQ(elements<double>(into).at(99), 3.0 * static_cast<double>(offset + 99));
    }
  EXPECT_COMPILES(f, 1);
}

TEST(Facts, OverlapSplitsOnce) {
  const auto f = jit([](Array to, Array from) { to(rest) = from + 100.0; });
  const auto fresh = [] { return array(counted(50)); };
  f(zeros({40}), fresh()(slice(0, 40)));
  EXPECT_COMPILES(f, 1);
  for (const auto& [to, from] : std::vector<std::pair<int, int>>{{1, 0}, {0, 1}, {0, 0}, {9, 3}, {3, 9}}) {
    const Array a = fresh();
    f(a(slice(to, to + 40)), a(slice(from, from + 40)));
    for (int k = 0; k < 40; ++k) ASSERT_EQ(a(to + k).as_double(), 100.0 + from + k) << to << " " << from;
  }
  EXPECT_COMPILES(f, 2);
  EXPECT_EQ(reason(f.specializations(), 1), "arrays 0 and 1 share memory");
  // Neighbours in one allocation share nothing.
  const Array a = zeros({80});
  f(a(slice(0, 40)), a(slice(40, 80)));
  EXPECT_COMPILES(f, 2);
}

TEST(Facts, ReversedOverlapIsAsThroughATemporary) {
  const auto f = jit([](Array to, Array from) { to(rest) = from; });
  const Array a = array(counted(30));
  f(a, a(slice(_, _, -1)));
  for (int k = 0; k < 30; ++k) ASSERT_EQ(a(k).as_double(), 29.0 - k);
}

TEST(Facts, ArraysOnlyReadNeverSplitByOverlap) {
  const auto f = jit([](Array a, Array b) { return dot(a, b); });
  const Array a = array(counted(20)), b = array(counted(20));
  f(a, b);
  f(a, a);
  f(a(slice(0, 10)), a(slice(5, 15)));
  EXPECT_COMPILES(f, 1);
}

TEST(Facts, TwoToThe31ElementsWithoutMemory) {
  constexpr std::int64_t huge = (std::int64_t{1} << 31) + 5, far = std::int64_t{1} << 40;
  std::array<double, 3> few{10, 20, 30};
  const std::int64_t extents[] = {3};
  const Array base = borrow(few.data(), f64, extents);
  const auto f = jit([](Array a, Value i, Value j) { return a(i, j) + a.shape(1); });
  EXPECT_EQ(f(base(_, newaxis).broadcast_to({3, 4}), 2, 3).as_double(), 34);
  EXPECT_EQ(f(base(_, newaxis).broadcast_to({3, huge}), 2, huge - 1).as_double(), 30.0 + huge);
  EXPECT_EQ(f(base(_, newaxis).broadcast_to({3, far}), 1, far - 7).as_double(), 20.0 + static_cast<double>(far));
  EXPECT_THROW(f(base(_, newaxis).broadcast_to({3, huge}), 2, huge), IndexError);
  EXPECT_COMPILES(f, 1);
}

// Bytes that are 0 until they are written, without memory behind them before.
class Zeros {
 public:
  explicit Zeros(std::size_t bytes) : bytes_(bytes) {
    memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
  }
  Zeros(const Zeros&) = delete;
  Zeros& operator=(const Zeros&) = delete;
  ~Zeros() { ::munmap(memory_, bytes_); }
  void* data() const { return memory_; }

 private:
  std::size_t bytes_;
  void* memory_ = nullptr;
};

TEST(Facts, StridesThatSpanMoreThanTwoToThe31Elements) {
  constexpr std::int64_t far = (std::int64_t{1} << 31) + 4096;  // elements from row to row
  const Zeros memory(3 * static_cast<std::size_t>(far) * sizeof(float));
  const std::int64_t extents[] = {3, far};
  const Array base = borrow(memory.data(), f32, extents);
  const auto scaled = jit([](Array to, Array a, Value x) { to(rest) = a * x + 1.0; });
  const auto summed = jit([](Array a) {
    Var s(0.0, f32);
    for (auto [i, j] : prange(a.shape(0), a.shape(1))) s += a(i, j);
    return s;
  });
  const auto numbered = [](const Array& a) {
    a(rest) = (arange(3)(_, newaxis) * 100 + arange(a.extent(1))).astype(f32);
  };
  const auto check = [&](const Array& to, const Array& a, const char* what) {
    numbered(a);
    scaled(to, a, 2.0);
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < a.extent(1); ++j)
        ASSERT_EQ(to(i, j).as_double(), 2.0 * static_cast<double>(100 * i + j) + 1) << what << " " << i << " " << j;
    double sum = 0;
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < a.extent(1); ++j) sum += static_cast<double>(100 * i + j);
    ASSERT_EQ(summed(a).as_double(), sum) << what;
  };
  const Array near = zeros({3, 50}, f32);
  check(zeros({3, 9}, f32)(_, slice(0, 7)), zeros({3, 9}, f32)(_, slice(0, 7)), "a small one first");
  const int small_ones = scaled.specializations().size();
  check(near(_, slice(0, 41)), base(_, slice(far - 41, far)), "from afar");
  check(base(_, slice(1000, 1041)), near(_, slice(0, 41)), "to afar");
  check(base(_, slice(far - 50, far - 9)), base(_, slice(5, 46)), "both");
  // The rows of one lie between those of the other: the spans overlap, which is a fact, and nothing else is.
  EXPECT_COMPILES(scaled, small_ones + 1);
  EXPECT_EQ(reason(scaled.specializations(), small_ones), "arrays 0 and 1 share memory");
  EXPECT_COMPILES(summed, 1);
  // The last axis itself may be the long one.
  check(near(_, slice(0, 3)), base(_, slice(7, _, far / 2 - 100)), "steps of 2^30");
  EXPECT_EQ(base(2, 7 + 2 * (far / 2 - 100)).as_double(), 202);
}

TEST(Facts, MoreThanTwoToThe31ElementsOneAfterTheOther) {
  constexpr std::int64_t huge = (std::int64_t{1} << 31) + 77;
  const Zeros memory(static_cast<std::size_t>(huge));
  const std::int64_t extents[] = {huge};
  const Array base = borrow(memory.data(), u8, extents);
  const auto found = jit([](Array a) {
    Var largest(0, a.dtype()), last = -1;
    for (Value i : prange(a.shape(0))) {
      largest.max(a(i));
      last.max(where(a(i) > 3, i, -1));
    }
    return std::tuple(largest, last);
  });
  const auto [none, nowhere] = found(base(slice(0, 1000)));
  EXPECT_EQ(none.as_integer(), 0);
  EXPECT_EQ(nowhere.as_integer(), -1);
  base(5) = 4;
  base(huge - 2) = 9;
  base(huge - 1) = 3;
  const auto [largest, last] = found(base);
  EXPECT_EQ(largest.as_integer(), 9);
  EXPECT_EQ(last.as_integer(), huge - 2);
  EXPECT_COMPILES(found, 1);
}

TEST(Facts, SlicesOfHugeViews) {
  constexpr std::int64_t huge = std::int64_t{1} << 33;
  std::array<float, 2> few{1, 2};
  const std::int64_t extents[] = {2};
  const Array base = borrow(few.data(), f32, extents)(_, newaxis);
  const auto f = jit([](Array a, Value first, Value last) { return sum(a(_, slice(first, last)), {.axis = 1}); });
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, 100}), 10, 20)), (std::vector<float>{10, 20}));
  const int few_variants = f.specializations().size();
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, huge}), huge - 30, huge)), (std::vector<float>{30, 60}));
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, huge}), huge - 1, huge)), (std::vector<float>{1, 2}));
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, 101}), 0, 0)), (std::vector<float>{0, 0}));
  EXPECT_COMPILES(f, few_variants);
  // Beyond the axis a slice is cut, as in Python; this is the fact that differs.
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, huge}), huge - 3, huge + 8)), (std::vector<float>{3, 6}));
  EXPECT_TRUE(contains(reasons(f.specializations()), "a slice reaches beyond its axis"));
  const int all = f.specializations().size();
  EXPECT_EQ(elements<float>(f(base.broadcast_to({2, 5}), 3, 80)), (std::vector<float>{2, 4}));
  EXPECT_EQ(f.specializations().size(), all) << reasons(f.specializations());
}

// One function driven through everything a call may differ in; each difference that matters compiles once, by its name.
TEST(Facts, EachCompileHasItsReason) {
  const auto f = jit([](Array to, Array a, Array b, Value x) { to(rest) = a * x + b; });
  constexpr std::int64_t n = 24;
  const Array memory = array(counted(8 * n));
  const auto fresh = [] { return zeros({2 * n}); };
  const auto part = [&](std::int64_t from, std::int64_t count = 24, std::int64_t step = 1) {
    return Array(memory(slice(from, from + count * step, step)));
  };
  struct Call {
    const char* what;
    Array to, a, b;
    double x;
    const char* reason;  // of the compile that it makes; null: none
  };
  const Array to = fresh(), same = fresh(), none = zeros({0}), one = full({1}, 3.0);
  const std::vector<Call> calls{
      {"the first", to(slice(0, n)), part(0), part(n), 2, "the first call"},
      {"again", to(slice(0, n)), part(0), part(n), 2, nullptr},
      {"other scalars", to(slice(0, n)), part(0), part(n), -0.0, nullptr},
      {"infinity", to(slice(0, n)), part(1), part(n), 1e308 * 10, nullptr},
      {"a longer one", to, part(0, 2 * n), part(n, 2 * n), 2, nullptr},
      {"no elements", none, none, none, 2, nullptr},
      {"two elements", to(slice(0, 2)), part(0, 2), part(9, 2), 2, nullptr},
      {"other alignments", to(slice(1, n + 1)), part(3), part(7), 2, nullptr},
      {"only read, overlapping", to(slice(0, n)), part(0), part(1), 2, nullptr},
      {"one array read twice", to(slice(0, n)), part(0), part(0), 2, nullptr},
      {"an extent of 1", to(slice(0, n)), one, part(0), 2, "array 1 has extent 1 on axis 0"},
      {"the other extent of 1", to(slice(0, n)), part(0), one, 2, "array 2 has extent 1 on axis 0"},
      {"both", to(slice(0, n)), one, one, 2, "array 1 has extent 1 on axis 0"},
      {"everything of extent 1", to(slice(0, 1)), one, part(5, 1), 2, nullptr},
      {"a stride", to(slice(0, n)), part(0, n, 2), part(n), 2, "array 1 has a stride other than 1 on axis 0"},
      {"another stride", to(slice(0, n)), part(0, n, 5), part(n), 2, nullptr},
      {"backwards", to(slice(0, n)), Array(part(0)(slice(_, _, -1))), part(n), 2, nullptr},
      {"in place", same(slice(0, n)), same(slice(0, n)), part(n), 2, "arrays 0 and 1 share memory"},
      {"in place, shifted", same(slice(1, n + 1)), same(slice(0, n)), part(n), 2, nullptr},
      {"in place, the other way", same(slice(0, n)), same(slice(1, n + 1)), part(n), 2, nullptr},
      {"the first once more", to(slice(0, n)), part(0), part(n), 2, nullptr},
  };
  int compiles = 0;
  for (const Call& call : calls) {
    const std::vector<double> a = elements<double>(call.a), b = elements<double>(call.b);
    std::vector<double> wanted(static_cast<std::size_t>(call.to.extent(0)));
    for (std::size_t k = 0; k < wanted.size(); ++k)
      wanted[k] = a[a.size() == 1 ? 0 : k] * call.x + b[b.size() == 1 ? 0 : k];
    f(call.to, call.a, call.b, call.x);
    const Specializations all = f.specializations();
    EXPECT_EQ(elements<double>(call.to), wanted) << call.what;
    EXPECT_EQ(last_call().compiled, call.reason != nullptr) << call.what << ": " << last_call().lookup;
    compiles += call.reason != nullptr;
    ASSERT_EQ(all.size(), compiles) << call.what << ":\n" << reasons(all);
    if (call.reason == nullptr) continue;
    EXPECT_EQ(reason(all, all.size() - 1), call.reason) << call.what;
  }
  EXPECT_EQ(compiles, 6);
}

TEST(Facts, PastEightVariantsTheGenericOneServes) {
  const auto f = jit([](Array a, Array b, Array c, Array d) {
    for (Value i : prange(a.shape(0))) d(i) = a(i) + 10.0 * b(i) + 100.0 * c(i);
  });
  constexpr std::int64_t n = 37;
  const Array whole = array(counted(2 * n));
  for (int turn = 0; turn < 2; ++turn)
    for (int combination = 0; combination < 16; ++combination) {
      const auto pick = [&](int bit) {
        return Array(combination >> bit & 1 ? whole(slice(_, _, 2)) : whole(slice(0, n)));
      };
      const Array store = zeros({2 * n});
      const Array d = combination & 8 ? Array(store(slice(_, _, 2))) : Array(store(slice(0, n)));
      f(pick(0), pick(1), pick(2), d);
      for (int i = 0; i < n; ++i) {
        const auto at = [&](int bit) { return combination >> bit & 1 ? 2.0 * i : 1.0 * i; };
        ASSERT_EQ(d(i).as_double(), at(0) + 10 * at(1) + 100 * at(2)) << combination;
      }
    }
  const Specializations all = f.specializations();
  ASSERT_EQ(all.size(), 9) << reasons(all);
  EXPECT_TRUE(contains(reason(all, 8), "the generic variant, after 8")) << reasons(all);
  // It also serves what overlaps.
  const Array a = array(counted(2 * n));
  f(a(slice(0, n)), a(slice(0, n)), a(slice(0, n)), a(slice(0, n)));
  EXPECT_COMPILES(f, 9);
}

TEST(Facts, BroadcastsOfManyArraysEndInTheGenericVariant) {
  const auto f = jit([](Array a, Array b, Array c) { return a + b * c; });
  for (int turn = 0; turn < 2; ++turn)
    for (int combination = 0; combination < 64; ++combination) {
      const auto pick = [&](int k) {
        const int bits = combination >> (2 * k) & 3;
        return full({bits & 1 ? 1 : 3, bits & 2 ? 1 : 4}, k + 2.0);
      };
      const Array r = f(pick(0), pick(1), pick(2));
      const auto all_ones = [&](int bit) {
        return (combination >> bit & 1) && (combination >> (bit + 2) & 1) && (combination >> (bit + 4) & 1);
      };
      ASSERT_EQ(r.extent(0), all_ones(0) ? 1 : 3);
      ASSERT_EQ(r.extent(1), all_ones(1) ? 1 : 4);
      for (const double x : elements<double>(r)) ASSERT_EQ(x, 2.0 + 3.0 * 4.0);
    }
  EXPECT_COMPILES(f, 9);
}

}  // namespace
}  // namespace kiln
