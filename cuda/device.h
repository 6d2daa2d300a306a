// One GPU: its context, its streams, its memory, and whether it is lost.
#pragma once

#include "core/backend.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "cuda/symbols.h"

#include <kiln/location.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace kiln::on_cuda {

/// Memory of the GPU that a Storage has, and the streams that use it.
struct Buffer final : DeviceBuffer {
  Stream* home = nullptr;        // of borrowed memory: the one that its owner's work is on
  Stream* writer = nullptr;      // of the last write, or what it was made on
  std::vector<Stream*> readers;  // other streams since: each waits for the writer, the next writer for them
  Buffer *previous = nullptr, *next = nullptr;
};

class Device final : public DeviceMemory {
 public:
  /// Retains the primary context, which the program's own CUDA code shares. Throws RuntimeError. The first device that
  /// is made has NVRTC start meanwhile.
  Device(int index, bool is_first);

  /// The context is current on this thread while it lives.
  class Current {
   public:
    explicit Current(const Device& device);
    ~Current();
    Current(const Current&) = delete;

   private:
    const Device* before_;
    bool pushed_;
  };

  /// Throws RuntimeError saying what could not be done, and, where the device is lost with it, which launch that may
  /// have been.
  void check(CUresult result, const char* what, Stream* stream = nullptr);
  /// Throws RuntimeError if it is lost.
  void check_alive() const;
  bool is_lost() const { return lost_.load(std::memory_order_acquire); }

  const char* name() const override { return name_.c_str(); }
  int number() const override { return index_; }
  DeviceStream& default_stream() override { return *default_stream_; }
  DeviceStream& make_stream() override;
  DeviceStream& borrow_stream(void* handle, const Location& where) override;
  void synchronize() override;
  DeviceBuffer* allocate(std::size_t bytes, DeviceStream& stream) override;
  DeviceBuffer* borrow(std::uint64_t address, std::size_t bytes, DeviceStream& stream) override;
  void deallocate(DeviceBuffer* buffer) noexcept override;
  void use(DeviceBuffer& buffer, bool writes, DeviceStream& stream) override;
  void was_used(DeviceBuffer& buffer, DeviceStream& stream) override;
  void copy_to_device(DeviceBuffer& to, const std::byte* from, DeviceStream& stream) override;
  void copy_from_device(DeviceBuffer& to, DeviceMemory& other, DeviceBuffer& from, DeviceStream& stream) override;
  void copy_to_host(std::byte* to, DeviceBuffer& from) override;

  // For what lives as long as a call, on its stream. The context is current.
  std::uint64_t allocate_for(Stream& stream, std::size_t bytes);
  void deallocate_for(Stream& stream, std::uint64_t address, std::size_t bytes) noexcept;
  void read_back(Stream& stream, void* to, std::uint64_t from, std::size_t bytes);
  void clear(Stream& stream, std::uint64_t to, std::size_t bytes);

  /// Waits for all that is queued, and gives what is free to the driver's other users.
  void trim();

  /// 90: sm_90.
  int architecture() const { return architecture_; }
  int multiprocessors() const { return multiprocessors_; }
  CUmemoryPool pool() const { return pool_; }
  std::string description() const;
  std::int64_t memory_bytes() const { return memory_bytes_; }
  /// A stream whose user is done with it.
  void retired(Stream& stream) noexcept;

 private:
  std::vector<Stream*> streams();
  void give_back_borrowed(Buffer& buffer);
  std::string no_memory(std::size_t bytes);
  [[noreturn]] void lose(const std::string& why);

  int index_, architecture_ = 0, multiprocessors_ = 0;
  std::int64_t memory_bytes_ = 0;
  std::string name_, product_;
  CUcontext context_ = nullptr;
  CUmemoryPool pool_ = nullptr;
  std::mutex mutex_;  // of what follows
  std::deque<Stream> streams_;
  std::vector<Stream*> free_streams_;
  Buffer* buffers_ = nullptr;  // all there are
  std::string why_lost_;
  std::atomic<bool> lost_{false};
  Stream *default_stream_ = nullptr, *legacy_stream_ = nullptr;
  std::atomic<bool> legacy_is_used_{false};  // by Kiln
  Staging staging_{*this};
};

}  // namespace kiln::on_cuda
