// DLPack tensors in and out.
#include <kiln/dlpack.h>

#include "core/access.h"
#include "core/array_errors.h"
#include "core/device.h"
#include "core/error_text.h"
#include "core/stream.h"

#include <kiln/error.h>

#include <dlpack/dlpack.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace kiln {

using detail::Access;
using detail::Layout;
using detail::Storage;

namespace {

constexpr std::uint8_t dlpack_bool = 6;  // of later versions than the header's, which other libraries use

constexpr std::pair<DType, DLDataType> dtypes[] = {
    {bool_, {dlpack_bool, 8, 1}}, {i8, {kDLInt, 8, 1}},       {i16, {kDLInt, 16, 1}},       {i32, {kDLInt, 32, 1}},
    {i64, {kDLInt, 64, 1}},       {u8, {kDLUInt, 8, 1}},      {u16, {kDLUInt, 16, 1}},      {u32, {kDLUInt, 32, 1}},
    {u64, {kDLUInt, 64, 1}},      {f16, {kDLFloat, 16, 1}},   {bf16, {kDLBfloat, 16, 1}},   {f32, {kDLFloat, 32, 1}},
    {f64, {kDLFloat, 64, 1}},     {c64, {kDLComplex, 64, 1}}, {c128, {kDLComplex, 128, 1}},
};

DType dtype_of(const DLDataType& type, const Location& l) {
  for (const auto& [dtype, each] : dtypes)
    if (each.code == type.code && each.bits == type.bits && each.lanes == type.lanes) return dtype;
  throw DTypeError(text("from_dlpack of a tensor of type code ", int{type.code}, ", ", int{type.bits}, " bits and ",
                        int{type.lanes}, " lanes, for which there is no dtype; convert it before"),
                   l);
}

// The bytes before and after the first element that a layout reaches.
struct Reach {
  std::int64_t before = 0, after = 0;
};
Reach reach_of(const Layout& layout, int rank, DType dtype) {
  const auto size = static_cast<std::int64_t>(dtype.size());
  Reach reach{0, size};
  for (int k = 0; k < rank; ++k) {
    if (layout.extents[k] == 0) return {};
    const std::int64_t last = (layout.extents[k] - 1) * layout.strides[k] * size;
    (last < 0 ? reach.before : reach.after) += last < 0 ? -last : last;
  }
  return reach;
}

Layout layout_of(const DLTensor& t, const Location& l) {
  if (t.ndim < 0 || t.ndim > max_rank)
    throw ShapeError(text("from_dlpack of a tensor of rank ", t.ndim, "; arrays have at most ", max_rank, " axes"), l);
  Layout layout;
  std::int64_t stride = 1;
  for (int k = t.ndim; k-- > 0;) {
    if (t.shape[k] < 0) throw ShapeError(text("from_dlpack of a tensor of extent ", t.shape[k]), l);
    layout.extents[k] = t.shape[k];
    layout.strides[k] = t.strides ? t.strides[k] : stride;
    stride *= t.shape[k];
  }
  return layout;
}

Device device_of(const DLDevice& device, const Location& l) {
  switch (device.device_type) {
    case kDLCPU:
    case kDLCUDAHost: return cpu();
    case kDLCUDA: return cuda(device.device_id);
    case kDLCUDAManaged: return cuda(0);
    default:
      throw UsageError(text("from_dlpack of a tensor on a device of type ", int{device.device_type},
                            "; Kiln has arrays on CPUs and on CUDA devices: copy it there before"),
                       l);
  }
}

// A GPU loads and stores a complex number as a whole.
void check_address(const char* operation, const void* data, DType dtype, Device device, bool empty, const Location& l) {
  const std::size_t alignment = dtype.is_complex() && device.is_cpu() ? dtype.size() / 2 : dtype.size();
  if (!data && !empty)
    throw UsageError(text(operation, " of a null pointer: give the address of its first element"), l);
  if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    throw UsageError(text(operation, " of memory at an address that is no multiple of ", alignment, ", as ", dtype,
                          "; copy the bytes into an array of ", dtype),
                     l);
}

// `first`: of the first element, on the device.
Array array_over(std::byte* first, DType dtype, int rank, Layout layout, Device device, void (*release)(void*),
                 void* owner, const Location& l) {
  const Reach reach = reach_of(layout, rank, dtype);
  std::byte* const lowest = first - reach.before;
  const auto bytes = static_cast<std::size_t>(reach.before + reach.after);
  DeviceMemory* const memory = device.is_cpu() ? nullptr : detail::backend_of(device, l).memory();
  Storage* const storage =
      memory ? Storage::borrow_on_device(*memory, detail::current_stream_of(*memory),
                                         reinterpret_cast<std::uint64_t>(lowest), bytes, release, owner)
             : Storage::borrow(lowest, bytes, release, owner);
  layout.data = storage->data() + reach.before;
  return Access::make_array(storage, dtype, rank, layout, false);
}

void delete_tensor(void* tensor) {
  auto* const managed = static_cast<DLManagedTensor*>(tensor);
  if (managed->deleter) managed->deleter(managed);
}

// What an exported tensor points to.
struct Exported {
  Array array;
  DeviceStream* stream = nullptr;  // of a GPU: in whose order it is used
  DLManagedTensor tensor{};
  std::int64_t extents[max_rank], strides[max_rank];

  explicit Exported(const Array& a) : array(a) {}
};

void delete_exported(DLManagedTensor* tensor) {
  auto* const exported = static_cast<Exported*>(tensor->manager_ctx);
  Access::storage(exported->array)->leave_home(exported->stream);
  delete exported;
}

}  // namespace

Array from_dlpack(DLManagedTensor* tensor, Location l) {
  if (!tensor) throw UsageError("from_dlpack of a null pointer", l);
  const DLTensor& t = tensor->dl_tensor;
  const DType dtype = dtype_of(t.dtype, l);
  const Layout layout = layout_of(t, l);
  const Device device = device_of(t.device, l);
  auto* const first = static_cast<std::byte*>(t.data) + t.byte_offset;
  const bool empty = std::find(layout.extents, layout.extents + t.ndim, 0) != layout.extents + t.ndim;
  check_address("from_dlpack", first, dtype, device, empty, l);
  return array_over(first, dtype, t.ndim, layout, device, &delete_tensor, tensor, l);
}

DLManagedTensor* to_dlpack(const ArrayOperand& a, Device device) {
  if (!Access::concrete(a.array))
    throw UsageError(Access::traced(a.array) ? text("to_dlpack of ", detail::described(a.array),
                                                    " inside a traced function, where it is a symbol without memory")
                                             : std::string("to_dlpack of an array that is none yet"),
                     a.where);
  if (a.array.read_only())
    throw UsageError(text("to_dlpack of ", detail::described(a.array),
                          ", which is read-only, while a tensor can be written; copy() it first"),
                     a.where);
  Storage& storage = *Access::storage(a.array);
  DeviceMemory* const memory = device.said() ? detail::backend_of(device, a.where).memory() : storage.newest();
  DeviceStream* const stream = memory ? &detail::current_stream_of(*memory) : nullptr;
  auto exported = std::make_unique<Exported>(a.array);
  if (!storage.stay_home(memory, stream))
    throw UsageError(text("to_dlpack of ", detail::described(a.array), " to ", memory ? memory->name() : "the CPU",
                          ", whose memory other code sees elsewhere; copy() it first"),
                     a.where);
  exported->stream = stream;
  const Layout& layout = Access::layout(a.array);
  const std::uint64_t base = memory ? storage.address_on(*memory) : reinterpret_cast<std::uint64_t>(storage.data());
  const int rank = Access::rank(a.array);
  std::copy_n(layout.extents, rank, exported->extents);
  std::copy_n(layout.strides, rank, exported->strides);
  DLTensor& t = exported->tensor.dl_tensor;
  t.data = reinterpret_cast<void*>(base + static_cast<std::uint64_t>(layout.data - storage.data()));
  t.device = memory ? DLDevice{kDLCUDA, memory->number()} : DLDevice{kDLCPU, 0};
  t.ndim = rank;
  for (const auto& [dtype, type] : dtypes)
    if (dtype == a.array.dtype()) t.dtype = type;
  t.shape = exported->extents;
  t.strides = exported->strides;
  exported->tensor.manager_ctx = exported.get();
  exported->tensor.deleter = &delete_exported;
  return &exported.release()->tensor;
}

Array borrow(void* data, DType dtype, std::span<const std::int64_t> extents, Device device, Location l) {
  if (!device.said()) device = default_device();
  if (device.is_cpu()) return borrow(data, dtype, extents, l);
  if (extents.size() > max_rank) throw detail::too_many_axes(text(dtype, " array of shape ", extents), l);
  Layout layout;
  std::int64_t stride = 1;
  for (std::size_t k = extents.size(); k-- > 0;) {
    if (extents[k] < 0) throw detail::negative_extent("borrow as ", dtype, extents, l);
    layout.extents[k] = extents[k];
    layout.strides[k] = stride;
    stride *= extents[k];
  }
  check_address("borrow", data, dtype, device, stride == 0, l);
  return array_over(static_cast<std::byte*>(data), dtype, static_cast<int>(extents.size()), layout, device, nullptr,
                    nullptr, l);
}

}  // namespace kiln
