// Every row of the table of reductions as a function of arrays and options.
#pragma once

#include "core/reduction.h"

#include <kiln/kiln.h>

#include <span>

namespace kiln::conformance {

struct ReductionFunction {
  const char* name;
  detail::ReductionRow row;
  Value (*everything)(const Array& x);
  Array (*along)(const Array& x, const Reduce& options);

  bool takes(unsigned option) const { return (row.options & option) != 0; }
  bool searches() const { return row.of == detail::Reduced::argmin || row.of == detail::Reduced::argmax; }
  bool is_extreme() const { return row.of == detail::Reduced::min || row.of == detail::Reduced::max; }
  bool takes_dtype(DType dtype) const { return row.of != detail::Reduced::ptp || !dtype.is_bool(); }
};

std::span<const ReductionFunction> reduction_functions();

/// Options of a call as constants of a traced function, beside a mask that is an argument.
struct ReduceConstants {
  int which = 0;
  int axes = 0;  // bit k: axis k
  bool keepdims = false, masked = false, initial = false;
  int dtype = -1, ddof = -1;  // not given
};

/// The reduction with these options, eager or traced. `initial` is 3, of bools true.
Array reduced(const Array& x, const Array& mask, const ReduceConstants& c);

}  // namespace kiln::conformance
