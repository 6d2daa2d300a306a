// A GPU's memory: from the driver's stream-ordered pool; who uses it, in which order; copies.
#include "core/error_text.h"
#include "cuda/device.h"

#include <kiln/error.h>

#include <algorithm>
#include <memory>

namespace kiln::on_cuda {

// ---- From the pool --------------------------------------------------------------------------------------------------

std::string Device::no_memory(std::size_t bytes) {
  std::size_t free = 0, total = 0;
  driver().cuMemGetInfo(&free, &total);
  std::vector<std::size_t> alive;
  std::size_t sum = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const Buffer* each = buffers_; each; each = each->next) {
      alive.push_back(each->bytes);
      sum += each->bytes;
    }
  }
  constexpr std::size_t told = 5;
  const std::size_t first = std::min(told, alive.size());
  std::partial_sort(alive.begin(), alive.begin() + static_cast<std::ptrdiff_t>(first), alive.end(), std::greater<>());
  std::string out = text("no memory for ", bytes, " bytes on ", name_, ", where ", free, " of ", total,
                         " bytes are free; ", alive.size(), " arrays have ", sum, " bytes there");
  for (std::size_t k = 0; k < first; ++k) out += text(k == 0 ? ", the largest " : ", ", alive[k]);
  return out + "; work on fewer elements at a time, or free arrays";
}

std::uint64_t Device::allocate_for(Stream& stream, std::size_t bytes) {
  // Atomic updates of narrow elements exchange whole words of 4 bytes, that of the last elements, too.
  bytes = std::max<std::size_t>((bytes + 3) & ~std::size_t{3}, 4);
  CUdeviceptr address = 0;
  CUresult result = driver().cuMemAllocAsync(&address, bytes, stream.get());
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    // What was freed and kept may be in pieces of other sizes, or not yet free on this stream.
    synchronize();
    check(driver().cuMemPoolTrimTo(pool_, 0), "trim the memory pool");
    result = driver().cuMemAllocAsync(&address, bytes, stream.get());
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) throw RuntimeError(no_memory(bytes));
  check(result, "allocate memory on the GPU", &stream);
  return address;
}

void Device::deallocate_for(Stream& stream, std::uint64_t address) noexcept {
  driver().cuMemFreeAsync(address, stream.get());
}

DeviceBuffer* Device::allocate(std::size_t bytes, DeviceStream& stream) {
  check_alive();
  const Current current(*this);
  auto buffer = std::make_unique<Buffer>();
  buffer->writer = &static_cast<Stream&>(stream);
  buffer->address = allocate_for(*buffer->writer, bytes);
  buffer->bytes = bytes;
  const std::lock_guard lock(mutex_);
  buffer->next = buffers_;
  if (buffers_) buffers_->previous = buffer.get();
  return buffers_ = buffer.release();
}

DeviceBuffer* Device::borrow(std::uint64_t address, std::size_t bytes, DeviceStream& stream) {
  check_alive();
  auto* const buffer = new Buffer;
  buffer->borrowed = true;
  buffer->writer = &static_cast<Stream&>(stream);
  buffer->address = address;
  buffer->bytes = bytes;
  return buffer;
}

void Device::deallocate(DeviceBuffer* freed) noexcept {
  const std::unique_ptr<Buffer> buffer(static_cast<Buffer*>(freed));
  if (buffer->borrowed) return;
  {
    const std::lock_guard lock(mutex_);
    (buffer->previous ? buffer->previous->next : buffers_) = buffer->next;
    if (buffer->next) buffer->next->previous = buffer->previous;
  }
  if (is_lost()) return;
  try {
    const Current current(*this);
    // A stream that is gone frees nothing: the default one does it, after what was queued there.
    Stream& stream = buffer->writer->is_gone() ? *default_stream_ : *buffer->writer;
    stream.wait_for(*buffer->writer);
    for (Stream* const reader : buffer->readers) stream.wait_for(*reader);
    deallocate_for(stream, buffer->address);
  } catch (const Error&) {
    // The device is lost, and the memory with it.
  }
}

// ---- Order ----------------------------------------------------------------------------------------------------------

void Device::use(DeviceBuffer& used, bool writes, DeviceStream& on) {
  auto& buffer = static_cast<Buffer&>(used);
  auto& stream = static_cast<Stream&>(on);
  const bool has_read = std::find(buffer.readers.begin(), buffer.readers.end(), &stream) != buffer.readers.end();
  if (buffer.writer == &stream && buffer.readers.empty()) return;
  const Current current(*this);
  // The writer's stream may have read it again since this one waited.
  if (!has_read || writes) stream.wait_for(*buffer.writer);
  if (!writes) {
    if (!has_read && buffer.writer != &stream) buffer.readers.push_back(&stream);
    return;
  }
  for (Stream* const reader : buffer.readers) stream.wait_for(*reader);
  buffer.readers.clear();
  buffer.writer = &stream;
}

// ---- Copies ---------------------------------------------------------------------------------------------------------

void Device::copy_to_device(DeviceBuffer& to, const std::byte* from, DeviceStream& stream) {
  check_alive();
  const Current current(*this);
  staging_.to_device(to.address, from, to.bytes, static_cast<Stream&>(stream));
}

// On the stream that wrote it: nothing has to wait for anything but the host.
void Device::copy_to_host(std::byte* to, DeviceBuffer& from) {
  check_alive();
  const Current current(*this);
  Stream* stream = static_cast<Buffer&>(from).writer;
  if (stream->is_gone()) {
    default_stream_->wait_for(*stream);
    stream = default_stream_;
  }
  staging_.to_host(to, from.address, from.bytes, *stream);
}

void Device::read_back(Stream& stream, void* to, std::uint64_t from, std::size_t bytes) {
  staging_.to_host(static_cast<std::byte*>(to), from, bytes, stream);
}

void Device::clear(Stream& stream, std::uint64_t to, std::size_t bytes) {
  check(driver().cuMemsetD8Async(to, 0, bytes, stream.get()), "fill memory with zeros", &stream);
}

}  // namespace kiln::on_cuda
