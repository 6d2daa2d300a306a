// A stream of a GPU: what waits for what, by events that are recorded only when something has to wait.
#pragma once

#include "core/backend.h"
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
  /// A new one, or the user's `borrowed`. Needs the device's context to be current.
  Stream(Device& device, CUstream borrowed);

  void* handle() const override { return handle_; }
  void synchronize() override;
  bool idle() override;
  void retire() noexcept override;

  CUstream get() const { return handle_; }
  bool is_borrowed() const { return borrowed_; }
  /// The user may have destroyed it.
  bool is_gone() const { return borrowed_ && retired_; }
  /// For another user, once it is retired.
  void reuse() { retired_ = false; }

  /// What is queued here from now on comes after what the other has queued so far. Needs the context to be current.
  void wait_for(Stream& other);

  /// Notes a launch, for an error that comes up later: the line that it belongs to.
  void launched(const Location& where) noexcept;
  std::uint64_t launches() const;
  /// So many of them are known to have gone well.
  void went_well(std::uint64_t launches) noexcept;
  /// "the launch of f.cpp:12", or the last of several; empty if there was none since it was known to be well.
  std::string suspects() const;

 private:
  static constexpr std::size_t remembered = 8;

  Device& device_;
  CUstream handle_ = nullptr;
  bool borrowed_;
  std::mutex mutex_;         // of the event
  CUevent event_ = nullptr;  // of the last time that another stream waited
  std::atomic<bool> retired_{false};
  mutable std::mutex launches_mutex_;
  std::array<Location, remembered> launches_{};
  std::uint64_t count_ = 0, well_ = 0;
};

}  // namespace kiln::on_cuda
