// Faults planted on purpose, to see that the tests find them: KILN_FAULT names one, in builds with KILN_PLANTED_FAULTS
// alone.
#pragma once

#ifdef KILN_PLANTED_FAULTS
#include <cstdlib>
#include <cstring>
#endif

namespace kiln {

enum class Fault {
  dropped_tail,
  swapped_operand,
  wrong_mask,
  missing_load_mask,
  missing_store_mask,
  missing_load_guard,
  missing_guard,
  missing_index_check,
  dtype_lost_from_key,
  unstable_reduction_order,
  wrong_folding
};

#ifdef KILN_PLANTED_FAULTS
inline bool planted(Fault fault) {
  constexpr const char* names[] = {
      "dropped_tail",        "swapped_operand",          "wrong_mask",    "missing_load_mask",
      "missing_store_mask",  "missing_load_guard",       "missing_guard", "missing_index_check",
      "dtype_lost_from_key", "unstable_reduction_order", "wrong_folding"};
  const char* wanted = std::getenv("KILN_FAULT");
  return wanted && std::strcmp(wanted, names[static_cast<int>(fault)]) == 0;
}
#else
constexpr bool planted(Fault) { return false; }
#endif

}  // namespace kiln
