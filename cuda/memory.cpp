// A GPU's memory: from the driver's stream-ordered pool; who uses it, in which order; copies.
#include "core/config.h"
#include "core/error_text.h"
#include "cuda/device.h"

#include <kiln/error.h>

#include <algorithm>
#include <memory>

namespace kiln::on_cuda {

namespace {

// Atomic updates of narrow elements exchange whole words of 4 bytes, that of the last elements, too.
std::size_t whole_words(std::size_t bytes) { return std::max<std::size_t>((bytes + 3) & ~std::size_t{3}, 4); }

}  // namespace

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

// 0: the driver has none.
std::uint64_t Stream::allocate(std::size_t bytes) {
  {
    const std::lock_guard lock(kept_mutex_);
    if (const std::uint64_t kept = kept_.take(bytes)) return kept;
  }
  CUdeviceptr address = 0;
  const CUresult result = driver().cuMemAllocFromPoolAsync(&address, bytes, device_.pool(), handle_);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) return 0;
  device_.check(result, "allocate memory on the GPU", this);
  return address;
}

void Stream::deallocate(std::uint64_t address, std::size_t bytes) noexcept {
  std::vector<KeptBlocks::Block> gone;
  {
    const std::lock_guard lock(kept_mutex_);
    const std::size_t most = is_gone() ? 0 : config().gpu_kept_bytes;  // the driver frees nothing on a gone stream
    if (!kept_.keep({address, bytes}, most, gone)) gone = {{address, bytes}};
  }
  if (!gone.empty()) free(gone);
}

void Stream::free(const std::vector<KeptBlocks::Block>& blocks) noexcept {
  try {
    const Device::Current current(device_);
    for (const KeptBlocks::Block& block : blocks) driver().cuMemFreeAsync(block.address, handle_);
  } catch (const Error&) {
    // The device is lost, and the memory with it.
  }
}

void Stream::give_back() noexcept {
  std::vector<KeptBlocks::Block> gone;
  {
    const std::lock_guard lock(kept_mutex_);
    gone = kept_.take_all();
  }
  if (!gone.empty()) free(gone);
}

void Device::trim() {
  const Current current(*this);
  for (Stream* const each : streams()) each->give_back();
  synchronize();
  check(driver().cuMemPoolTrimTo(pool_, 0), "trim the memory pool");
}

std::uint64_t Device::allocate_for(Stream& stream, std::size_t bytes) {
  if (const std::uint64_t address = stream.allocate(whole_words(bytes))) return address;
  trim();  // what was freed and kept may be in pieces of other sizes, or not yet free on this stream
  if (const std::uint64_t address = stream.allocate(whole_words(bytes))) return address;
  throw RuntimeError(no_memory(bytes));
}

void Device::deallocate_for(Stream& stream, std::uint64_t address, std::size_t bytes) noexcept {
  stream.deallocate(address, whole_words(bytes));
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
  auto buffer = std::make_unique<Buffer>();
  buffer->home = buffer->writer = &static_cast<Stream&>(stream);
  // Work that other code has queued on no stream in particular, the copy that filled the memory above all.
  if (buffer->home->kind() == Stream::Kind::own) buffer->home->wait_for(*legacy_stream_);
  buffer->address = address;
  buffer->bytes = bytes;
  buffer->home->begin_home();
  return buffer.release();
}

void Device::deallocate(DeviceBuffer* freed) noexcept {
  const std::unique_ptr<Buffer> buffer(static_cast<Buffer*>(freed));
  if (buffer->home) return give_back_borrowed(*buffer);
  {
    const std::lock_guard lock(mutex_);
    (buffer->previous ? buffer->previous->next : buffers_) = buffer->next;
    if (buffer->next) buffer->next->previous = buffer->previous;
  }
  if (is_lost()) return;
  try {
    // A stream that is gone frees nothing: the default one does it, after what was queued there.
    Stream& stream = buffer->writer->is_gone() ? *default_stream_ : *buffer->writer;
    stream.wait_for(*buffer->writer);
    for (Stream* const reader : buffer->readers) stream.wait_for(*reader);
    deallocate_for(stream, buffer->address, buffer->bytes);
  } catch (const Error&) {
    // The device is lost, and the memory with it.
  }
}

// Its owner, who may use or free it now, is in the order of its home stream; where that is nobody's but Kiln's, or
// gone, the host waits.
void Device::give_back_borrowed(Buffer& buffer) try {
  Stream& home = *buffer.home;
  home.end_home();
  if (is_lost()) return;
  const bool waits = home.is_gone() || home.kind() == Stream::Kind::own;
  buffer.readers.push_back(buffer.writer);
  for (Stream* const each : buffer.readers) {
    if (waits)
      each->synchronize();
    else
      home.wait_for(*each);
  }
} catch (const Error&) {
  // The device is lost, and the memory with it.
}

// ---- Order ----------------------------------------------------------------------------------------------------------

void Device::use(DeviceBuffer& used, bool writes, DeviceStream& on) {
  auto& buffer = static_cast<Buffer&>(used);
  auto& stream = static_cast<Stream&>(on);
  const bool has_read = std::find(buffer.readers.begin(), buffer.readers.end(), &stream) != buffer.readers.end();
  if (buffer.home && buffer.home != &stream) stream.wait_for(*buffer.home);  // its owner may have written it again
  if (buffer.writer == &stream && buffer.readers.empty()) return;
  // The writer's stream may have read it again since this one waited.
  if (!has_read || writes) stream.wait_for(*buffer.writer);
  if (!writes) {
    was_used(buffer, stream);
    return;
  }
  for (Stream* const reader : buffer.readers) stream.wait_for(*reader);
  buffer.readers.clear();
  buffer.writer = &stream;
}

void Device::was_used(DeviceBuffer& used, DeviceStream& on) {
  auto& buffer = static_cast<Buffer&>(used);
  auto* const stream = &static_cast<Stream&>(on);
  if (buffer.writer == stream) return;
  if (std::find(buffer.readers.begin(), buffer.readers.end(), stream) == buffer.readers.end())
    buffer.readers.push_back(stream);
}

// ---- Copies ---------------------------------------------------------------------------------------------------------

void Device::copy_to_device(DeviceBuffer& to, const std::byte* from, DeviceStream& stream) {
  check_alive();
  const Current current(*this);
  staging_.to_device(to.address, from, to.bytes, static_cast<Stream&>(stream));
}

// The driver goes by way of the host where the two cannot reach each other.
void Device::copy_from_device(DeviceBuffer& to, DeviceMemory& other, DeviceBuffer& from, DeviceStream& on) {
  check_alive();
  auto& source = static_cast<Device&>(other);
  auto& stream = static_cast<Stream&>(on);
  source.check_alive();
  source.use(from, false, stream);
  const Current current(*this);
  check(driver().cuMemcpyPeerAsync(to.address, context_, from.address, source.context_, to.bytes, stream.get()),
        "copy from another GPU", &stream);
}

// On the stream that wrote it, or its owner's: nothing has to wait for anything but the host.
void Device::copy_to_host(std::byte* to, DeviceBuffer& copied) {
  check_alive();
  const Current current(*this);
  auto& from = static_cast<Buffer&>(copied);
  Stream* stream = from.writer;
  if (from.home && from.home != stream && !from.home->is_gone()) {
    from.home->wait_for(*stream);
    stream = from.home;
  }
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
