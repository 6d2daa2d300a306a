// The error of an access outside its array: one text, whoever finds it.
#pragma once

#include "core/ir.h"

namespace kiln {

/// An access outside its array, on one axis.
struct OutsideAccess {
  ir::RootId root = ir::none;
  std::uint32_t axis = 0;
  bool flat = false;  // `index` counts all elements
  std::int64_t index = 0;
  const std::int64_t* extents = nullptr;  // of the root, as many as its rank
  std::uint32_t location = 0;
  std::uint8_t from_end = 0;  // as Node::from_end
};

/// Throws the IndexError with the line of the access; with `otherwise` where the Program has no line for it.
[[noreturn]] void raise_index_error(const ir::Program& program, const OutsideAccess& access, const Location& otherwise);

}  // namespace kiln
