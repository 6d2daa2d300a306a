// Streams run late: what a client must wait for is not there before it has waited.
#include "tests/simulated/simulated_test.h"

#include <cstring>

namespace {

using namespace simulated_test;

constexpr const char* programs = R"(
  extern "C" __global__ void set(int* p, int value, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) p[i] = value;
  }
  extern "C" __global__ void copy(const int* from, int* to, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) to[i] = from[i];
  })";

class Streams : public Simulated {
 protected:
  void SetUp() override {
    Simulated::SetUp();
    const CUmodule module = load(programs);
    set = function(module, "set");
    copy = function(module, "copy");
    ASSERT_CUDA(cu(cuStreamCreate)(&first, CU_STREAM_NON_BLOCKING));
    ASSERT_CUDA(cu(cuStreamCreate)(&second, CU_STREAM_NON_BLOCKING));
    ASSERT_CUDA(cu(cuEventCreate)(&event, CU_EVENT_DEFAULT));
    void* memory = nullptr;
    ASSERT_CUDA(cu(cuMemHostAlloc)(&memory, 400, 0));
    pinned = static_cast<int*>(memory);
    std::memset(pinned, 0, 400);
  }

  CUfunction set = nullptr;
  CUfunction copy = nullptr;
  CUstream first = nullptr;
  CUstream second = nullptr;
  CUevent event = nullptr;
  int* pinned = nullptr;
};

TEST_F(Streams, AMissingWaitShows) {
  const CUdeviceptr values = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 42, 100));
  ASSERT_CUDA(cu(cuMemcpyDtoHAsync)(pinned, values, 400, first));
  EXPECT_EQ(pinned[0], 0);
  EXPECT_EQ(counts().kernels_run, 0u);
  EXPECT_EQ(counts().queued, 2u);
  ASSERT_CUDA(cu(cuStreamSynchronize)(first));
  EXPECT_EQ(pinned[0], 42);
  EXPECT_EQ(pinned[99], 42);
}

TEST_F(Streams, EagerStreamsRunAtOnce) {
  cu(kiln_simulated_set_streams)(kiln_simulated_streams_eager);
  const CUdeviceptr values = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 42, 100));
  ASSERT_CUDA(cu(cuMemcpyDtoHAsync)(pinned, values, 400, first));
  EXPECT_EQ(pinned[99], 42);
}

TEST_F(Streams, AnotherStreamDoesNotWait) {
  const CUdeviceptr source = upload(std::vector<int>(100, 1));
  const CUdeviceptr destination = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, source, 2, 100));
  ASSERT_CUDA(launch(copy, 1, 128, 0, second, source, destination, 100));
  ASSERT_CUDA(cu(cuStreamSynchronize)(second));
  EXPECT_EQ(download<int>(destination, 100), std::vector<int>(100, 1));
  EXPECT_EQ(counts().kernels_run, 1u);
}

TEST_F(Streams, AnEventOrdersTwoStreams) {
  const CUdeviceptr source = upload(std::vector<int>(100, 1));
  const CUdeviceptr destination = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, source, 2, 100));
  ASSERT_CUDA(cu(cuEventRecord)(event, first));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, source, 3, 100));  // behind the event: not waited for
  ASSERT_CUDA(cu(cuStreamWaitEvent)(second, event, 0));
  ASSERT_CUDA(launch(copy, 1, 128, 0, second, source, destination, 100));
  ASSERT_CUDA(cu(cuStreamSynchronize)(second));
  EXPECT_EQ(download<int>(destination, 100), std::vector<int>(100, 2));
}

TEST_F(Streams, AWaitIsForTheRecordingBeforeIt) {
  const CUdeviceptr values = upload(std::vector<int>(100, 1));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 2, 100));
  ASSERT_CUDA(cu(cuEventRecord)(event, first));
  ASSERT_CUDA(cu(cuStreamWaitEvent)(second, event, 0));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 3, 100));
  ASSERT_CUDA(cu(cuEventRecord)(event, first));
  ASSERT_CUDA(cu(cuStreamSynchronize)(second));
  EXPECT_EQ(counts().kernels_run, 1u);
  ASSERT_CUDA(cu(cuEventSynchronize)(event));
  EXPECT_EQ(counts().kernels_run, 2u);
}

TEST_F(Streams, PageableMemoryIsReadAtTheCallAndPinnedMemoryLater) {
  const CUdeviceptr values = allocate(400);
  std::vector<int> pageable(100, 1);
  ASSERT_CUDA(cu(cuMemcpyHtoDAsync)(values, pageable.data(), 400, first));
  pageable.assign(100, 2);
  ASSERT_CUDA(cu(cuStreamSynchronize)(first));
  EXPECT_EQ(download<int>(values, 1)[0], 1);
  pinned[0] = 3;
  ASSERT_CUDA(cu(cuMemcpyHtoDAsync)(values, pinned, 400, first));
  pinned[0] = 4;
  ASSERT_CUDA(cu(cuStreamSynchronize)(first));
  EXPECT_EQ(download<int>(values, 1)[0], 4);
  EXPECT_EQ(counts().pageable_copies, 1u);
}

TEST_F(Streams, ACopyToPageableMemoryHasBeenMade) {
  const CUdeviceptr values = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 42, 100));
  std::vector<int> pageable(100, 0);
  ASSERT_CUDA(cu(cuMemcpyDtoHAsync)(pageable.data(), values, 400, first));
  EXPECT_EQ(pageable, std::vector<int>(100, 42));
}

TEST_F(Streams, QueriesMakeProgress) {
  const CUdeviceptr values = allocate(400);
  EXPECT_CUDA(cu(cuStreamQuery)(first));
  EXPECT_CUDA(cu(cuEventQuery)(event));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 1, 100));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 2, 100));
  ASSERT_CUDA(cu(cuEventRecord)(event, first));
  EXPECT_EQ(cu(cuStreamQuery)(first), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(counts().kernels_run, 1u);
  EXPECT_EQ(cu(cuEventQuery)(event), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cu(cuEventQuery)(event), CUDA_ERROR_NOT_READY);
  EXPECT_CUDA(cu(cuEventQuery)(event));
  EXPECT_CUDA(cu(cuStreamQuery)(first));
}

TEST_F(Streams, TheNullStreamWaitsForBlockingStreamsAlone) {
  CUstream blocking = nullptr;
  ASSERT_CUDA(cu(cuStreamCreate)(&blocking, CU_STREAM_DEFAULT));
  const CUdeviceptr one = upload(std::vector<int>(100, 1));
  const CUdeviceptr two = upload(std::vector<int>(100, 1));
  ASSERT_CUDA(launch(set, 1, 128, 0, blocking, one, 2, 100));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, two, 2, 100));
  EXPECT_EQ(download<int>(one, 1)[0], 2);  // a synchronous copy goes through the null stream
  EXPECT_EQ(download<int>(two, 1)[0], 1);
  ASSERT_CUDA(launch(set, 1, 128, 0, nullptr, one, 3, 100));
  ASSERT_CUDA(launch(copy, 1, 128, 0, blocking, one, two, 100));
  ASSERT_CUDA(cu(cuStreamSynchronize)(blocking));
  EXPECT_EQ(download<int>(two, 1)[0], 3);
}

TEST_F(Streams, ADestroyedStreamFinishes) {
  const CUdeviceptr values = upload(std::vector<int>(100, 1));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 2, 100));
  ASSERT_CUDA(cu(cuStreamDestroy)(first));
  EXPECT_EQ(cu(cuStreamSynchronize)(first), CUDA_ERROR_INVALID_HANDLE);
  ASSERT_CUDA(cu(cuCtxSynchronize)());
  EXPECT_EQ(download<int>(values, 1)[0], 2);
}

TEST_F(Streams, EventsMeasureTime) {
  CUevent end = nullptr;
  float milliseconds = -1.0f;
  ASSERT_CUDA(cu(cuEventCreate)(&end, CU_EVENT_DEFAULT));
  EXPECT_EQ(cu(cuEventElapsedTime)(&milliseconds, event, end), CUDA_ERROR_INVALID_HANDLE);
  ASSERT_CUDA(cu(cuEventRecord)(event, first));
  ASSERT_CUDA(launch(set, 1, 128, 0, first, allocate(400), 2, 100));
  ASSERT_CUDA(cu(cuEventRecord)(end, first));
  EXPECT_EQ(cu(cuEventElapsedTime)(&milliseconds, event, end), CUDA_ERROR_NOT_READY);
  ASSERT_CUDA(cu(cuEventSynchronize)(end));
  ASSERT_CUDA(cu(cuEventElapsedTime)(&milliseconds, event, end));
  EXPECT_GE(milliseconds, 0.0f);
}

TEST_F(Streams, HostFunctionsRunInOrderAndMayNotCallTheDriver) {
  struct Seen {
    const int* values;
    int value = 0;
    CUresult result = CUDA_SUCCESS;
  } seen{pinned};
  const CUdeviceptr values = allocate(400);
  ASSERT_CUDA(launch(set, 1, 128, 0, first, values, 42, 100));
  ASSERT_CUDA(cu(cuMemcpyDtoHAsync)(pinned, values, 400, first));
  ASSERT_CUDA(cu(cuLaunchHostFunc)(
      first,
      [](void* data) {
        auto& s = *static_cast<Seen*>(data);
        s.value = s.values[99];
        s.result = cu(cuCtxSynchronize)();
      },
      &seen));
  EXPECT_EQ(seen.value, 0);
  ASSERT_CUDA(cu(cuStreamSynchronize)(first));
  EXPECT_EQ(seen.value, 42);
  EXPECT_EQ(seen.result, CUDA_ERROR_NOT_PERMITTED);
}

}  // namespace
