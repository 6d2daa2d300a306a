// Facts about a call's arguments that a specialization may depend on; those it consulted decide whether a later call
// matches.
#pragma once

#include "core/ir.h"

#include <kiln/array.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kiln::detail {

/// One question and the answer that held when the specialization was made.
struct Fact {
  enum class Kind : std::uint8_t {
    extent_is_one,   // of axis `axis` of array `argument`
    unit_stride,     // the stride of that axis is 1
    contiguous,      // C order, no gaps
    overlap,         // arrays `argument` and `axis` share memory
    large,           // all arrays together are `bytes` long or longer
    extent_at_most,  // the extent of that axis is `bytes`, a number, or less
    condition,       // node `node` of the Program, on extents and integer scalars
    fits,            // the same: a number is one of the dtype it is used in
  };
  Kind kind;
  std::uint8_t argument = 0, axis = 0;
  bool answer = false;
  ir::NodeId node = ir::none;
  std::size_t bytes = 0;
};

/// The arrays and scalars of a call.
struct CallArguments {
  std::span<const Array* const> arrays;
  std::span<const Number16> scalars;
};

bool holds(const Fact& fact, const CallArguments& arguments, const ir::Program& program);
/// The fact in words, for specializations().
std::string describe(const Fact& fact);
/// The value of an i64 or bool node on extents and integer scalars; false if it depends on anything else.
bool host_value(const ir::Program& program, ir::NodeId node, const CallArguments& arguments, std::int64_t& value);

/// Answers questions while a call is traced and scheduled, and remembers them.
class Facts {
 public:
  /// generic: every optional question gets the answer that is right for all calls.
  Facts(const CallArguments& arguments, bool generic) : arguments_(arguments), generic_(generic) {}

  bool generic() const { return generic_; }
  bool extent_is_one(int argument, int axis);
  bool unit_stride(int argument, int axis);
  bool contiguous(int argument);
  bool overlap(int a, int b);
  bool large(std::size_t bytes);
  bool extent_at_most(int argument, int axis, std::size_t most);
  /// Asks for a condition; `known` is false if it is not one on extents and integer scalars.
  bool condition(const ir::Program& program, ir::NodeId node, bool& known);

  /// Asks whether a number fits; the node must be one on extents and integer scalars. Never optional.
  bool fits(const ir::Program& program, ir::NodeId node);
  /// A number of this call, for a text: no later call depends on it. False as host_value.
  bool value(const ir::Program& program, ir::NodeId node, std::int64_t& value) const {
    return host_value(program, node, arguments_, value);
  }

  const std::vector<Fact>& consulted() const { return consulted_; }
  void forget() { consulted_.clear(); }

 private:
  bool ask(Fact fact, const ir::Program* program);

  CallArguments arguments_;
  bool generic_;
  std::vector<Fact> consulted_;
};

}  // namespace kiln::detail
