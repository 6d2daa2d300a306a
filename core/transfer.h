// Copies between the host and devices: made where an array is used, counted, refused where the program says so.
#pragma once

#include "core/storage.h"

#include <kiln/array.h>

#include <cstdint>

namespace kiln::detail {

/// What the last call of this thread copied.
struct CallTransfers {
  struct Copy {
    bool to_device;
    int argument;  // from 0
    std::uint64_t bytes;
  };
  static constexpr int most_told = 4;
  int to_device = 0, to_host = 0;
  std::uint64_t bytes_to_device = 0, bytes_to_host = 0;
  Copy told[most_told] = {};  // the first of them
  int argument = -1;          // that is being made valid
  bool any() const { return to_device + to_host != 0; }
};

/// Of the bytes of a Storage.
void count_transfer(bool to_device, std::uint64_t bytes) noexcept;

/// Makes an array's elements valid on the host, outside a call. Throws UsageError where copies are refused, or where
/// writing is: the memory is a device's that somebody else sees.
void make_valid_on_host(const Array& a, Storage::Use use, const Location& where);
/// Before the host writes an element, of this dtype, that it has read.
void make_element_valid_on_host(Storage& storage, DType dtype, const Location& where);
/// The same for argument `argument` of a call.
void make_argument_valid_on_host(const Array& a, int argument, Storage::Use use, const Location& where);
/// Makes it valid on a device, for what is queued on the stream from now on; the address of the Storage's bytes there.
/// Throws UsageError also where a view that C++ code holds would no longer show the elements.
std::uint64_t make_argument_valid_on_device(const Array& a, int argument, DeviceMemory& device, DeviceStream& stream,
                                            Storage::Use use, const Location& where);
/// After a call that wrote it: memory of the host's that other code sees has what the device wrote.
void copy_argument_home(const Array& a, int argument, DeviceMemory& device);

}  // namespace kiln::detail
