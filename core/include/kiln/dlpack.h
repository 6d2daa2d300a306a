// Memory shared with other libraries, on the host or on a GPU: DLPack tensors and plain pointers.
#pragma once

#include <kiln/array.h>
#include <kiln/device.h>

#include <initializer_list>
#include <span>

struct DLManagedTensor;  // <dlpack/dlpack.h>

namespace kiln {

/// An array over the tensor's memory, which is not copied; the tensor's deleter is called when the last array over it
/// is gone. Tensors of CPU memory, pinned or not, and of CUDA memory, managed or not; every dtype that Kiln has, one
/// lane. On a GPU others use the memory in the order of the calling thread's current stream, or of CUDA's default
/// stream where none was made current: what they queue there comes before what Kiln does with it later, and what Kiln
/// has done on that stream before what they queue later. Throws UsageError for what Kiln has no array for, RuntimeError
/// where the GPU is not there; the tensor is then still the caller's.
///
/// Memory shared so has its home where the tensor is. Written there it is as any array; what other code wrote is seen
/// by every later use. Calls on a GPU copy memory of the host's there each time, and, where they write it, back before
/// they return; memory of a GPU can be read elsewhere, by a copy each time, but written only there: a UsageError tells.
KILN_API Array from_dlpack(DLManagedTensor* tensor, Location l = Location::current());

/// The array as a tensor for other libraries, not copied: on `device`, or where its elements are now. The caller owns
/// it: one call of its deleter. Until then the array's memory has its home there (from_dlpack()). On a GPU the other
/// library uses it in the order of the calling thread's current stream, or of CUDA's default stream where none was made
/// current. Throws UsageError for read-only
/// arrays, symbols of a trace, and memory whose home is elsewhere.
KILN_API DLManagedTensor* to_dlpack(const ArrayOperand& a, Device device = {});

/// An array over memory of a GPU, C order and aligned, which must outlive it; nothing is copied or freed. `data` is a
/// CUdeviceptr or what cudaMalloc gave. Its home is there, as that of a tensor (from_dlpack()).
KILN_API Array borrow(void* data, DType dtype, std::span<const std::int64_t> extents, Device device,
                      Location l = Location::current());
inline Array borrow(void* data, DType dtype, std::initializer_list<std::int64_t> extents, Device device,
                    Location l = Location::current()) {
  return borrow(data, dtype, std::span<const std::int64_t>(extents.begin(), extents.size()), device, l);
}

}  // namespace kiln
