// Results of a call: a few arrays and scalars, without a heap allocation.
#pragma once

#include <kiln/jit.h>

namespace kiln::detail {

// With constructors: an aggregate would be cleared as a whole before its members are made.
struct Results::Slot {
  explicit Slot(Array&& a) : array(static_cast<Array&&>(a)), value(0), is_array(true) {}
  explicit Slot(const Value& v) : array(Location()), value(v), is_array(false) {}

  Array array;
  Value value;
  bool is_array;
};

}  // namespace kiln::detail
