// From a C++ function and a call's arguments to a Program to interpret, or to a scheduled one and compiled code.
#include "core/specialize.h"

#include "core/access.h"
#include "core/bounds.h"
#include "core/cleanup.h"
#include "core/config.h"
#include "core/demand.h"
#include "core/device.h"
#include "core/effects.h"
#include "core/error_text.h"
#include "core/fuse.h"
#include "core/jam.h"
#include "core/order.h"
#include "core/schedule.h"
#include "core/sink.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <algorithm>
#include <chrono>

namespace kiln::detail {

namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// The arguments as the traced function sees them: symbols for arrays and scalars, constants as they are.
struct TracedArguments {
  std::vector<Array> arrays;
  std::vector<Value> scalars;
  std::vector<Argument> list;
};

void make_arguments(Tracing& tracing, const Argument* arguments, int count, const Location& where,
                    TracedArguments& out) {
  out.arrays.reserve(static_cast<std::size_t>(count));
  out.scalars.reserve(static_cast<std::size_t>(count));
  std::uint32_t array_count = 0, scalar_count = 0;
  for (int k = 0; k < count; ++k) {
    const Argument& a = arguments[k];
    switch (a.kind) {
      case Argument::Kind::array:
        out.arrays.push_back(
            tracing.parameter(array_count++, a.array->dtype(), a.array->rank(), a.array->read_only(), where));
        out.list.push_back(argument(out.arrays.back()));
        break;
      case Argument::Kind::scalar: {
        const Type type = Access::type(*a.scalar);
        tracing.program().scalar_arguments.push_back(type);
        out.scalars.push_back(tracing.value_of(tracing.build().scalar_argument(scalar_count++, type)));
        out.list.push_back(argument(out.scalars.back()));
        break;
      }
      case Argument::Kind::constant: out.list.push_back(a); break;
    }
  }
}

bool is_interpreted(const JitOptions& options) { return options.interpret || config().disable_jit; }

// One round of tracing with these dtypes of the Vars; true if they turned out right.
bool trace_round(Function& function, const Argument* arguments, int count, const JitOptions& options, Facts& facts,
                 std::vector<Type>& types, ir::Program& program) {
  facts.forget();
  const std::string_view file = function.where.file_name();
  Tracing tracing(facts, types, !is_interpreted(options),
                  text(file.substr(file.rfind('/') + 1), ":", function.where.line()), function.where);
  tracing.program().contract = options.contract || options.fast_math.has(FastMath::contract);
  tracing.program().fast_math = options.fast_math;
  tracing.program().precise = options.precise;
  tracing.program().check_bounds = checks_bounds(options.bounds_check);
  TracedArguments traced;
  make_arguments(tracing, arguments, count, function.where, traced);
  Results results;
  try {
    // What broadcasts the arguments of a vectorized function is at fault in the line of each call, not in the
    // function's.
    tracing.run(function, traced.list.data(), static_cast<int>(traced.list.size()), results,
                function.broadcast ? Location() : function.where);
    tracing.hand_over(results, function.where);
    tracing.finish();
  } catch (const DTypeError&) {
    // Of the dtype that a Var had here, and has no longer: 300 + x of a u8 that becomes an f64.
    if (tracing.settled_against(tracing.program())) throw;
    const std::vector<Type> found = tracing.joined_types();
    types.resize(std::max(types.size(), found.size()));
    std::copy(found.begin(), found.end(), types.begin());
    return false;
  }
  types = tracing.joined_types();
  program = std::move(tracing.program());
  return tracing.settled_against(program);
}

ir::Program trace_until_stable(Function& function, const Argument* arguments, int count, const JitOptions& options,
                               Facts& facts) {
  // A dtype can only rise, bool to complex, a few steps; more rounds than that mean that it never settles.
  constexpr int most_rounds = 6;
  std::vector<Type> types;
  ir::Program program;
  for (int round = 0; round < most_rounds; ++round)
    if (trace_round(function, arguments, count, options, facts, types, program)) return program;
  throw DTypeError(
      "the dtypes of the Vars of this function do not settle: each trace finds others; give them dtypes, as in Var "
      "x(0.0, f32)",
      function.where);
}

void check(const ir::Program& program, const char* after) {
  if (config().verify) ir::verify(program, after);
}

struct ScheduleFacts {
  Facts& facts;
  const ir::Program& program;
  std::size_t streaming_bytes;
};

void schedule(ir::Program& program, Facts& facts, bool for_cpu) {
  ScheduleFacts context{facts, program, cpu_backend().streaming_bytes()};
  ir::ScheduleOptions options;
  options.context = &context;
  options.contiguous = [](void* c, ir::RootId root) {
    auto& f = *static_cast<ScheduleFacts*>(c);
    return f.facts.contiguous(static_cast<int>(f.program.roots[root].argument));
  };
  options.unit_stride = [](void* c, ir::RootId root, int axis) {
    auto& f = *static_cast<ScheduleFacts*>(c);
    return f.facts.unit_stride(static_cast<int>(f.program.roots[root].argument), axis);
  };
  options.large = [](void* c) {
    auto& f = *static_cast<ScheduleFacts*>(c);
    return f.facts.large(f.streaming_bytes);
  };
  if (!for_cpu)
    options.extent_at_most = [](void* c, ir::RootId root, int axis, std::size_t most) {
      auto& f = *static_cast<ScheduleFacts*>(c);
      return f.facts.extent_at_most(static_cast<int>(f.program.roots[root].argument), axis, most);
    };
  ir::schedule(program, options);
}

// All that is done to a Program before it is compiled.
void run_passes(ir::Program& program, Facts& facts, bool for_cpu) {
  ir::demand(program);
  check(program, "demand");
  ir::bounds(program);
  check(program, "bounds");
  ir::sink(program);
  check(program, "sink");
  ir::fuse(program);
  check(program, "fuse");
  schedule(program, facts, for_cpu);
  check(program, "schedule");
  if (for_cpu) {
    ir::jam(program);  // which fills a core's registers
    check(program, "jam");
  }
  ir::cleanup(program);
  check(program, "cleanup");
}

// The array arguments that a call may write: those whose memory, memory that may be the same, or memory that a swap
// gives them, a statement writes.
std::uint64_t written_arguments(const ir::Program& program) {
  using Kind = ir::Statement::Kind;
  const ir::Memory memory(program);
  std::vector<char> writes(program.roots.size());
  for (const ir::Block& block : program.blocks)
    for (const ir::Statement& s : block.statements)
      if (s.kind == Kind::store || s.kind == Kind::update) writes[memory.of(s.target)] = 1;
  for (bool changed = true; changed;) {
    changed = false;
    for (const ir::Block& block : program.blocks)
      for (const ir::Statement& s : block.statements) {
        if (s.kind != Kind::swap || writes[memory.of(s.target)] == writes[memory.of(s.other)]) continue;
        writes[memory.of(s.target)] = writes[memory.of(s.other)] = 1;
        changed = true;
      }
  }
  std::uint64_t written = 0;
  for (ir::RootId root = 0; root < program.roots.size(); ++root)
    if (program.roots[root].kind == ir::Root::Kind::parameter && writes[memory.of(root)])
      written |= std::uint64_t{1} << program.roots[root].argument;
  return written;
}

}  // namespace

std::unique_ptr<Variant> prepare(Function& function, const JitOptions& options, const Argument* arguments, int count,
                                 const GatheredCall& call, bool generic) {
  auto v = std::make_unique<Variant>();
  Facts facts(call.arguments(), generic);
  auto start = std::chrono::steady_clock::now();
  v->traced = trace_until_stable(function, arguments, count, options, facts);
  v->trace_ms = milliseconds_since(start);
  start = std::chrono::steady_clock::now();
  ir::order(v->traced);
  check(v->traced, "order");
  if (!is_interpreted(options)) {
    v->scheduled = v->traced;
    run_passes(v->scheduled, facts, call.device.is_cpu());
  }
  v->passes_ms = milliseconds_since(start);
  v->signature = call.signature;
  v->signature_text = describe(arguments, count);
  v->generic = generic;
  v->options.vector_bits = options.vector_bits;
  v->written = written_arguments(v->traced);
  v->options.quick = config().quick;
  v->facts = facts.consulted();
  return v;
}

namespace {

void check_options(const JitOptions& options, const Location& where) {
  const int bits = options.vector_bits;
  if (bits != 0 && bits != 128 && bits != 256 && bits != 512)
    throw UsageError(
        text("the option vector_bits is ", bits, ": it must be 128, 256 or 512, or 0 for the machine's own"), where);
}

}  // namespace

std::unique_ptr<Variant> specialize(Function& function, const JitOptions& options, const Argument* arguments, int count,
                                    const GatheredCall& call, bool generic) {
  check_options(options, call.where);
  auto v = prepare(function, options, arguments, count, call, generic);
  if (is_interpreted(options)) return v;
  // Where no line of the function is at fault, the call's is named.
  try {
    v->backend = &backend_of(call.device, call.where);
    v->device = v->backend->name();
    v->memory = v->backend->memory();
    v->executable = v->backend->compile(v->scheduled, v->options);
  } catch (const CompileError& e) {
    throw_with_line(e, call.where);
  } catch (const RuntimeError& e) {
    throw_with_line(e, call.where);
  }
  return v;
}

}  // namespace kiln::detail
