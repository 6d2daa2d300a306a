// Copies between the host and GPUs: asked for, counted, forbidden.
#pragma once

#include <kiln/array.h>
#include <kiln/device.h>

#include <cstdint>

namespace kiln {

/// Starts the copy of an array's elements to a device, where they are not valid there, so that the next call there need
/// not: on the calling thread's current stream of that GPU. To the CPU it returns when the elements are there. Nothing
/// is written: they stay valid where they are. Memory that borrow() or DLPack shares with other code is copied at every
/// use away from its home, asked for or not. Throws RuntimeError where the device is not there.
KILN_API void prefetch(const ArrayOperand& a, Device device);

/// Copies between the host and GPUs since the program started, or since the last reset.
struct TransferInfo {
  std::uint64_t copies_to_device, bytes_to_device, copies_to_host, bytes_to_host;
};
KILN_API TransferInfo transfer_info();
KILN_API void reset_transfer_info();

/// While it lives, what this thread does copies nothing between the host and GPUs by itself: where elements are not
/// valid, it is a UsageError that says which. prefetch() still copies. KILN_STRICT=1 says the same of the whole
/// program.
class KILN_API StrictScope {
 public:
  explicit StrictScope(bool strict = true);
  ~StrictScope();
  StrictScope(const StrictScope&) = delete;
  StrictScope& operator=(const StrictScope&) = delete;

 private:
  bool before_;
};

}  // namespace kiln
