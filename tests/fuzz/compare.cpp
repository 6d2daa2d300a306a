// Runs a recipe's program every way there is and compares what comes out, bit for bit.
#include "tests/fuzz/compare.h"

#include "core/access.h"
#include "core/dispatch.h"
#include "core/error_text.h"
#include "core/interpret.h"
#include "core/results.h"
#include "core/specialize.h"
#include "tests/fuzz/execute.h"
#include "tests/fuzz/inputs.h"
#include "tests/simulated/control.h"

#include <kiln/error.h>

#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace kiln::fuzz {

using detail::Access;
using detail::Argument;

namespace {

// ---- The traced function --------------------------------------------------------------------------------------------

thread_local const Recipe* traced_recipe = nullptr;
thread_local std::string traced_text;

void trace_recipe(detail::Tracing& tracing, const Argument* arguments) {
  std::vector<Array> arrays;
  std::vector<Value> scalars;
  for (std::size_t k = 0; k < traced_recipe->inputs.size(); ++k) arrays.push_back(*(arguments++)->array);
  for (std::size_t k = 0; k < traced_recipe->scalars.size(); ++k) scalars.push_back(*(arguments++)->scalar);
  Executor executor(*traced_recipe, std::move(arrays), std::move(scalars));
  executor.run();
  traced_text = executor.text();
  for (const Term& x : executor.results()) {
    if (x.is_array())
      detail::trace_result(tracing, *x.array);
    else
      detail::trace_result(tracing, *x.value);
  }
}

std::vector<Argument> arguments_of(const Inputs& inputs) {
  std::vector<Argument> list;
  for (const Array& a : inputs.arrays()) list.push_back(detail::argument(a));
  for (const Value& s : inputs.scalars()) list.push_back(detail::argument(s));
  return list;
}

// ---- Outcomes -------------------------------------------------------------------------------------------------------

struct Piece {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> extents;
  std::vector<std::byte> bytes;
};

struct Outcome {
  std::string error;  // the kind of exception, if the call ended in one
  std::vector<Piece> pieces;
};

const char* kind_of(ir::Message::Kind kind) {
  return kind == ir::Message::Kind::shape   ? "ShapeError"
         : kind == ir::Message::Kind::index ? "IndexError"
                                            : "UsageError";
}

const char* kind_of(const Error& e) {
  if (dynamic_cast<const ShapeError*>(&e)) return "ShapeError";
  if (dynamic_cast<const IndexError*>(&e)) return "IndexError";
  if (dynamic_cast<const DTypeError*>(&e)) return "DTypeError";
  if (dynamic_cast<const UsageError*>(&e)) return "UsageError";
  if (dynamic_cast<const CompileError*>(&e)) return "CompileError";
  if (dynamic_cast<const InternalError*>(&e)) return "InternalError";
  return "RuntimeError";
}

// What the code generator refuses by name, as the documentation says.
bool is_limit(const std::string& error) {
  return error.starts_with("CompileError") && error.find("is not compiled") != std::string::npos;
}

Piece array_piece(std::string name, DType dtype, int rank, const std::byte* data, const std::int64_t* extents,
                  const std::int64_t* strides) {
  Piece p{std::move(name), dtype, {extents, extents + rank}, {}};
  std::int64_t count = 1;
  for (int k = 0; k < rank; ++k) count *= extents[k];
  const auto size = static_cast<std::int64_t>(dtype.size());
  p.bytes.resize(static_cast<std::size_t>(std::max<std::int64_t>(count, 0) * size));
  for (std::int64_t e = 0; e < count; ++e) {
    std::int64_t rest = e, offset = 0;
    for (int k = rank; k-- > 0;) {
      offset += rest % extents[k] * strides[k];
      rest /= extents[k];
    }
    std::memcpy(p.bytes.data() + e * size, data + offset * size, dtype.size());
  }
  return p;
}

Piece scalar_piece(std::string name, DType dtype, const detail::Number16& number) {
  const DType kept = dtype.is_complex() ? c128 : dtype.is_floating() ? f64 : i64;
  Piece p{std::move(name), kept, {}, std::vector<std::byte>(kept.size())};
  std::memcpy(p.bytes.data(), &number, kept.size());
  return p;
}

void add_memory(const Inputs& inputs, Outcome& outcome) {
  for (std::size_t k = 0; k < inputs.memory().size(); ++k) {
    const Inputs::Memory& m = *inputs.memory()[k];
    outcome.pieces.push_back({text("memory of argument buffer ", k),
                              m.dtype,
                              {static_cast<std::int64_t>(m.bytes.size() / m.dtype.size())},
                              m.bytes});
  }
}

double half_value(DType dtype, std::uint16_t bits) {
  const bool brain = dtype == bf16;
  const int exponent = brain ? bits >> 7 & 0xff : bits >> 10 & 0x1f, fraction = brain ? bits & 0x7f : bits & 0x3ff;
  return exponent == (brain ? 0xff : 0x1f) && fraction != 0 ? NAN : exponent + fraction;
}

bool is_nan(DType dtype, const std::byte* at) {
  if (dtype == f64) {
    double x;
    std::memcpy(&x, at, 8);
    return std::isnan(x);
  }
  if (dtype == f32) {
    float x;
    std::memcpy(&x, at, 4);
    return std::isnan(x);
  }
  std::uint16_t x;
  std::memcpy(&x, at, 2);
  return std::isnan(half_value(dtype, x));
}

// Whether two numbers with other bits are the same: NaN, in each part of a complex number.
bool same_but_for_nan(DType dtype, const std::byte* x, const std::byte* y) {
  if (dtype.is_complex()) {
    const DType part = ir::part_dtype(dtype);
    const auto same = [&](std::size_t at) {
      return std::memcmp(x + at, y + at, part.size()) == 0 || same_but_for_nan(part, x + at, y + at);
    };
    return same(0) && same(part.size());
  }
  return dtype.is_floating() && is_nan(dtype, x) && is_nan(dtype, y);
}

std::string shown(DType dtype, const std::byte* at) {
  if (dtype.is_complex()) {
    const DType part = ir::part_dtype(dtype);
    return shown(part, at) + " + " + shown(part, at + part.size()) + "i";
  }
  if (dtype == f64) {
    double x;
    std::memcpy(&x, at, 8);
    return number_text(x);
  }
  if (dtype == f32) {
    float x;
    std::memcpy(&x, at, 4);
    return number_text(static_cast<double>(x));
  }
  std::uint64_t x = 0;
  std::memcpy(&x, at, dtype.size());
  char out[32];
  std::snprintf(out, sizeof out, "0x%llx", static_cast<unsigned long long>(x));
  return out;
}

// Where two outcomes differ; empty where they do not.
std::string difference(const Outcome& expected, const Outcome& got) {
  if (expected.error != got.error)
    return text("the call ends in '", got.error.empty() ? "no error" : got.error, "', not in '",
                expected.error.empty() ? "no error" : expected.error, "'");
  if (!expected.error.empty()) return {};
  if (expected.pieces.size() != got.pieces.size()) return "another number of results";
  for (std::size_t k = 0; k < expected.pieces.size(); ++k) {
    const Piece &a = expected.pieces[k], &b = got.pieces[k];
    if (a.dtype != b.dtype) return text(a.name, ": dtype ", b.dtype, ", not ", a.dtype);
    if (a.extents != b.extents) {
      return text(a.name, ": shape ", std::span<const std::int64_t>(b.extents), ", not ",
                  std::span<const std::int64_t>(a.extents));
    }
    const std::size_t size = a.dtype.size();
    for (std::size_t at = 0; at < a.bytes.size(); at += size) {
      const std::byte *x = a.bytes.data() + at, *y = b.bytes.data() + at;
      if (std::memcmp(x, y, size) == 0) continue;
      if (same_but_for_nan(a.dtype, x, y)) continue;
      return text(a.name, ", element ", at / size, " of ", a.bytes.size() / size, " (", a.dtype,
                  "): ", shown(a.dtype, y), ", expected ", shown(a.dtype, x));
    }
  }
  return {};
}

// ---- Running one Program --------------------------------------------------------------------------------------------

// Memory of a run, with different rubbish in each, so that reading what nobody wrote shows.
struct RunMemory {
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t bytes;
  };
  std::mutex mutex;
  std::vector<Block> blocks;
  unsigned char rubbish = 0;

  static constexpr std::size_t guard = 128;
  std::byte* allocate(std::int64_t bytes) {
    const std::lock_guard lock(mutex);
    const std::size_t size = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0));
    auto memory = std::make_unique<std::byte[]>(size + 2 * guard + 64);
    std::memset(memory.get(), rubbish, size + 2 * guard + 64);
    // Aligned as the runtime's memory is.
    const std::size_t shift = 64 - reinterpret_cast<std::uintptr_t>(memory.get()) % 64;
    std::byte* const first = memory.get() + shift + guard - 64;
    blocks.push_back({std::move(memory), size});
    return first;
  }
};

constexpr auto allocate = [](Frame* frame, std::uint32_t, std::int64_t bytes) noexcept {
  return static_cast<RunMemory*>(frame->owner)->allocate(bytes);
};
constexpr RuntimeServices services{allocate, allocate, allocate,
                                   [](Frame* frame, std::uint32_t, LoopBody body, void* captures, std::int64_t count,
                                      std::int64_t) noexcept { body(frame, captures, 0, count, 0); },
                                   [](Frame*) noexcept -> std::int64_t { return 1; }};

template <class Run>
Outcome outcome_of(const ir::Program& program, const detail::GatheredCall& call, Inputs& inputs, unsigned char rubbish,
                   Run&& run) {
  Outcome outcome;
  RunMemory memory;
  memory.rubbish = rubbish;
  inputs.reset();
  std::vector<ResultSlot> results(program.results.size());
  Frame frame{&services, call.layouts, call.scalars, results.data(), &memory, {}};
  std::int32_t status = 0;
  try {
    status = run(frame);
  } catch (const Error& e) {
    outcome.error = text(kind_of(e), ": ", e.what());
    return outcome;
  }
  if (status > 0) outcome.error = kind_of(program.messages[static_cast<std::size_t>(status - 1)].kind);
  if (status < 0) outcome.error = status == status_outside ? "IndexError" : "RuntimeError";
  if (status != 0) return outcome;
  for (std::size_t k = 0; k < results.size(); ++k) {
    const ir::Result& r = program.results[k];
    if (r.is_array)
      outcome.pieces.push_back(array_piece(text("result ", k), program.roots[r.root].dtype, r.rank, results[k].data,
                                           results[k].extents, results[k].strides));
    else
      outcome.pieces.push_back(scalar_piece(text("result ", k), program[r.value].type.dtype, results[k].number));
  }
  add_memory(inputs, outcome);
  return outcome;
}

// A third of the Programs are contracted, an eighth relaxed in some way, an eighth precise, interpreted and compiled
// alike. A quarter is compiled with checked indices, which changes nothing, for none is outside.
JitOptions options_of(const Recipe& recipe, const Ways& ways, bool interpret) {
  JitOptions options;
  if (ways.gpu && !interpret) options.device = cuda();
  options.contract = recipe.seed / 16 % 3 == 2;
  constexpr FastMath::Relaxation all[] = {FastMath::reassociate, FastMath::no_nan, FastMath::no_signed_zero,
                                          FastMath::approximate_reciprocal};
  if (recipe.seed / 2 % 8 == 5)
    for (unsigned k = 0; k < 4; ++k)
      if ((recipe.seed / 16 >> k & 1) != 0) options.fast_math = options.fast_math | all[k];
  options.precise = recipe.seed / 4 % 8 == 3;
  options.bounds_check = recipe.strays || recipe.seed % 4 == 1;
  options.interpret = interpret;
  return options;
}

// The same as C++.
std::string text_of(const JitOptions& options) {
  std::string out;
  const auto add = [&](const std::string& name, const std::string& value) { out += name + " = " + value + ", "; };
  if (options.contract) add(".contract", "true");
  constexpr std::pair<FastMath::Relaxation, const char*> names[] = {
      {FastMath::reassociate, "reassociate"},
      {FastMath::no_nan, "no_nan"},
      {FastMath::no_signed_zero, "no_signed_zero"},
      {FastMath::approximate_reciprocal, "approximate_reciprocal"}};
  std::string relaxations;
  for (const auto& [relaxation, name] : names)
    if (options.fast_math.has(relaxation)) relaxations += text(relaxations.empty() ? "" : " | ", "FastMath::", name);
  if (!relaxations.empty()) add(".fast_math", relaxations);
  if (options.precise) add(".precise", "true");
  if (options.bounds_check == BoundsCheck(true)) add(".bounds_check", "true");
  if (options.device.said()) add(".device", "cuda()");
  return out;
}

Verdict check_variant(const Recipe& recipe, const Ways& ways) {
  traced_recipe = &recipe;
  detail::Function function{&trace_recipe, Location::current(), false, true};
  Inputs inputs(recipe, 0);
  const std::vector<Argument> arguments = arguments_of(inputs);
  const int count = static_cast<int>(arguments.size());
  detail::GatheredCall call;
  detail::gather(arguments.data(), count, options_of(recipe, ways, false), Location::current(), call);
  const bool generic = recipe.seed % 5 == 0;
  std::unique_ptr<detail::Variant> oracle, v;
  try {
    oracle = detail::prepare(function, options_of(recipe, ways, true), arguments.data(), count, call, generic);
  } catch (const InternalError& e) {
    return {Verdict::Kind::trace, e.what()};
  } catch (const Error& e) {
    return {dynamic_cast<const UsageError*>(&e) ? Verdict::Kind::refused : Verdict::Kind::trace,
            text(kind_of(e), ": ", e.what())};
  }
  try {
    v = detail::prepare(function, options_of(recipe, ways, false), arguments.data(), count, call, generic);
  } catch (const Error& e) {
    return {Verdict::Kind::trace, text("traced with folding: ", kind_of(e), ": ", e.what())};
  }
  const auto interpreted = [&](const ir::Program& program, unsigned char rubbish) {
    return outcome_of(program, call, inputs, rubbish, [&](Frame& frame) { return interpret(program, frame); });
  };
  const Outcome expected = interpreted(oracle->traced, 0x5a);
  if (expected.error.find(':') != std::string::npos) {
    return {expected.error.starts_with("IndexError") ? Verdict::Kind::invalid : Verdict::Kind::trace, expected.error};
  }
  if (const std::string d = difference(expected, interpreted(v->scheduled, 0xa3)); !d.empty())
    return {Verdict::Kind::scheduled, "after the passes: " + d};
  const Verdict::Kind good = expected.error.empty() ? Verdict::Kind::passed : Verdict::Kind::failed_call;
  if (ways.interpret_only) return {good, {}};
  constexpr int widths[] = {128, 256, 512};
  const int only_bits = widths[recipe.seed % 3], only_threads = 1 + static_cast<int>(recipe.seed / 3 % 3);
  for (int bits : widths) {
    if (!ways.all && bits != only_bits) continue;
    try {
      const std::unique_ptr<Executable> executable = cpu_backend().compile(v->scheduled, {bits, ways.quick});
      for (int threads = 1; threads <= 3; ++threads) {
        if (!ways.all && threads != only_threads) continue;
        const Outcome got = outcome_of(v->scheduled, call, inputs, static_cast<unsigned char>(0x3c + threads),
                                       [&](Frame& frame) { return executable->run(frame, {threads, true}, nullptr); });
        if (const std::string d = difference(expected, got); !d.empty())
          return {Verdict::Kind::compiled, text(bits, "-bit vectors, ", threads, " threads: ", d)};
      }
    } catch (const Error& e) {
      const std::string what = text(kind_of(e), ": ", e.what());
      return {is_limit(what) ? Verdict::Kind::refused : Verdict::Kind::compiled, text(bits, "-bit vectors: ", what)};
    }
  }
  return {good, {}};
}

// ---- Calls through the dispatcher -----------------------------------------------------------------------------------

Outcome called(detail::Function& function, const JitOptions& options, Inputs& inputs, bool whole_text) {
  Outcome outcome;
  const std::vector<Argument> arguments = arguments_of(inputs);
  detail::Results results;
  try {
    detail::call(function, options, arguments.data(), static_cast<int>(arguments.size()), results, Location::current());
  } catch (const Error& e) {
    outcome.error = kind_of(e);
    if (whole_text || outcome.error == "InternalError" || outcome.error == "CompileError")
      outcome.error += text(": ", e.what());
    return outcome;
  }
  for (int k = 0; k < results.count(); ++k) {
    const Array& a = results.array(k);
    if (Access::state(a) == Access::State::undefined) {
      const Value v = results.value(k);
      outcome.pieces.push_back(scalar_piece(text("result ", k), v.dtype(), Access::number(v)));
    } else {
      outcome.pieces.push_back(array_piece(text("result ", k), a.dtype(), a.rank(), Access::readable(a).data,
                                           Access::layout(a).extents, Access::layout(a).strides));
    }
  }
  // What a GPU wrote comes back.
  for (const Array& a : inputs.arrays()) Access::readable(a);
  add_memory(inputs, outcome);
  return outcome;
}

// The same function on every data set: what facts consulted let one specialization serve must be right for it.
Verdict check_calls(const Recipe& recipe, const Ways& ways) {
  traced_recipe = &recipe;
  // Never freed, as functions are.
  auto& oracle = *new detail::Function{&trace_recipe, Location::current(), false, true};
  auto& function = *new detail::Function{&trace_recipe, Location::current(), false, true};
  JitOptions options = options_of(recipe, ways, false);
  options.threads = 1 + static_cast<int>(recipe.seed % 3);
  options.force_threads = true;
  const JitOptions interpreting = options_of(recipe, ways, true);
  for (int set = 0; set < data_sets; ++set) {
    Inputs inputs(recipe, set);
    // A function of its own for each set: no specialization is used twice.
    auto& fresh = set == 0 ? oracle : *new detail::Function{&trace_recipe, Location::current(), false, true};
    const Outcome expected = called(fresh, interpreting, inputs, false);
    if (expected.error == "IndexError") return {Verdict::Kind::invalid, text("data set ", set, ": IndexError")};
    if (expected.error.starts_with("InternalError")) return {Verdict::Kind::trace, expected.error};
    inputs.reset();
    const Outcome got = called(function, options, inputs, false);
    inputs.reset();
    if (is_limit(got.error)) return {Verdict::Kind::refused, got.error};
    if (const std::string d = difference(expected, got); !d.empty())
      return {Verdict::Kind::dispatched, text("data set ", set, ", compiled, ", options.threads, " threads: ", d)};
    if (const std::string d = difference(expected, called(oracle, interpreting, inputs, false)); !d.empty())
      return {Verdict::Kind::dispatched, text("data set ", set, ", interpreted by an older specialization: ", d)};
  }
  return {};
}

// ---- Calls on a GPU -------------------------------------------------------------------------------------------------

// The order of blocks, warps and lanes, where the driver is the simulated one.
bool set_order(kiln_simulated_order order) {
  const char* const driver = std::getenv("KILN_CUDA_DRIVER");
  void* const library = driver ? ::dlopen(driver, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) : nullptr;
  void* const set = library ? ::dlsym(library, "kiln_simulated_set_order") : nullptr;
  if (set) reinterpret_cast<decltype(&kiln_simulated_set_order)>(set)(order);
  if (library) ::dlclose(library);
  return set != nullptr;
}

// One data set, with memory of its own for each function called: on the GPU, then interpreted and on the GPU again,
// with what the call before left in the arrays; lanes in both orders, errors word for word.
Verdict check_on_gpu(const Recipe& recipe, const Ways& ways, detail::Function& function, int set) {
  constexpr int turns = 3;
  auto& oracle = *new detail::Function{&trace_recipe, function.where, false, true};
  const JitOptions interpreting = options_of(recipe, ways, true), options = options_of(recipe, ways, false);
  std::vector<Outcome> expected;
  Inputs wanted(recipe, set);
  while (expected.size() < turns && (expected.empty() || expected.back().error.empty()))
    expected.push_back(called(oracle, interpreting, wanted, true));
  Outcome& last = expected.back();
  if (last.error.starts_with("InternalError")) return {Verdict::Kind::trace, last.error};
  if (last.error.starts_with("IndexError") && !recipe.strays)
    return {Verdict::Kind::invalid, text("data set ", set, ": ", last.error)};
  if (recipe.strays && !last.error.empty()) {
    if (expected.size() > 1) return {};
    // What is told depends on what is compared before the loops start.
    JitOptions on_cpu = options;
    on_cpu.device = cpu();
    Inputs inputs(recipe, set);
    const Outcome compiled = called(oracle, on_cpu, inputs, true);
    if (is_limit(compiled.error)) return {Verdict::Kind::refused, compiled.error};
    if (compiled.error.empty() || compiled.error.starts_with("InternalError"))
      return {Verdict::Kind::compiled, text("data set ", set, ", on the CPU: ", difference(last, compiled))};
    last = compiled;
  }
  for (const auto order : {kiln_simulated_order_forward, kiln_simulated_order_reverse}) {
    if (!set_order(order) && order == kiln_simulated_order_reverse) break;
    Inputs inputs(recipe, set);
    for (std::size_t turn = 0; turn < expected.size(); ++turn) {
      const bool interprets = turn == 1;
      const Outcome got = called(interprets ? oracle : function, interprets ? interpreting : options, inputs, true);
      if (is_limit(got.error)) return {Verdict::Kind::refused, got.error};
      const std::string d = difference(expected[turn], got);
      if (d.empty()) continue;
      return {Verdict::Kind::dispatched,
              text("data set ", set, ", call ", turn + 1, interprets ? ", interpreted" : ", on the GPU",
                   order == kiln_simulated_order_reverse ? ", in reverse: " : ": ", d)};
    }
  }
  return {last.error.empty() ? Verdict::Kind::passed : Verdict::Kind::failed_call, {}};
}

// The same function on the first data set, or on all.
Verdict check_gpu_calls(const Recipe& recipe, const Ways& ways, bool all_sets) {
  traced_recipe = &recipe;
  auto& function = *new detail::Function{&trace_recipe, Location::current(), false, true};
  Verdict verdict;
  for (int set = 0; set < (all_sets ? data_sets : 1); ++set) {
    verdict = check_on_gpu(recipe, ways, function, set);
    if (verdict.failed() || verdict.kind == Verdict::Kind::refused) return verdict;
  }
  return verdict;
}

}  // namespace

Verdict check(const Recipe& recipe, const Ways& ways) {
  Ways chosen = ways;
  chosen.all |= recipe.seed % 8 == 0;
  // What is dispatched is compiled as it is for users.
  const bool dispatches = recipe.seed % (ways.quick ? 8 : 4) == 1;
  chosen.quick &= !dispatches;
  chosen.interpret_only |= ways.gpu;
  if (recipe.strays) return check_gpu_calls(recipe, ways, false);
  const Verdict verdict = check_variant(recipe, chosen);
  if (verdict.failed() || verdict.kind == Verdict::Kind::refused || ways.interpret_only) return verdict;
  if (!ways.gpu && !dispatches) return verdict;
  const Verdict calls = ways.gpu ? check_gpu_calls(recipe, ways, dispatches || ways.all) : check_calls(recipe, ways);
  return calls.failed() || (ways.gpu && calls.kind == Verdict::Kind::refused) ? calls : verdict;
}

std::string as_program(const Recipe& recipe, const Ways& ways) {
  traced_recipe = &recipe;
  traced_text.clear();
  Inputs inputs(recipe, 0);
  const std::vector<Argument> arguments = arguments_of(inputs);
  detail::Function function{&trace_recipe, Location::current(), false, true};
  detail::GatheredCall call;
  detail::gather(arguments.data(), static_cast<int>(arguments.size()), {}, Location::current(), call);
  std::string error;
  try {
    detail::prepare(function, {.interpret = true}, arguments.data(), static_cast<int>(arguments.size()), call, false);
  } catch (const Error& e) {
    error = text("// ", e.what(), "\n");
  }
  std::string parameters, list;
  for (std::size_t k = 0; k < recipe.inputs.size(); ++k)
    parameters += text(k ? ", " : "", "Array a", k), list += text(k ? ", " : "", "a", k);
  for (std::size_t k = 0; k < recipe.scalars.size(); ++k) parameters += text(", Value s", k), list += text(", s", k);
  return error +
         "#include <kiln/kiln.h>\n\n#include <cmath>\n#include <complex>\n#include <iostream>\n#include "
         "<vector>\n\nusing namespace "
         "kiln;\n\n" +
         "auto f = jit([](" + parameters + ") {\n" + traced_text + "});\n\nint main() {\n" + inputs.text() +
         "  const auto show = [](const auto&... x) { ((std::cout << x << '\\n'), ...); };\n"
         "  for (bool interpret : {true, false}) {\n"
         "    std::apply(show, f.with({" +
         text_of(options_of(recipe, ways, false)) + ".interpret = interpret})(" + list +
         "));\n"
         "    show(" +
         list + ");\n  }\n}\n";
}

std::string as_ir(const Recipe& recipe, const Ways& ways) {
  traced_recipe = &recipe;
  Inputs inputs(recipe, 0);
  const std::vector<Argument> arguments = arguments_of(inputs);
  detail::Function function{&trace_recipe, Location::current(), false, true};
  detail::GatheredCall call;
  detail::gather(arguments.data(), static_cast<int>(arguments.size()), {}, Location::current(), call);
  try {
    const auto prepared = [&](const JitOptions& options) {
      return detail::prepare(function, options, arguments.data(), static_cast<int>(arguments.size()), call,
                             recipe.seed % 5 == 0);
    };
    const auto v = prepared(options_of(recipe, ways, false));
    return ir::print(prepared(options_of(recipe, ways, true))->traced) + "\n" + ir::print(v->traced) + "\n" +
           ir::print(v->scheduled);
  } catch (const Error& e) {
    return e.what();
  }
}

const char* name_of(Verdict::Kind kind) {
  constexpr const char* names[] = {"passed", "refused",   "invalid",  "failed_call",
                                   "trace",  "scheduled", "compiled", "dispatched"};
  return names[static_cast<int>(kind)];
}

}  // namespace kiln::fuzz
