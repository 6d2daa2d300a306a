// What no device's code generator compiles yet, told in the same words by each.
#pragma once

#include "core/error_text.h"
#include "core/ir.h"

#include <string>

namespace kiln::ir {

/// Of an array that the iterations of a prange make.
inline std::string extents_that_differ(const Root& root) {
  return text("a new ", root.dtype, " array of rank ", int{root.rank},
              " whose extents differ between the iterations of a prange is not compiled yet: make it as large as the "
              "largest and use a slice of it, or use range");
}

/// Of an update of an element of two 8-byte parts, which are not exchanged at once.
inline std::string update_of_both_parts(const Root& root, Op op) {
  const char* const sign = op == Op::multiply ? "*=" : op == Op::minimum ? ".min" : ".max";
  return text("'", sign, "' of an element of ", root.dtype, " array of rank ", int{root.rank},
              " at an index that iterations of a prange may share is not compiled: += and -= are, whose parts add "
              "apart; or use range, or update real and imaginary parts in arrays of floats");
}

}  // namespace kiln::ir
