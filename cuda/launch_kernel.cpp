// A call's kernels: how many threads run, the words they are handed, the memory they have for themselves.
#include "core/config.h"
#include "cuda/launch_call.h"

#include <kiln/error.h>

#include <algorithm>
#include <bit>

namespace kiln::on_cuda {

namespace {

constexpr std::int64_t scratch_bytes = std::int64_t{256} << 20;  // at most so much for what every thread has

constexpr std::int64_t most_narrow = 0x7fffffff;  // iterations of a loop whose positions kernels divide in 32 bits
__extension__ using Wide = unsigned __int128;

int shift_of(std::int64_t by) { return std::bit_width(static_cast<std::uint64_t>(by - 1)); }

// A factor and a shift that divide a number below 2^31 by `by`.
std::uint64_t divider(std::int64_t by) {
  if (by < 1) return 0;
  const auto d = static_cast<std::uint64_t>(by), shift = static_cast<std::uint64_t>(shift_of(by));
  if (by > most_narrow) return shift << 32;  // the factor is not asked for
  const std::uint64_t factor = (std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - d) / d + 1;
  return shift << 32 | factor;
}

// The factor that with the same shift divides a number below 2^63.
std::uint64_t wide_factor(std::int64_t by) {
  const auto d = static_cast<std::uint64_t>(by);
  return static_cast<std::uint64_t>((Wide{(std::uint64_t{1} << shift_of(by)) - d} << 64) / d) + 1;
}

}  // namespace

std::int64_t Launch::iterations(ir::LoopId loop) {
  std::int64_t total = 1;
  for (const ir::LoopDimension& d : program_.loops[loop].dimensions)
    total *= trip_count(integer(d.begin), integer(d.end), integer(d.step));
  return total;
}

std::uint64_t Launch::word(const Word& w, const Kernel& kernel, const KernelMemory& own) {
  switch (w.kind) {
    case Word::Kind::node: {
      const Number16 x = number(w.id);
      const DType dtype = program_[w.id].type.dtype;
      if (!dtype.is_floating() && !dtype.is_complex()) return static_cast<std::uint64_t>(x.i);
      const double part = w.axis == 0 ? x.re : x.im;
      if (dtype == f64 || dtype == c128) return std::bit_cast<std::uint64_t>(part);
      return std::bit_cast<std::uint32_t>(static_cast<float>(part));
    }
    case Word::Kind::address: return memory(w.id).address;
    case Word::Kind::stride: return static_cast<std::uint64_t>(memory(w.id).strides[w.axis]);
    case Word::Kind::extent: return static_cast<std::uint64_t>(memory(w.id).extents[w.axis]);
    case Word::Kind::slots: return slots();
    case Word::Kind::partials: return own.partials[w.id];
    case Word::Kind::scratch: {
      std::size_t at = 0;
      while (kernel.scratch[at].root != w.id) ++at;
      return own.scratch[at];
    }
    case Word::Kind::failure: return slots_.address();
    case Word::Kind::launch: return launches_;
    case Word::Kind::others: return own.others[w.id];
    case Word::Kind::columns: return own.columns.numbers[w.axis];
    case Word::Kind::rows: return own.rows.numbers[w.axis];
    case Word::Kind::divider:
    case Word::Kind::factor: {
      const bool narrow = w.kind == Word::Kind::divider;
      if (!narrow && iterations(w.id) <= most_narrow) return 0;
      const ir::LoopDimension& d = program_.loops[w.id].dimensions[w.axis];
      const std::int64_t trips = trip_count(integer(d.begin), integer(d.end), integer(d.step));
      const std::int64_t by = w.items == 1 ? trips : groups_of_row(trips, w.items);
      return narrow ? divider(by) : wide_factor(by);
    }
  }
  throw InternalError("no such word");
}

void Launch::start(CUfunction function, std::int64_t blocks, unsigned threads, void** parameters) {
  const auto started = [&] {
    return driver().cuLaunchKernel(function, static_cast<unsigned>(blocks), 1, 1, threads, 1, 1, 0, stream_.get(),
                                   parameters, nullptr);
  };
  CUresult result = started();
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {  // what its threads have in local memory
    device_.trim();
    result = started();
  }
  device_.check(result, "launch a kernel", &stream_);
  stream_.launched(arguments_.where);
  if (config().synchronize) stream_.synchronize();
}

// A group of threads for a block of the order, fewer where a row is shorter than the lanes; as many groups for a row as
// it has blocks.
Rows Launch::rows_of(const Kernel& k) {
  const std::int64_t rows = k.loop == none ? 1 : iterations(k.loop), columns = iterations(k.reduced);
  const std::int64_t lanes = k.reductions[0].lanes, size = 32 * lanes, whole = lanes / k.items;
  const auto power = [](std::int64_t x) {
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(x, 1))));
  };
  const std::int64_t group = columns < lanes ? power((columns + k.items - 1) / k.items) : whole;
  const std::int64_t blocks = (columns + size - 1) / size, run = std::min(power(blocks), threads_of_block / whole);
  const std::int64_t tiles_of_row = std::max<std::int64_t>((blocks + run - 1) / run, 1);
  const std::int64_t per_tile = threads_of_block / group / run;
  Rows shape;
  const auto bits = [](std::int64_t power_of_two) -> std::int64_t {
    return std::countr_zero(static_cast<std::uint64_t>(power_of_two));
  };
  const std::int64_t numbers[] = {rows, columns, bits(group), bits(run), tiles_of_row};
  std::copy(std::begin(numbers), std::end(numbers), shape.numbers);
  shape.tiles = (rows * tiles_of_row + per_tile - 1) / per_tile;
  return shape;
}

// As many segments to a thread as leave enough threads to fill the GPU; all of them where they are few.
Columns Launch::columns_of(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  Columns shape;
  shape.columns = iterations(k.loop);
  const std::int64_t turns = iterations(k.reduced), segment = program_.loops[k.reduced].segment;
  const std::int64_t segments = std::max<std::int64_t>((turns + segment - 1) / segment, 1);
  const ir::LoopDimension& last = program_.loops[k.loop].dimensions.back();
  const std::int64_t trips = trip_count(integer(last.begin), integer(last.end), integer(last.step));
  const std::int64_t groups = trips == 0 ? 0 : shape.columns / trips * ((trips + k.items - 1) / k.items);
  const std::int64_t filling =
      std::int64_t{device_.multiprocessors()} * functions_.resident[which].of(k.threads()) * k.threads();
  std::int64_t run = 1;
  while (run < most_run && (segments <= 4 ? run < segments : groups * segments / run > filling)) run *= 2;
  const std::int64_t numbers[] = {turns, run, (segments + run - 1) / run};
  std::copy(std::begin(numbers), std::end(numbers), shape.numbers);
  shape.units = groups * numbers[Columns::parts];
  return shape;
}

// A few blocks for each place where one can run: those that start later fill what the first leave idle. Where
// iterations take differently long, many: of mandelbrot's 8192 x 8192 pixels, whose rows are as many apart as blocks
// turn, 4 keep 132 multiprocessors busy for 0.87 of the time, 16 for 0.96, 64 for 0.99, by a simulation of their work.
std::int64_t Launch::most_blocks(std::uint32_t which, int threads) const {
  const std::int64_t turns = plan_.kernels[which].is_uneven ? 64 : 4;
  return std::int64_t{device_.multiprocessors()} * functions_.resident[which].of(threads) * turns;
}

// A warp where there are enough iterations to fill the GPU: its loops then are waited for by other teams alone. More,
// up to eight, while there are not and each doubling still saves a fifth of an iteration's time.
int Launch::team_of(std::uint32_t which, std::int64_t iterations) {
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;  // turns, and warps that they keep busy
  for (const Kernel::TeamLoop& each : plan_.kernels[which].team_loops) {
    if (each.loop == none && each.most == 0) return usual_threads_of_team;
    const std::int64_t turns = each.loop == none ? each.most : this->iterations(each.loop);
    const std::int64_t share = each.elements == 0 ? 32 : each.elements;
    loops.emplace_back(turns, std::max<std::int64_t>((turns + share - 1) / share, 1));
  }
  const auto time = [&](std::int64_t warps) {
    double sum = 0;
    for (const auto& [turns, busy] : loops)
      sum += static_cast<double>(turns) / static_cast<double>(std::min(warps, busy));
    return sum;
  };
  constexpr std::int64_t warps_of_multiprocessor = 64;
  const std::int64_t filling = device_.multiprocessors() * warps_of_multiprocessor;
  std::int64_t warps = 1;
  while (32 * warps < most_threads_of_team && iterations * warps < filling && time(2 * warps) < 0.8 * time(warps))
    warps *= 2;
  return static_cast<int>(32 * warps);
}

Launch::Shape Launch::shape_of(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  Shape shape;
  shape.total = k.grid == Kernel::Grid::one ? 1 : iterations(k.loop);
  shape.threads = k.grid == Kernel::Grid::teams ? team_of(which, shape.total) : k.threads();
  const std::int64_t per_block = std::int64_t{shape.threads} * k.items;
  std::int64_t units = k.grid == Kernel::Grid::teams ? shape.total : (shape.total + per_block - 1) / per_block;
  if (k.grid == Kernel::Grid::blocks) {
    const std::int64_t groups = shape.threads / k.group;
    units = ((shape.total + k.block_elements - 1) / k.block_elements + groups - 1) / groups;
  }
  shape.blocks = std::clamp<std::int64_t>(units, 1, most_blocks(which, shape.threads));
  return shape;
}

std::uint64_t Launch::KernelMemory::take(Device& device, Stream& stream, std::int64_t bytes) {
  blocks.push_back(
      std::make_unique<DeviceBlock>(device, stream, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))));
  return blocks.back()->address();
}

// What the kernel's threads have of their own; where that is much, fewer of them run.
void Launch::take_scratch(const Kernel& k, Shape& shape, KernelMemory& memory) {
  const auto bytes_of_block = [&](const Kernel::Scratch& each) {
    const ir::Root& root = program_.roots[each.root];
    constexpr std::int64_t beyond_any_device = std::int64_t{1} << 56;
    auto bytes = static_cast<std::int64_t>(root.dtype.size()) * (each.of_team ? 1 : shape.threads);
    bool fits = true;
    for (int axis = 0; axis < root.rank; ++axis)
      fits &= !__builtin_mul_overflow(bytes, std::max<std::int64_t>(integer(root.extents[axis]), 0), &bytes);
    return fits ? std::min(bytes, beyond_any_device) : beyond_any_device;
  };
  std::int64_t all = 0;
  for (const Kernel::Scratch& each : k.scratch) all += bytes_of_block(each);
  if (all > 0) shape.blocks = std::clamp<std::int64_t>(scratch_bytes / all, 1, shape.blocks);
  for (const Kernel::Scratch& each : k.scratch) {
    try {
      memory.scratch.push_back(memory.take(device_, stream_, bytes_of_block(each) * shape.blocks));
    } catch (const RuntimeError& e) {
      refuse_memory(each.root, e);
    }
  }
}

void Launch::take_memory(const Kernel& k, Shape& shape, KernelMemory& memory) {
  take_scratch(k, shape, memory);
  for (const Reduction& r : k.reductions) {
    const std::int64_t size = 32 * r.lanes, count = (shape.total + size - 1) / size;
    const auto bytes = static_cast<std::int64_t>(ir::accumulator_dtype(r.dtype).size());
    memory.counts.push_back(count);
    memory.partials.push_back(memory.take(device_, stream_, count * bytes));
    memory.others.push_back(memory.take(device_, stream_, (count + 1) / 2 * bytes));
  }
}

// What a kernel is handed, as its one parameter.
void Launch::words_of(const Kernel& k, const KernelMemory& memory, std::uint64_t (&words)[most_words]) {
  words[0] = 0;  // there is one always
  for (std::size_t at = 0; at < k.words.size(); ++at) words[at] = word(k.words[at], k, memory);
}

Flow Launch::reduce_rows(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  KernelMemory memory;
  memory.rows = rows_of(k);
  const auto tiles_of_row = static_cast<std::int64_t>(memory.rows.numbers[Rows::tiles_of_row]);
  const auto rows = static_cast<std::int64_t>(memory.rows.numbers[Rows::rows]);
  if (rows == 0) return Flow::next;
  const std::int64_t most = most_blocks(which, k.threads());
  for (const Reduction& r : k.reductions) {
    const auto bytes = static_cast<std::int64_t>(ir::accumulator_dtype(r.dtype).size());
    memory.partials.push_back(tiles_of_row > 1 ? memory.take(device_, stream_, memory.rows.tiles * bytes) : 0);
  }
  std::uint64_t words[most_words];
  words_of(k, memory, words);
  void* parameters[] = {words};
  start(functions_.kernels[which], std::min((memory.rows.tiles + k.rows_at_once - 1) / k.rows_at_once, most),
        threads_of_block, parameters);
  if (tiles_of_row > 1)
    start(functions_.folders[which][0], std::min(rows, most), tiles_of_row > 1024 ? 1024 : 256, parameters);
  return Flow::next;
}

Flow Launch::reduce_columns(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  KernelMemory memory;
  memory.columns = columns_of(which);
  const std::int64_t columns = memory.columns.columns;
  if (columns == 0) return Flow::next;
  auto parts = static_cast<std::int64_t>(memory.columns.numbers[Columns::parts]);
  for (const Reduction& r : k.reductions) {
    const auto bytes = static_cast<std::int64_t>(ir::accumulator_dtype(r.dtype).size()) * columns;
    const std::int64_t fewer = (parts + parts_of_turn - 1) / parts_of_turn;
    memory.partials.push_back(parts > 1 ? memory.take(device_, stream_, parts * bytes) : 0);
    memory.others.push_back(fewer > 1 ? memory.take(device_, stream_, fewer * bytes) : 0);
  }
  const std::int64_t most = most_blocks(which, k.threads());
  const auto run = [&](CUfunction function, std::int64_t units) {
    std::uint64_t words[most_words];
    words_of(k, memory, words);
    void* parameters[] = {words};
    start(function, std::min((units + 255) / 256, most), 256, parameters);
  };
  run(functions_.kernels[which], memory.columns.units);
  while (parts > 1) {
    const std::int64_t fewer = (parts + parts_of_turn - 1) / parts_of_turn;
    run(functions_.folders[which][0], fewer * columns);
    parts = fewer;
    memory.columns.numbers[Columns::parts] = static_cast<std::uint64_t>(parts);
    std::swap(memory.partials, memory.others);
  }
  return Flow::next;
}

Flow Launch::kernel(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  ++(k.grid == Kernel::Grid::one ? serial_kernels : kernels);
  ++launches_;
  unknown_ |= k.may_fail;
  if (k.grid == Kernel::Grid::rows) return reduce_rows(which);
  if (k.grid == Kernel::Grid::columns) return reduce_columns(which);
  Shape shape = shape_of(which);
  KernelMemory memory;
  take_memory(k, shape, memory);
  std::uint64_t words[most_words];
  words_of(k, memory, words);
  void* parameters[] = {words};
  if (shape.total > 0) start(functions_.kernels[which], shape.blocks, static_cast<unsigned>(shape.threads), parameters);
  for (std::size_t r = 0; r < k.reductions.size(); ++r) {
    std::uint64_t slots = this->slots();
    void* folding[] = {&memory.partials[r], &memory.others[r], &memory.counts[r], &slots};
    start(functions_.folders[which][r], 1, memory.counts[r] > 1024 ? 1024 : 256, folding);
  }
  return Flow::next;
}

}  // namespace kiln::on_cuda
