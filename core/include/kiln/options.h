// What a call may do differently: JitOptions, and the choices it is made of.
#pragma once

#include <kiln/device.h>

#include <cstdint>

namespace kiln {

/// Relaxations of floating-point arithmetic, each by its name, `FastMath::contract | FastMath::no_nan`, or all of them:
/// `true`. They are applied once, on the traced Program, so that interpreted and compiled code, any number of threads
/// and any vector width still agree bit for bit. They apply to f32 and f64; the order of reductions stays as it is.
class FastMath {
 public:
  enum Relaxation : std::uint8_t {
    /// A product that is added or subtracted is not rounded before: fma.
    contract = 1,
    /// Chains of + (and -) or of * within one expression may be computed in another order: constants together, then
    /// what does not change in the loop, which is computed once. Rounding, and overflow on the way, may differ.
    reassociate = 2,
    /// minimum, maximum, fmin, fmax and clip take it that no operand is NaN; where one is, the result may be either
    /// operand. Questions (isnan, comparisons) are answered as ever.
    no_nan = 4,
    /// x + 0 is x and 0 - x is -x, and with no_nan x * 0 is 0: the sign of a zero may differ.
    no_signed_zero = 8,
    /// x / c, where c is a constant or does not change in the loop, is x * (1 / c): off by one more rounding. Where
    /// 1 / c is no normal number, constants are still divided by; a number known only at run time overflows or
    /// vanishes.
    approximate_reciprocal = 16,
  };

  constexpr FastMath(bool all = false) : bits_(all ? every : std::uint8_t{0}) {}
  constexpr FastMath(Relaxation one) : bits_(one) {}
  constexpr bool has(Relaxation one) const { return (bits_ & one) != 0; }
  constexpr std::uint8_t bits() const { return bits_; }

  friend constexpr FastMath operator|(FastMath a, FastMath b) {
    FastMath both;
    both.bits_ = static_cast<std::uint8_t>(a.bits_ | b.bits_);
    return both;
  }
  // Of two enumerators too, which else would make an int.
  friend constexpr FastMath operator|(Relaxation a, Relaxation b) { return FastMath(a) | FastMath(b); }
  friend constexpr bool operator==(FastMath, FastMath) = default;

 private:
  static constexpr std::uint8_t every = 31;
  std::uint8_t bits_;
};

/// Whether compiled code compares indices with extents where it cannot do so before the loops: `true`, `false`, or,
/// where neither is said, what KILN_BOUNDS_CHECK says, else yes in files compiled without NDEBUG and no in others.
class BoundsCheck {
 public:
  enum class Choice : std::uint8_t { nothing_said, nothing_said_in_debug_build, off, on };

  constexpr BoundsCheck() = default;
  constexpr BoundsCheck(bool on) : choice_(on ? Choice::on : Choice::off) {}
  constexpr explicit BoundsCheck(Choice choice) : choice_(choice) {}
  constexpr Choice choice() const { return choice_; }
  friend constexpr bool operator==(BoundsCheck, BoundsCheck) = default;

 private:
  Choice choice_ = Choice::nothing_said;
};

/// What a call may do differently; part of the specialization's key.
struct JitOptions {
  /// Multiply-adds become fma, formed once on the traced Program; FastMath::contract by another name.
  bool contract = false;
  /// Relaxations of floating-point arithmetic: none, all (true), or a set of named ones.
  FastMath fast_math = {};
  /// exp, sin, pow and their like within 1 ulp of the exact result, in f32 and f64, instead of the few ulp that
  /// docs/reference/accuracy.md tells. Slower: f32 is computed in f64, some functions an element at a time.
  bool precise = false;
  /// Accesses that cannot be proven to be inside their arrays before the loops start are checked as they come: an
  /// IndexError instead of undefined behaviour. What is proven, or checked before the loops in any case, costs nothing.
  BoundsCheck bounds_check = {};
  /// Where the call runs; where nothing is said on default_device().
  Device device = {};
  /// Vector width in bits, 0 for the machine's own; for tests.
  int vector_bits = 0;
  /// Runs the reference interpreter instead of compiled code: what KILN_DISABLE_JIT=1 does for every call.
  bool interpret = false;
  /// Threads of a call; 0 lets the runtime choose from measured cost. Not part of the key.
  int threads = 0;
  /// Runs on exactly `threads` threads (0: on all) however small the work, if it can be divided into so many parts;
  /// also on more than set_num_threads allows. For tests.
  bool force_threads = false;
  friend constexpr bool operator==(const JitOptions&, const JitOptions&) = default;
};

}  // namespace kiln
