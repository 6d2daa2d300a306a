// Copies between the host and the GPU: counted, told, asked for, forbidden; views that C++ code holds meanwhile.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln {
namespace {

using test::counts;
using test::fail;

const auto add = jit([](Array a, Array b) { return a + b; });
const auto increment = jit([](Array a) {
  for (Value i : prange(a.size())) a(i) += 1.0;
});

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_NE(e.line(), 0u) << e.what();
    return e.what();
  }
  return "no error";
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Transfers, ACallTellsWhatItCopied) {
  const Array a = ones({1000}), b = ones({1000});
  const Array c = add.on(cuda())(a, b);
  EXPECT_EQ(last_call().copies_to_device, 2);
  EXPECT_EQ(last_call().bytes_to_device, 16000u);
  EXPECT_EQ(last_call().copies_to_host, 0);
  EXPECT_STREQ(last_call().copies, "argument 1 to cuda:0 (8000 bytes); argument 2 to cuda:0 (8000 bytes)");
  add.on(cuda())(c, b);
  EXPECT_EQ(last_call().copies_to_device, 0);
  EXPECT_STREQ(last_call().copies, "");
  add(a, c);
  EXPECT_EQ(last_call().copies_to_host, 1);
  EXPECT_EQ(last_call().bytes_to_host, 8000u);
  EXPECT_STREQ(last_call().copies, "argument 2 to the host (8000 bytes)");
  add(a, a);
  EXPECT_EQ(last_call().copies_to_host, 0);
}

TEST(Transfers, TheProgramsAreCounted) {
  const Array a = ones({500});
  reset_transfer_info();
  const Array b = add.on(cuda())(a, a);
  EXPECT_EQ(transfer_info().copies_to_device, 1u);
  EXPECT_EQ(transfer_info().bytes_to_device, 4000u);
  EXPECT_EQ(transfer_info().copies_to_host, 0u);
  b.read<double>();
  b.read<double>();
  EXPECT_EQ(transfer_info().copies_to_host, 1u);
  EXPECT_EQ(transfer_info().bytes_to_host, 4000u);
}

TEST(Transfers, ThroughPinnedMemory) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Array a = arange(1'000'003).astype(f64);  // several chunks, and a part of one
  const kiln_simulated_counts before = counts();
  const Array b = add.on(cuda())(a, a);
  const Array c = b.copy();
  EXPECT_EQ(counts().pageable_copies, before.pageable_copies);
  EXPECT_EQ(counts().bytes_to_device - before.bytes_to_device, 8u * 1'000'003);
  const auto all = c.read<double>();
  for (std::size_t k = 0; k < all.size(); ++k) ASSERT_EQ(all[k], 2.0 * static_cast<double>(k));
}

TEST(Transfers, PrefetchCopiesBefore) {
  const Array a = ones({100}), b = ones({100});
  prefetch(a, cuda());
  prefetch(b, cuda());
  const Array c = add.on(cuda())(a, b);
  EXPECT_EQ(last_call().copies_to_device, 0);
  prefetch(c, cpu());
  reset_transfer_info();
  EXPECT_EQ(c(3).as_double(), 2);
  EXPECT_EQ(a(3).as_double(), 1);  // still valid here
  EXPECT_EQ(transfer_info().copies_to_host, 0u);
  EXPECT_THROW(prefetch(a, cuda(99)), RuntimeError);
  EXPECT_THROW(prefetch(Array(), cuda()), UsageError);
}

TEST(Transfers, StrictRefusesThem) {
  const Array a = ones({100}), b = ones({100});
  prefetch(a, cuda());
  const Array c = add.on(cuda())(a, a);
  {
    const StrictScope strict;
    const std::string to_device = error_of([&] { add.on(cuda())(a, b); });
    EXPECT_TRUE(has(to_device, "argument 2 (f64 array of shape (100,)) is newest on the host")) << to_device;
    EXPECT_TRUE(has(to_device, "copied to cuda:0, 800 bytes")) << to_device;
    EXPECT_TRUE(has(to_device, "prefetch() it before")) << to_device;
    const std::string to_host = error_of([&] { add(a, c); });
    EXPECT_TRUE(has(to_host, "argument 2 (f64 array of shape (100,)) is newest on cuda:0")) << to_host;
    EXPECT_TRUE(has(error_of([&] { c(0); }), "prefetch(…, cpu()) before"));
    EXPECT_TRUE(has(error_of([&] { c.read<double>(); }), "prefetch(…, cpu()) before"));
    EXPECT_NO_THROW(add.on(cuda())(a, c));
    {
      const StrictScope relaxed(false);
      EXPECT_NO_THROW(add.on(cuda())(a, b));
    }
    prefetch(c, cpu());
    EXPECT_EQ(c(0).as_double(), 2);
    EXPECT_EQ(add(a, c)(0).as_double(), 3);
  }
  EXPECT_NO_THROW(add.on(cuda())(ones({100}), b));
}

TEST(Transfers, AViewInScopeIsNotOverwritten) {
  const Array a = ones({100});
  {
    const auto seen = a.read<double>();
    EXPECT_TRUE(
        has(error_of([&] { increment.on(cuda())(a); }), "argument 1 (f64 array of shape (100,)) is written on cuda:0"));
    EXPECT_NO_THROW(add.on(cuda())(a, a));
    EXPECT_EQ(seen[0], 1);
  }
  {
    const auto written = a.write<double>();
    written[0] = 5;
    EXPECT_TRUE(has(error_of([&] { add.on(cuda())(a, a); }), "is read on cuda:0 while a view of it that write() gave"));
    EXPECT_TRUE(has(error_of([&] { add.on(cuda())(a(slice(0, 10)), a(slice(0, 10))); }), "is read on cuda:0"));
    const auto copy = written;
    EXPECT_EQ(copy[0], 5);
  }
  increment.on(cuda())(a);
  EXPECT_EQ(a(0).as_double(), 6);
  const auto kept = Array(ones({3})).read<double>();  // its array is gone, its elements are not
  EXPECT_EQ(kept[2], 1);
}

TEST(Transfers, WithoutPinnedMemoryTheDriverCopies) {
  KILN_NEEDS_SIMULATED_DRIVER();
  // What is pinned stays so: only a program that has none yet shows it. Here the copy of several chunks asks for more.
  fail(kiln_simulated_fault_host_allocation, 1);
  const Array a = arange(2'000'000).astype(f64);
  const Array b = add.on(cuda())(a, a);
  EXPECT_EQ(b(1'999'999).as_double(), 2.0 * 1'999'999);
  fail(kiln_simulated_fault_host_allocation, 0);
}

TEST(Transfers, ACopyThatFailsIsAnError) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Array a = ones({100});
  fail(kiln_simulated_fault_copy, 1);
  EXPECT_TRUE(has(error_of([&] { add.on(cuda())(a, a); }), "cannot copy to the GPU"));
  EXPECT_EQ(add.on(cuda())(a, a)(0).as_double(), 2);  // it was not taken for valid
  const Array c = add.on(cuda())(a, a);
  fail(kiln_simulated_fault_copy, 1);
  EXPECT_THROW(c(0), RuntimeError);
  fail(kiln_simulated_fault_copy, 0);
  EXPECT_EQ(c(0).as_double(), 2);
}

}  // namespace
}  // namespace kiln
