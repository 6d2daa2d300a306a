// Memory that other code sees: DLPack tensors in and out, borrowed memory of the host's and of a GPU.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <cuda.h>
#include <dlpack/dlpack.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace kiln {
namespace {

const auto add_one = jit([](Array a) { return a + 1.0; });
const auto increment = jit([](Array a) {
  for (Value i : prange(a.size())) a(i) += 1.0;
});
const auto copy_into = jit([](Array to, Array from) {
  for (Value i : prange(to.size())) to(i) = from(i);
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

// A tensor as another library makes it.
struct Foreign {
  std::vector<std::int64_t> shape, strides;
  DLManagedTensor tensor{};
  int deleted = 0;

  Foreign(void* data, DLDevice device, DLDataType type, std::vector<std::int64_t> extents,
          std::vector<std::int64_t> steps = {})
      : shape(std::move(extents)), strides(std::move(steps)) {
    tensor.dl_tensor = {data, device,       static_cast<int>(shape.size()),
                        type, shape.data(), strides.empty() ? nullptr : strides.data(),
                        0};
    tensor.manager_ctx = this;
    tensor.deleter = [](DLManagedTensor* t) { ++static_cast<Foreign*>(t->manager_ctx)->deleted; };
  }
};
constexpr DLDataType float64{kDLFloat, 64, 1};
constexpr DLDevice host{kDLCPU, 0};

TEST(Sharing, ATensorOfTheHostIsAnArray) {
  std::vector<double> numbers{0, 1, 2, 3, 4, 5};
  Foreign foreign(numbers.data(), host, float64, {2, 3});
  {
    const Array a = from_dlpack(&foreign.tensor);
    EXPECT_EQ(a.extent(1), 3);
    EXPECT_EQ(a(1, 2).as_double(), 5);
    a(0, 1) = 10.0;
    EXPECT_EQ(numbers[1], 10);
    const Array row = a(1, _);
    EXPECT_EQ(foreign.deleted, 0);
  }
  EXPECT_EQ(foreign.deleted, 1);
}

TEST(Sharing, StridesMayBeNegative) {
  std::vector<double> numbers{0, 1, 2, 3, 4, 5};
  Foreign foreign(numbers.data() + 5, host, float64, {3, 2}, {-2, -1});
  const Array a = from_dlpack(&foreign.tensor);
  EXPECT_EQ(a(0, 0).as_double(), 5);
  EXPECT_EQ(a(2, 1).as_double(), 0);
  EXPECT_EQ(add_one.on(cuda())(a)(1, 0).as_double(), 4);
  increment.on(cuda())(a(0, _));
  EXPECT_EQ(numbers, (std::vector<double>{0, 1, 2, 3, 5, 6}));
}

TEST(Sharing, WhatKilnHasNoArrayForIsRefused) {
  std::vector<double> numbers(8);
  Foreign lanes(numbers.data(), host, {kDLFloat, 32, 4}, {2});
  EXPECT_TRUE(has(error_of([&] { from_dlpack(&lanes.tensor); }), "32 bits and 4 lanes"));
  Foreign odd(reinterpret_cast<char*>(numbers.data()) + 1, host, float64, {2});
  EXPECT_TRUE(has(error_of([&] { from_dlpack(&odd.tensor); }), "no multiple of 8"));
  Foreign elsewhere(numbers.data(), {kDLROCM, 0}, float64, {2});
  EXPECT_TRUE(has(error_of([&] { from_dlpack(&elsewhere.tensor); }), "device of type 10"));
  Foreign deep(numbers.data(), host, float64, std::vector<std::int64_t>(9, 1));
  EXPECT_TRUE(has(error_of([&] { from_dlpack(&deep.tensor); }), "rank 9"));
  Foreign absent(numbers.data(), {kDLCUDA, 99}, float64, {2});
  EXPECT_TRUE(has(error_of([&] { from_dlpack(&absent.tensor); }), "cuda:99 is not there"));
  EXPECT_TRUE(has(error_of([&] { from_dlpack(nullptr); }), "null pointer"));
  for (const Foreign* each : {&lanes, &odd, &elsewhere, &deep, &absent}) EXPECT_EQ(each->deleted, 0);
}

TEST(Sharing, EveryDTypeGoesOutAndIn) {
  for (const DType dtype : {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64, c64, c128}) {
    const Array a = arange(5).astype(dtype);
    const Array b = from_dlpack(to_dlpack(a));
    EXPECT_EQ(b.dtype(), dtype);
    EXPECT_TRUE(array_equal(a, b).as_bool()) << dtype;
  }
}

TEST(Sharing, AnArrayIsATensorWhereItsElementsAre) {
  const Array a = arange(12).astype(f64).reshape({3, 4});
  DLManagedTensor* const on_host = to_dlpack(a(_, slice(1, 3)));
  EXPECT_EQ(on_host->dl_tensor.device.device_type, kDLCPU);
  EXPECT_EQ(on_host->dl_tensor.ndim, 2);
  EXPECT_EQ(on_host->dl_tensor.shape[1], 2);
  EXPECT_EQ(on_host->dl_tensor.strides[0], 4);
  EXPECT_EQ(*static_cast<double*>(on_host->dl_tensor.data), 1);
  static_cast<double*>(on_host->dl_tensor.data)[0] = 40;
  EXPECT_EQ(add_one.on(cuda())(a)(0, 1).as_double(), 41);
  static_cast<double*>(on_host->dl_tensor.data)[0] = 50;
  EXPECT_EQ(add_one.on(cuda())(a)(0, 1).as_double(), 51);  // its owner's writes are always seen
  EXPECT_TRUE(has(error_of([&] { to_dlpack(a, cuda()); }), "copy() it first"));
  on_host->deleter(on_host);
  DLManagedTensor* const on_gpu = to_dlpack(a, cuda());
  EXPECT_EQ(on_gpu->dl_tensor.device.device_type, kDLCUDA);
  EXPECT_EQ(on_gpu->dl_tensor.device.device_id, 0);
  {
    const Array again = from_dlpack(on_gpu);
    increment.on(cuda())(again.ravel());
    EXPECT_EQ(a(0, 0).as_double(), 1);
    EXPECT_TRUE(has(error_of([&] { a(0, 0) = 5.0; }), "memory of cuda:0 that other code sees"));
    EXPECT_TRUE(has(error_of([&] { increment(a.ravel()); }), "argument 1"));
  }
  a(0, 0) = 5.0;  // the tensor is deleted
  EXPECT_EQ(add_one.on(cuda())(a)(0, 0).as_double(), 6);
}

TEST(Sharing, ReadOnlyArraysAndSymbolsAreNotExported) {
  const Array a = ones({3}).as_read_only();
  EXPECT_TRUE(has(error_of([&] { to_dlpack(a); }), "read-only"));
  EXPECT_TRUE(has(error_of([&] { to_dlpack(Array()); }), "none yet"));
}

TEST(Sharing, BorrowedMemoryOfTheHostIsItsOwners) {
  std::vector<double> numbers(100, 1.0);
  const Array a = borrow(numbers.data(), f64, {100});
  EXPECT_EQ(add_one.on(cuda())(a)(3).as_double(), 2);
  numbers[3] = 7;  // by its owner
  EXPECT_EQ(add_one.on(cuda())(a)(3).as_double(), 8);
  increment.on(cuda())(a);
  EXPECT_EQ(numbers[3], 8);  // when the call returns
  EXPECT_EQ(last_call().copies_to_device, 1);
  EXPECT_EQ(last_call().copies_to_host, 1);
}

TEST(Sharing, BorrowedMemoryThatOverlapsIsNotWrittenOnAGpu) {
  std::vector<double> numbers(100, 1.0);
  const Array a = borrow(numbers.data(), f64, {60}), b = borrow(numbers.data() + 40, f64, {60});
  EXPECT_TRUE(has(error_of([&] { copy_into.on(cuda())(a, b); }), "arguments 1 and 2 borrow memory that overlaps"));
  const auto add = jit([](Array x, Array y) { return x + y; });
  EXPECT_EQ(add.on(cuda())(a, b)(0).as_double(), 2);
  const Array c = borrow(numbers.data(), f64, {40});
  EXPECT_NO_THROW(copy_into.on(cuda())(c, b(slice(0, 40))));
}

class OnTheDevice : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(cuda().available());
    CUcontext context = nullptr;
    ASSERT_EQ(test::driver_function<decltype(cuDevicePrimaryCtxRetain)>("cuDevicePrimaryCtxRetain")(&context, 0), 0);
    ASSERT_EQ(test::driver_function<decltype(cuCtxSetCurrent)>("cuCtxSetCurrent")(context), 0);
    ASSERT_EQ(test::driver_function<decltype(cuMemAlloc)>("cuMemAlloc_v2")(&memory, 800), 0);
    std::vector<double> numbers(100);
    for (int k = 0; k < 100; ++k) numbers[static_cast<std::size_t>(k)] = k;
    write(numbers);
  }
  void TearDown() override {
    if (memory) test::driver_function<decltype(cuMemFree)>("cuMemFree_v2")(memory);
  }
  void write(const std::vector<double>& numbers) {
    ASSERT_EQ(
        test::driver_function<decltype(cuMemcpyHtoD)>("cuMemcpyHtoD_v2")(memory, numbers.data(), 8 * numbers.size()),
        0);
  }
  std::vector<double> read() {
    synchronize(cuda());
    std::vector<double> numbers(100);
    EXPECT_EQ(test::driver_function<decltype(cuMemcpyDtoH)>("cuMemcpyDtoH_v2")(numbers.data(), memory, 800), 0);
    return numbers;
  }
  void* pointer() const { return reinterpret_cast<void*>(memory); }
  CUdeviceptr memory = 0;
};

TEST_F(OnTheDevice, BorrowedMemoryIsUsedInPlace) {
  const Array a = borrow(pointer(), f64, {10, 10}, cuda());
  const Array b = add_one.on(cuda())(a);
  EXPECT_EQ(last_call().copies_to_device, 0);
  EXPECT_EQ(b(9, 9).as_double(), 100);
  increment.on(cuda())(a.ravel());
  EXPECT_EQ(read()[42], 43);
  EXPECT_EQ(a(0, 0).as_double(), 1);
  EXPECT_EQ(add_one(a)(0, 0).as_double(), 2);  // read by the CPU
  write(std::vector<double>(100, 5.0));        // by its owner
  EXPECT_EQ(a(0, 0).as_double(), 5);
  EXPECT_TRUE(has(error_of([&] { a(0, 0) = 1.0; }), "copy() it first"));
  EXPECT_TRUE(has(error_of([&] { increment(a.ravel()); }), "argument 1"));
  EXPECT_TRUE(has(error_of([&] { a.write<double>(); }), "memory of cuda:0"));
  EXPECT_EQ(a.copy()(3, 3).as_double(), 5);
}

TEST_F(OnTheDevice, ATensorIsUsedInPlace) {
  Foreign foreign(pointer(), {kDLCUDA, 0}, float64, {50}, {2});
  {
    const Array a = from_dlpack(&foreign.tensor);
    EXPECT_EQ(a(3).as_double(), 6);
    increment.on(cuda())(a);
    EXPECT_EQ(last_call().copies_to_device, 0);
  }
  EXPECT_EQ(foreign.deleted, 1);
  EXPECT_EQ(read()[6], 7);
  EXPECT_EQ(read()[7], 7);
}

// Work of others on CUDA's default stream and calls that name no stream come one after the other.
TEST_F(OnTheDevice, TheDefaultStreamOfCudaIsWaitedFor) {
  auto* const fill = test::driver_function<decltype(cuMemsetD8Async)>("cuMemsetD8Async");
  const Array a = borrow(pointer(), f64, {100}, cuda());
  for (const double expected : {1.0, 2.0, 3.0}) {
    ASSERT_EQ(fill(memory, 0, 800, nullptr), 0);
    Array b;
    for (int k = 0; k < expected; ++k) {
      b = add_one.on(cuda())(a);
      increment.on(cuda())(a);
    }
    EXPECT_EQ(b(99).as_double(), expected);
    std::vector<double> numbers(100);  // without a wait for Kiln's stream
    ASSERT_EQ(test::driver_function<decltype(cuMemcpyDtoH)>("cuMemcpyDtoH_v2")(numbers.data(), memory, 800), 0);
    EXPECT_EQ(numbers[42], expected);
  }
}

TEST_F(OnTheDevice, CudasDefaultStreamCanBeBorrowed) {
  auto* const fill = test::driver_function<decltype(cuMemsetD8Async)>("cuMemsetD8Async");
  std::thread([] { EXPECT_NO_THROW(Stream::borrow(nullptr)); }).join();  // without a context
  for (void* const handle : {static_cast<void*>(nullptr), reinterpret_cast<void*>(CU_STREAM_LEGACY)}) {
    const Stream theirs = Stream::borrow(handle);
    with_stream(theirs, [&] {
      const Array a = borrow(pointer(), f64, {100}, cuda());
      ASSERT_EQ(fill(memory, 0, 800, nullptr), 0);
      EXPECT_EQ(add_one.on(cuda())(a)(3).as_double(), 1);
    });
    theirs.synchronize();
  }
  EXPECT_TRUE(Stream::borrow(nullptr) == Stream::borrow(reinterpret_cast<void*>(CU_STREAM_LEGACY)));
  EXPECT_TRUE(has(error_of([] { Stream::borrow(reinterpret_cast<void*>(CU_STREAM_PER_THREAD)); }), "on each thread"));
}

// What filled the memory may still be on its way when it is borrowed on a stream that waits for nobody.
TEST_F(OnTheDevice, WhatFilledTheMemoryIsWaitedFor) {
  auto* const fill = test::driver_function<decltype(cuMemsetD8Async)>("cuMemsetD8Async");
  const Stream stream;
  ASSERT_EQ(fill(memory, 0, 800, nullptr), 0);
  with_stream(stream, [&] {
    const Array a = borrow(pointer(), f64, {100}, cuda());
    EXPECT_EQ(add_one.on(cuda())(a)(3).as_double(), 1);
  });
}

// The owner of a tensor's memory may write it, or give it to others, when its deleter is called: kernels that still
// read it are waited for, by the stream whose order the owner is in, or by the host.
TEST_F(OnTheDevice, TheDeleterComesAfterTheKernels) {
  static CUdeviceptr freed;
  freed = memory;
  const Stream own, other, theirs;
  const auto deleter = [](DLManagedTensor*) {
    test::driver_function<decltype(cuMemsetD8Async)>("cuMemsetD8Async")(freed, 0xff, 800, nullptr);
  };
  for (int k = 0; k < 4; ++k) {
    write(std::vector<double>(100, 5.0));
    Foreign foreign(pointer(), {kDLCUDA, 0}, float64, {100});
    foreign.tensor.deleter = deleter;
    Array b, c;
    const auto use = [&] {
      const Array a = from_dlpack(&foreign.tensor);
      b = add_one.on(cuda())(a);
      with_stream(k == 1 ? theirs : other, [&] { c = add_one.on(cuda())(a); });
    };
    if (k == 0) use();
    if (k == 1) with_stream(own, use);
    if (k == 2) with_stream(Stream::borrow(nullptr), use);
    if (k == 3) {  // on a stream that is gone by then
      Array a;
      with_stream(Stream::borrow(theirs.handle()), [&] {
        a = from_dlpack(&foreign.tensor);
        b = add_one.on(cuda())(a);
      });
      c = add_one.on(cuda())(a);
    }
    EXPECT_EQ(b(99).as_double(), 6) << k;
    EXPECT_EQ(c(99).as_double(), 6) << k;
  }
}

// Kiln writes or frees the memory of a tensor that went out after what the other library did with it.
TEST_F(OnTheDevice, WhatWentOutComesBackInOrder) {
  auto* const copy = test::driver_function<decltype(cuMemcpyDtoDAsync)>("cuMemcpyDtoDAsync_v2");
  const Stream own, theirs;
  for (int k = 0; k < 3; ++k) {
    write(std::vector<double>(100, 5.0));
    {
      Array a = with_stream(own, [] { return add_one.on(cuda())(ones({100})); });
      const Stream named = k == 0 ? Stream::borrow(nullptr) : k == 1 ? theirs : current_stream();
      DLManagedTensor* const tensor = with_stream(named, [&] { return to_dlpack(a); });
      const auto data = reinterpret_cast<CUdeviceptr>(tensor->dl_tensor.data);
      ASSERT_EQ(copy(memory, data, 800, k == 1 ? static_cast<CUstream>(theirs.handle()) : nullptr), 0);
      tensor->deleter(tensor);
      with_stream(own, [&] { increment.on(cuda())(a); });
      a = Array();
      with_stream(own, [] { increment.on(cuda())(add_one.on(cuda())(ones({100}))); });
    }
    theirs.synchronize();
    EXPECT_EQ(read()[7], 2) << k;
  }
}

TEST_F(OnTheDevice, ComplexNumbersAreAlignedAsAWhole) {
  void* const odd = reinterpret_cast<void*>(memory + 4);
  EXPECT_TRUE(has(error_of([&] { borrow(odd, c64, {2}, cuda()); }), "no multiple of 8"));
  EXPECT_TRUE(
      has(error_of([&] { borrow(reinterpret_cast<void*>(memory + 8), c128, {2}, cuda()); }), "no multiple of 16"));
  std::vector<float> numbers(5, 1.0f);
  const Array a = borrow(numbers.data() + 1, c64, {2});
  EXPECT_NO_THROW(add_one.on(cuda())(a));
}

TEST_F(OnTheDevice, OverlappingMemoryIsNotWritten) {
  const Array a = borrow(pointer(), f64, {60}, cuda());
  const Array b = borrow(reinterpret_cast<void*>(memory + 320), f64, {60}, cuda());
  EXPECT_TRUE(has(error_of([&] { copy_into.on(cuda())(a, b); }), "overlaps"));
  EXPECT_TRUE(
      has(error_of([&] { borrow(reinterpret_cast<void*>(memory + 1), f64, {2}, cuda()); }), "no multiple of 8"));
}

}  // namespace
}  // namespace kiln
