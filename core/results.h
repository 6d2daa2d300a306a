// Results of a call: a few arrays and scalars, without a heap allocation.
#pragma once

#include <kiln/jit.h>

namespace kiln::detail {

struct Results::Slot {
  Array array;
  Value value = 0;
  bool is_array = false;
};

}  // namespace kiln::detail
