// A stream of a GPU: what waits for what, by events that are recorded only when something has to wait.
#pragma once

#include "core/backend.h"
#include "cuda/kept_blocks.h"
#include "cuda/symbols.h"

#include <kiln/location.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>

namespace kiln::on_cuda {

class Device;

class Stream final : public DeviceStream {
 public:
  enum class Kind : std::uint8_t {
    own,        // ordered with nothing but by events
    of_device,  // where calls go that name no stream: the legacy default stream and it wait for each other
    legacy,     // CUDA's own default stream, which other code's work is on that names none
    borrowed,   // the user's
  };
  /// `handle`: of the user's. The others are made; the device's context is current then.
  Stream(Device& device, Kind kind, CUstream handle = nullptr);

  void* handle() const override { return handle_; }
  void synchronize() override;
  bool idle() override;
  void retire() noexcept override;

  CUstream get() const { return handle_; }
  Kind kind() const { return kind_; }
  /// The user may have destroyed it.
  bool is_gone() const { return kind_ == Kind::borrowed && retired_; }
  /// One of Kiln's own, for another user once it is retired.
  void reuse() { retired_ = false; }
  /// A user's stream in place of one that is gone, if nothing queued there is still to be done and no memory has its
  /// home there.
  bool reuse(CUstream handle);
  void begin_home() noexcept { ++homes_; }
  void end_home() noexcept { --homes_; }
  /// Throws UsageError where what the user's stream is given goes into a graph.
  void refuse_capture(const Location& where) const;

  /// What is queued here from now on comes after what the other has queued so far; it may be another GPU's.
  void wait_for(Stream& other);

  // Memory for work on this stream; the context is current in allocate().
  std::uint64_t allocate(std::size_t bytes);
  void deallocate(std::uint64_t address, std::size_t bytes) noexcept;
  /// What is kept for the next allocation goes back to the driver.
  void give_back() noexcept;

  /// Notes a launch, for an error that comes up later: the line that it belongs to.
  void launched(const Location& where) noexcept;
  std::uint64_t launches() const;
  /// So many of them are known to have gone well.
  void went_well(std::uint64_t launches) noexcept;
  /// "the launch of f.cpp:12", or the last of several; empty if there was none since it was known to be well.
  std::string suspects() const;

 private:
  static constexpr std::size_t remembered = 8;
  void free(const std::vector<KeptBlocks::Block>& blocks) noexcept;

  Device& device_;
  CUstream handle_ = nullptr;
  Kind kind_;
  std::mutex mutex_;         // of the event
  CUevent event_ = nullptr;  // of the last time that another stream waited
  std::atomic<bool> retired_{false};
  std::atomic<int> homes_{0};  // pieces of borrowed memory whose owner's work is here
  mutable std::mutex launches_mutex_;
  std::array<Location, remembered> launches_{};
  std::uint64_t count_ = 0, well_ = 0;
  std::mutex kept_mutex_;
  KeptBlocks kept_;
};

}  // namespace kiln::on_cuda
