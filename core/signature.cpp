// The signature of a call.
#include "core/signature.h"

#include "core/access.h"
#include "core/array_errors.h"
#include "core/config.h"
#include "core/device.h"
#include "core/error_text.h"
#include "core/planted_faults.h"

#include <kiln/error.h>

#include <bit>

namespace kiln::detail {

namespace {

enum class WordKind : std::uint64_t { array = 1, scalar = 2, options = 4 };  // 3 is Signature::constant_mark

std::uint64_t word(WordKind kind, std::uint64_t dtype, std::uint64_t rank_or_strength, std::uint64_t flags) {
  return static_cast<std::uint64_t>(kind) << 56 | dtype << 16 | rank_or_strength << 8 | flags;
}

void gather_array(const Array& a, int number, const Location& where, GatheredCall& call) {
  if (!Access::concrete(a)) {
    if (!Access::traced(a)) throw no_elements(text("argument ", number + 1), where);
    throw UsageError(
        text("an Array of a traced function (", described(a), ") is used after its trace has ended: return it instead"),
        where);
  }
  call.only_on_host &= Access::storage(a)->only_on_host();
  call.arrays[call.array_count] = &a;
  call.layouts[call.array_count++] = &Access::layout(a);
  Signature& s = call.signature;
  const auto dtype = planted(Fault::dtype_lost_from_key) ? 0 : static_cast<std::uint64_t>(a.dtype().code());
  s.words[s.count++] =
      word(WordKind::array, dtype, static_cast<std::uint64_t>(Access::rank(a)), Access::read_only(a) ? 1 : 0);
}

void gather_scalar(const Value& v, const Location& where, GatheredCall& call) {
  if (Access::traced(v))
    throw UsageError(text("a Value of a traced function (", v.dtype(),
                          " scalar) is used after its trace has ended: return it instead"),
                     where);
  const Type type = Access::type(v);
  call.scalars[call.scalar_count++] = Access::number(v);
  Signature& s = call.signature;
  s.words[s.count++] = word(WordKind::scalar, static_cast<std::uint64_t>(type.dtype.code()),
                            static_cast<std::uint64_t>(type.strength), 0);
}

}  // namespace

bool checks_bounds(BoundsCheck asked) {
  using enum BoundsCheck::Choice;
  switch (asked.choice()) {
    case off: return false;
    case on: return true;
    case nothing_said: return config().bounds_check.value_or(false);
    case nothing_said_in_debug_build: break;
  }
  return config().bounds_check.value_or(true);
}

void gather(const Argument* arguments, int count, const JitOptions& options, const Location& where,
            GatheredCall& call) {
  if (count > Signature::most_arguments)
    throw UsageError(
        text("a compiled function takes at most ", Signature::most_arguments,
             " arguments, members of structs counted; this one has ", count, "; put scalars into an array"),
        where);
  call.where = where;
  call.device = options.device.said() ? options.device : device_of_scope();
  Signature& s = call.signature;
  for (int k = 0; k < count; ++k) {
    const Argument& a = arguments[k];
    switch (a.kind) {
      case Argument::Kind::array: gather_array(*a.array, k, where, call); break;
      case Argument::Kind::scalar: gather_scalar(*a.scalar, where, call); break;
      case Argument::Kind::constant:
        s.words[s.count++] = Signature::constant_mark;
        s.words[s.count++] = static_cast<std::uint64_t>(a.constant);
        break;
    }
  }
  s.words[s.count++] =
      word(WordKind::options, static_cast<std::uint64_t>(options.vector_bits), options.fast_math.bits(),
           (options.contract ? 1u : 0u) | (options.precise ? 2u : 0u) | (options.interpret ? 4u : 0u) |
               (checks_bounds(options.bounds_check) ? 8u : 0u) |
               (call.device.is_cpu() ? 0u : 16u + 32u * static_cast<unsigned>(call.device.index())));
  // Two instructions a word: the hash only spares most comparisons of the words.
  std::uint64_t hash = 0;
  for (int k = 0; k < s.count; ++k) hash = std::rotl(hash, 7) + s.words[k];
  s.hash = hash;
}

std::string describe(const Argument* arguments, int count) {
  std::string out;
  for (int k = 0; k < count; ++k) {
    const Argument& a = arguments[k];
    out += k ? ", " : "";
    switch (a.kind) {
      case Argument::Kind::array:
        out += text(a.array->dtype(), "[", a.array->rank(), "]", Access::read_only(*a.array) ? " read-only" : "");
        break;
      case Argument::Kind::scalar: {
        const Type type = Access::type(*a.scalar);
        out += !type.weak()              ? text(type.dtype)
               : type.dtype.is_integer() ? "integer"
               : type.dtype.is_complex() ? "complex"
                                         : "double";
        break;
      }
      case Argument::Kind::constant: out += text("constant ", a.constant); break;
    }
  }
  return out;
}

}  // namespace kiln::detail
