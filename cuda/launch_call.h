// One call on a GPU while it runs: where its memory is, the numbers that the host knows, and what the parts of the
// launch (launch*.cpp) share.
#pragma once

#include "core/access.h"
#include "core/stream.h"
#include "cuda/launch.h"

#include <kiln/error.h>

#include <memory>
#include <unordered_map>

namespace kiln::on_cuda {

using detail::Number16;
using detail::Storage;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::RootId;

enum class Flow { next, leave, turn, failed };

/// Device memory for the time of a call.
class DeviceBlock {
 public:
  DeviceBlock(Device& device, Stream& stream, std::size_t bytes)
      : device_(device),
        stream_(stream),
        bytes_(bytes),
        address_(bytes == 0 ? 0 : device.allocate_for(stream, bytes)) {}
  ~DeviceBlock() {
    if (address_ != 0) device_.deallocate_for(stream_, address_, bytes_);
  }
  DeviceBlock(const DeviceBlock&) = delete;
  std::uint64_t address() const { return address_; }

 private:
  Device& device_;
  Stream& stream_;
  std::size_t bytes_;
  std::uint64_t address_;
};

/// Where a root's elements are: on the device, and, for results, in the host's address space.
struct Memory {
  std::uint64_t address = 0;
  std::byte* host = nullptr;
  std::int64_t extents[max_rank], strides[max_rank];  // of the axes there are
  std::int64_t capacity = 0;
  RootId origin = none;
  bool ready = false;
};

/// Trips of a loop whose numbers are known.
std::int64_t trip_count(std::int64_t begin, std::int64_t end, std::int64_t step);

/// One call.
class Launch {
 public:
  Launch(const Loaded& loaded, Frame& frame, const LaunchArguments& arguments)
      : program_(loaded.program),
        plan_(loaded.plan),
        functions_(loaded.functions),
        device_(*loaded.device),
        stream_(static_cast<Stream&>(detail::current_stream_of(device_))),
        current_(device_),
        arguments_(arguments),
        frame_(frame),
        memory_(program_.roots.size()),
        indices_(program_.loops.size() * max_rank),
        slots_(device_, stream_, slots_begin() + std::size_t{plan_.slot_count} * 16) {
    if (plan_.may_fail) device_.clear(stream_, slots_.address(), sizeof(Failure));
    bind_parameters();
  }

  std::int32_t run();
  int serial_kernels = 0, kernels = 0;

 private:
  void bind_parameters();
  void refuse_overlap();
  const Memory& memory(RootId root);

  Number16 number(NodeId id);
  std::int64_t integer(NodeId id) { return number(id).i; }
  /// What is in these nodes' slots; failed if a launch before has failed. With `failures` that is asked also where
  /// there are no nodes.
  Flow fetch(const std::vector<NodeId>& nodes, bool failures = false);
  std::size_t slots_begin() const { return plan_.may_fail ? sizeof(Failure) : 0; }
  std::uint64_t slots() const { return slots_.address() + slots_begin(); }

  Flow steps(const std::vector<Step>& list);
  Flow step(const Step& step);
  Flow loop(const Step& step);
  Flow while_loop(const Step& step);
  Flow allocate(const ir::Statement& s);
  [[noreturn]] void refuse_memory(RootId root, const RuntimeError& why);
  Flow guard(const ir::Statement& s);
  void swap(const ir::Statement& s);
  Flow kernel(std::uint32_t which);
  std::int64_t iterations(ir::LoopId loop);
  int team_of(std::uint32_t which, std::int64_t iterations);
  struct Shape {
    std::int64_t total = 0, blocks = 1;
    int threads = 1;  // of a block
  };
  /// Device memory for the time of one kernel, by scratch root and by reduction.
  struct KernelMemory {
    std::vector<std::unique_ptr<DeviceBlock>> blocks;
    std::vector<std::uint64_t> scratch, partials, others;
    std::vector<std::int64_t> counts;  // of sums of blocks
    Rows rows;
    Columns columns;
    std::uint64_t take(Device& device, Stream& stream, std::int64_t bytes);
  };
  Shape shape_of(std::uint32_t which);
  std::int64_t most_blocks(std::uint32_t which, int threads) const;
  Rows rows_of(const Kernel& kernel);
  Flow reduce_rows(std::uint32_t which);
  Columns columns_of(std::uint32_t which);
  Flow reduce_columns(std::uint32_t which);
  void words_of(const Kernel& kernel, const KernelMemory& memory, std::uint64_t (&words)[most_words]);
  void take_scratch(const Kernel& kernel, Shape& shape, KernelMemory& memory);
  void take_memory(const Kernel& kernel, Shape& shape, KernelMemory& memory);
  std::uint64_t word(const Word& w, const Kernel& kernel, const KernelMemory& own);
  void start(CUfunction function, std::int64_t blocks, unsigned threads, void** parameters);
  void results();

  const ir::Program& program_;
  const Plan& plan_;
  const Functions& functions_;
  Device& device_;
  Stream& stream_;
  const Device::Current current_;
  const LaunchArguments& arguments_;
  Frame& frame_;
  std::vector<Memory> memory_;
  std::vector<std::int64_t> indices_;
  std::unordered_map<NodeId, Number16> fetched_;
  DeviceBlock slots_;     // behind a Failure, where a kernel may fail
  bool unknown_ = false;  // whether a launch has failed
  std::uint32_t launches_ = 0;
  std::int32_t status_ = status_ok;
};

}  // namespace kiln::on_cuda
