// One GPU: its context, its stream, its memory.
#pragma once

#include "core/backend.h"
#include "cuda/symbols.h"

#include <kiln/location.h>

#include <string>

namespace kiln::on_cuda {

/// Throws RuntimeError saying what could not be done.
void check(CUresult result, const char* what);

class Device final : public DeviceMemory {
 public:
  /// Retains the primary context, which the program's own CUDA code shares. Throws RuntimeError.
  explicit Device(int index);

  /// The context is current on this thread while it lives.
  class Current {
   public:
    explicit Current(const Device& device) {
      check(driver().cuCtxPushCurrent(device.context_), "make a context current");
    }
    ~Current() {
      CUcontext popped;
      driver().cuCtxPopCurrent(&popped);
    }
    Current(const Current&) = delete;
  };

  std::uint64_t allocate(std::size_t bytes) override;
  void deallocate(std::uint64_t address, std::size_t bytes) noexcept override;
  void copy_to_device(std::uint64_t to, const std::byte* from, std::size_t bytes) override;
  void copy_to_host(std::byte* to, std::uint64_t from, std::size_t bytes) override;

  int index() const { return index_; }
  /// 90: sm_90.
  int architecture() const { return architecture_; }
  int multiprocessors() const { return multiprocessors_; }
  CUstream stream() const { return stream_; }
  std::string description() const;
  std::int64_t memory_bytes() const { return memory_bytes_; }

 private:
  int index_, architecture_ = 0, multiprocessors_ = 0;
  std::int64_t memory_bytes_ = 0;
  std::string name_;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  CUmemoryPool pool_ = nullptr;
};

}  // namespace kiln::on_cuda
