// The signature of a call: what must be equal for compiled code to be used again.
#pragma once

#include "core/facts.h"

#include <kiln/jit.h>

#include <cstdint>
#include <string>

namespace kiln::detail {

/// dtypes, ranks, strengths of scalars, constants and options, a word or two each.
struct Signature {
  static constexpr int capacity = 96;
  static constexpr int most_arguments = 40;

  std::uint64_t words[capacity];  // the first `count`; the rest is never written
  int count = 0;
  std::uint64_t hash = 0;

  /// Whether the value of a constant follows this word.
  static constexpr std::uint64_t constant_mark = std::uint64_t{3} << 56;
  bool is_constant(int k) const { return words[k] == constant_mark; }

  friend bool operator==(const Signature& a, const Signature& b) {
    if (a.hash != b.hash || a.count != b.count) return false;
    for (int k = 0; k < a.count; ++k)  // a few words: shorter than a call of memcmp
      if (a.words[k] != b.words[k]) return false;
    return true;
  }
};

/// A call's arguments taken apart: the signature, and the arrays and scalars in order.
struct GatheredCall {
  Signature signature;
  const Array* arrays[Signature::most_arguments];
  const Layout* layouts[Signature::most_arguments];
  union {
    Number16 scalars[Signature::most_arguments];  // in a union, so that a call does not clear what it does not use
  };
  int array_count = 0, scalar_count = 0;
  bool only_on_host = true;  // no array has bytes elsewhere
  Location where;            // the line of the call
  Device device;             // where it runs

  GatheredCall() {}

  CallArguments arguments() const {
    return {{arrays, static_cast<std::size_t>(array_count)}, {scalars, static_cast<std::size_t>(scalar_count)}};
  }
};

/// Whether a call's accesses are checked: as it asks, else as KILN_BOUNDS_CHECK says, else in debug builds.
bool checks_bounds(BoundsCheck asked);
/// Throws UsageError for undefined or traced arrays and too many arguments.
void gather(const Argument* arguments, int count, const JitOptions& options, const Location& where, GatheredCall& call);
/// The signature in words: "f32[2], weak int, constant 3".
std::string describe(const Argument* arguments, int count);

}  // namespace kiln::detail
