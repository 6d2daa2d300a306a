// Compiled code touches no byte beside its arrays: they lie against pages that nobody may touch.
#include <kiln/kiln.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csetjmp>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <vector>

namespace kiln {
namespace {

// Which side of an array its fence stands on.
enum class Side { before, behind };

// Room for an array that begins, or ends, where a page ends that cannot be touched.
class Fenced {
 public:
  Fenced(std::int64_t count, DType dtype, Side side) : dtype_(dtype), count_(count) {
    const auto bytes = static_cast<std::size_t>(count) * dtype.size();
    const std::size_t inside = (bytes + page - 1) / page * page;
    size_ = inside + 2 * page;
    void* mapped = ::mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<char*>(mapped);
    if (inside != 0 && ::mprotect(memory_ + page, inside, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    first_ = memory_ + page + (side == Side::behind ? inside - bytes : 0);
  }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  ~Fenced() { ::munmap(memory_, size_); }

  Array array() const {
    const std::int64_t extents[] = {count_};
    return borrow(first_, dtype_, extents);
  }

 private:
  static constexpr std::size_t page = 4096;
  DType dtype_;
  std::int64_t count_;
  std::size_t size_ = 0;
  char* memory_ = nullptr;
  void* first_ = nullptr;
};

sigjmp_buf before_the_call;
volatile sig_atomic_t in_the_call = 0;

// A fault outside the call, whose frame is gone by then, ends the program.
void leave_the_call(int) {
  if (in_the_call == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    return;
  }
  in_the_call = 0;
  siglongjmp(before_the_call, 1);
}

// Whether the call, on this thread, goes without a fault.
template <class Call>
bool stays_inside(const Call& call) {
  if (sigsetjmp(before_the_call, 1) != 0) return false;
  in_the_call = 1;
  call();
  in_the_call = 0;
  return true;
}

bool all_equal(const Array& a, int number) { return all(a == number).as_bool(); }

class FencedMemory : public testing::TestWithParam<std::tuple<DType, Side>> {
 protected:
  void SetUp() override {
    struct sigaction action{};
    action.sa_handler = leave_the_call;
    sigemptyset(&action.sa_mask);
    ASSERT_EQ(sigaction(SIGSEGV, &action, &before_), 0);
  }
  void TearDown() override { sigaction(SIGSEGV, &before_, nullptr); }

  DType dtype() const { return std::get<0>(GetParam()); }
  Side side() const { return std::get<1>(GetParam()); }

  // Calls f with arrays of n elements, all fenced, the first of them written into; every vector width must write what
  // the interpreter writes, which reads and writes only what it was asked for.
  template <class F>
  void expect_inside(const F& f, std::int64_t n, int sources, std::int64_t step = 1) {
    const auto view = [&](const Fenced& memory) { return Array(memory.array()(slice(_, _, step))); };
    const std::int64_t stretch = step < 0 ? -step : step, room = n == 0 ? 0 : (n - 1) * stretch + 1;
    std::vector<Array> in;
    std::vector<std::unique_ptr<Fenced>> memory;
    for (int k = 0; k < sources; ++k) {
      memory.push_back(std::make_unique<Fenced>(room, dtype(), side()));
      in.push_back(view(*memory.back()));
      in.back()(rest) = ((arange(n) * 7 + k * 3) % 11).astype(dtype());
    }
    const Array wanted = zeros({n}, dtype());
    in.resize(2, wanted);  // what is not asked for is not read
    f.with({.interpret = true})(wanted, in[0], in[1]);
    for (const int bits : {128, 256, 512}) {
      const Fenced to(room, dtype(), side());
      const Array out = view(to);
      const auto compiled = f.with({.vector_bits = bits, .threads = 1, .force_threads = true});
      bool equal = false;  // compared by compiled code too
      ASSERT_TRUE(stays_inside([&] {
        compiled(out, in[0], in[1]);
        equal = array_equal(out, wanted).as_bool();
      })) << bits
          << " bits touch what lies beside " << n << " elements, " << step << " apart";
      EXPECT_TRUE(equal) << bits << " bits, " << n << " elements, " << step << " apart";
    }
  }

  struct sigaction before_{};
};

TEST_P(FencedMemory, TailsOfArrayExpressions) {
  const auto f = jit([](Array to, Array a, Array b) { to(rest) = (a - b) * 3 + where(a > b, a, b); });
  for (std::int64_t n = 0; n < 70; ++n) expect_inside(f, n, 2);
  for (const std::int64_t n : {127, 128, 129, 1000, 4096, 4097}) expect_inside(f, n, 2);
}

TEST_P(FencedMemory, TailsOfSteppedViews) {
  const auto f = jit([](Array to, Array a, Array b) { to(rest) = a * 2 - b; });
  for (const std::int64_t step : {2, 3, -1, -2})
    for (const std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 130}) expect_inside(f, n, 2, step);
}

TEST_P(FencedMemory, TailsOfReductions) {
  const auto f = jit([](Array to, Array a, Array b) {
    Var largest(0, to.dtype()), sum(0, to.dtype());
    for (Value i : range(a.shape(0))) largest.max(a(i));
    for (Value i : range(a.shape(0))) sum += b(i);
    if_(a.shape(0) > 0, [&] { to(0) = largest; });
    if_(a.shape(0) > 1, [&] { to(1) = sum; });
  });
  for (const std::int64_t n : {0, 1, 2, 3, 5, 8, 9, 31, 63, 64, 65, 100, 2047, 2048, 2049, 5000})
    expect_inside(f, n, 2);
}

TEST_P(FencedMemory, NeighboursUnderAGuard) {
  const auto wheres = jit([](Array to, Array a, Array b) {
    for (Value i : prange(a.shape(0)))
      to(i) =
          where(i + 1 < a.shape(0), a(i + 1), a(i)) + where(i > 0, b(i - 1), 1) + where(i >= 2 && b(i - 2) > 3, 1, 0);
  });
  const auto branches = jit([](Array to, Array a, Array b) {
    for (Value i : prange(a.shape(0))) {
      to(i) = b(i);
      if_(i + 1 < a.shape(0), [&] { to(i) = a(i + 1); });
      if_(i > 2, [&] { to(i) += a(i - 3); });
    }
  });
  for (const std::int64_t n : {0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 31, 33, 64, 65, 257, 4096}) {
    expect_inside(wheres, n, 2);
    expect_inside(branches, n, 2);
  }
}

TEST_P(FencedMemory, IndicesThatAreReadUnderAGuard) {
  const auto f = jit([](Array to, Array a, Array b) {
    for (Value i : prange(a.shape(0))) {
      Value j = i64(b(i)) * 3'000'001 - 3'000'000;  // most of them far outside
      to(i) = where(j >= 0 && j < a.shape(0), a(j), 5);
    }
  });
  for (const std::int64_t n : {1, 2, 7, 8, 33, 100, 1000}) expect_inside(f, n, 2);
}

// Checked, an index outside is an error and nothing outside is touched: neither the fence nor the elements on the
// array's other side, which belong to the array that it is a part of.
TEST_P(FencedMemory, IndicesThatAreChecked) {
  const auto gather = jit([](Array to, Array from, Array at) {
    for (Value i : prange(at.shape(0))) to(i) = from(at(i));
  });
  const auto scatter = jit([](Array to, Array, Array at) {
    for (Value i : range(at.shape(0))) to(at(i)) = i;
  });
  const auto update = jit([](Array to, Array, Array at) {
    for (Value i : prange(at.shape(0))) to(at(i)) += 1;
  });
  const auto masked = jit([](Array to, Array from, Array at) {
    for (Value i : prange(at.shape(0))) if_(from(0) == 0 && at(i) != 3, [&] { to(at(i)) = 1; }, [&] { to(0) = 2; });
  });
  constexpr std::int64_t n = 70, beside = 5;
  const auto expect_error = [&](const auto& f, std::int64_t place, std::int64_t wrong, int bits) {
    const Fenced room(n + beside, dtype(), side());
    const Array all = room.array();
    all(rest) = 9;
    const bool fence_behind = side() == Side::behind;
    const Array to = all(fence_behind ? slice(beside, _) : slice(0, n));
    const Array others = all(fence_behind ? slice(0, beside) : slice(n, _));
    to(rest) = 0;
    const Array at = arange(n) % 7;
    at(place) = wrong;
    bool is_error = false;
    const bool inside = stays_inside([&] {
      try {
        f.with({.bounds_check = true, .vector_bits = bits, .threads = 1, .force_threads = true})(to, zeros(7, dtype()),
                                                                                                 at);
      } catch (const IndexError&) {
        is_error = true;
      }
    });
    EXPECT_TRUE(inside && is_error) << wrong << " at " << place << ", " << bits << " bits";
    EXPECT_TRUE(all_equal(others, 9)) << wrong << " at " << place << ", " << bits << " bits";
  };
  for (const int bits : {128, 256, 512})
    for (const std::int64_t place : {std::int64_t{0}, std::int64_t{33}, n - 1})
      for (const std::int64_t wrong : {std::int64_t{-1}, n, n + 1, -beside, std::int64_t{1} << 40}) {
        expect_error(gather, place, wrong, bits);
        expect_error(scatter, place, wrong, bits);
        expect_error(update, place, wrong, bits);
        expect_error(masked, place, wrong, bits);
      }
}

TEST_P(FencedMemory, SearchesOneByOne) {
  const auto f = jit([](Array to, Array a, Array b) {
    to(rest) = b;
    for (Value i : range(1, a.shape(0))) {
      Value key = to(i) + 0;
      Var j = i - 1;
      while_([&] { return j >= 0 && to(j) > key; },
             [&] {
               to(j + 1) = to(j);
               j -= 1;
             });
      to(j + 1) = key;
    }
  });
  for (const std::int64_t n : {1, 2, 3, 33, 100}) expect_inside(f, n, 2);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, FencedMemory,
                         testing::Combine(testing::Values(f32, f64, i8, i64),
                                          testing::Values(Side::before, Side::behind)),
                         [](const auto& p) {
                           return std::string(std::get<0>(p.param).name()) +
                                  (std::get<1>(p.param) == Side::before ? "_before" : "_behind");
                         });

}  // namespace
}  // namespace kiln
