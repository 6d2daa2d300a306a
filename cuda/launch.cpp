// The host's part of a call: the plan's steps one after the other, and the numbers that decide them.
#include "core/error_text.h"
#include "core/host_ops.h"
#include "cuda/launch_call.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

// ---- Numbers --------------------------------------------------------------------------------------------------------

Number16 Launch::number(NodeId id) {
  const ir::Node& node = program_[id];
  if (!fetched_.empty())
    if (const auto known = fetched_.find(id); known != fetched_.end()) return known->second;
  Number16 x;
  switch (node.op) {
    case Op::constant: return node.number;
    case Op::scalar_argument: return frame_.scalars[node.id];
    case Op::extent: x.i = memory(node.id).extents[node.axis]; return x;
    case Op::stride: x.i = memory(node.id).strides[node.axis]; return x;
    case Op::index: x.i = indices_[node.id * max_rank + node.axis]; return x;
    case Op::load:
    case Op::read_variable: throw InternalError(text("node ", id, " is not known to the host"));
    default: break;
  }
  const bool converts = node.op == Op::convert;
  Number16 operands[3];
  for (int k = 0, count = converts ? 1 : ir::row(node.op).arity; k < count; ++k) operands[k] = number(node.operands[k]);
  const int last = converts ? 0 : ir::row(node.op).arity - 1;
  const DType from = program_[node.operands[last]].type.dtype, to = node.type.dtype;
  return converts ? convert(operands[0], from, to) : evaluate(node.op, from, to, operands, program_.precise);
}

std::int64_t trip_count(std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto b = static_cast<std::uint64_t>(begin), e = static_cast<std::uint64_t>(end);
  const auto s = static_cast<std::uint64_t>(step);
  if (step > 0 && begin < end) return static_cast<std::int64_t>((e - b - 1) / s + 1);
  if (step < 0 && begin > end) return static_cast<std::int64_t>((b - e - 1) / (0 - s) + 1);
  return 0;
}

// ---- Steps ----------------------------------------------------------------------------------------------------------

Flow Launch::steps(const std::vector<Step>& list) {
  for (const Step& s : list) {
    const Flow flow = step(s);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Flow Launch::step(const Step& s) {
  if (s.kind != Step::Kind::while_ && fetch(s.fetched) == Flow::failed) return Flow::failed;
  switch (s.kind) {
    case Step::Kind::kernel: return kernel(s.kernel);
    case Step::Kind::allocate: return allocate(*s.statement);
    case Step::Kind::swap: swap(*s.statement); return Flow::next;
    case Step::Kind::guard: return guard(*s.statement);
    case Step::Kind::loop: return loop(s);
    case Step::Kind::while_: return while_loop(s);
    case Step::Kind::branch: return steps(integer(s.statement->condition) != 0 ? s.body : s.otherwise);
    case Step::Kind::break_: return Flow::leave;
    case Step::Kind::continue_: return Flow::turn;
  }
  throw InternalError("no such step");
}

Flow Launch::loop(const Step& s) {
  const ir::Loop& l = program_.loops[s.statement->target];
  std::int64_t* const index = &indices_[s.statement->target * max_rank];
  std::int64_t begin[max_rank], by[max_rank], trips[max_rank], position[max_rank] = {}, left = 1;
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    index[k] = begin[k] = integer(l.dimensions[k].begin);
    by[k] = integer(l.dimensions[k].step);
    trips[k] = trip_count(begin[k], integer(l.dimensions[k].end), by[k]);
    left *= trips[k];
  }
  if (s.reducing != none) kernel(s.reducing);
  for (; left > 0; --left) {
    const Flow flow = steps(s.body);
    if (flow == Flow::failed) return flow;
    if (s.reducing != none) kernel(s.reducing + 1);
    if (flow == Flow::leave) break;
    for (std::size_t k = l.dimensions.size(); k-- > 0;) {
      if (++position[k] < trips[k]) {
        index[k] += by[k];
        break;
      }
      position[k] = 0;
      index[k] = begin[k];
    }
  }
  if (s.reducing != none) kernel(s.reducing + 2);
  return Flow::next;
}

Flow Launch::while_loop(const Step& s) {
  for (;;) {
    const Flow test = steps(s.body);
    if (test != Flow::next) return test;
    if (fetch(s.fetched) == Flow::failed) return Flow::failed;
    if (integer(s.statement->condition) == 0) return Flow::next;
    const Flow flow = steps(s.otherwise);
    if (flow == Flow::failed) return flow;
    if (flow == Flow::leave) return Flow::next;
  }
}

Flow Launch::guard(const ir::Statement& s) {
  if (integer(s.condition) != 0) return Flow::next;
  if (fetch({}, true) == Flow::failed) return Flow::failed;  // what came before it is told
  const ir::Message& message = program_.messages[s.message];
  const std::size_t shown = std::min(message.shown.size(), most_shown);
  for (std::size_t k = 0; k < shown; ++k) frame_.failed[k] = integer(message.shown[k]);
  status_ = static_cast<std::int32_t>(s.message) + 1;
  return Flow::failed;
}

std::int32_t Launch::run() {
  const bool failed = steps(plan_.steps) == Flow::failed || fetch(plan_.fetched, true) == Flow::failed;
  if (!failed) results();
  for (std::uint32_t k = 0; k < arguments_.count; ++k) {
    if (arguments_.written >> k & 1) detail::copy_argument_home(*arguments_.arrays[k], static_cast<int>(k), device_);
  }
  return failed ? status_ : status_ok;
}

std::int32_t launch(const Loaded& loaded, Frame& frame, const LaunchArguments& arguments, LaunchReport* report) {
  loaded.device->check_alive();
  static_cast<Stream&>(detail::current_stream_of(*loaded.device)).refuse_capture(arguments.where);
  Launch launch(loaded, frame, arguments);
  const std::int32_t status = launch.run();
  if (report) {
    report->threads = launch.kernels == 0 ? 1 : 0;
    report->reason = launch.kernels == 0          ? "a part that is not parallel runs on one thread of the GPU"
                     : launch.serial_kernels == 0 ? "a grid of threads"
                                                  : "a grid of threads; what is between parallel loops runs on one";
  }
  return status;
}

}  // namespace kiln::on_cuda
