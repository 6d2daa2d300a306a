#include "tests/conformance/reductions.h"

namespace kiln::conformance {

namespace {

#define KILN_REDUCTION(name, of, nan, taken)                                \
  Value everything_##name(const Array& x) { return name(ArrayOperand(x)); } \
  Array along_##name(const Array& x, const Reduce& options) { return name(ArrayOperand(x), options); }
#include <kiln/reductions.def>
#undef KILN_REDUCTION

const ReductionFunction functions[] = {
#define KILN_REDUCTION(name, of, nan, taken) \
  {#name, detail::row(detail::ReductionId::name), everything_##name, along_##name},
#include <kiln/reductions.def>
#undef KILN_REDUCTION
};

}  // namespace

std::span<const ReductionFunction> reduction_functions() { return functions; }

Array reduced(const Array& x, const Array& mask, const ReduceConstants& c) {
  const ReductionFunction& f = functions[c.which];
  Reduce options;
  options.keepdims = c.keepdims;
  const bool everything = c.axes == (1 << x.rank()) - 1;
  for (int k = 0; k < x.rank(); ++k)
    if ((c.axes >> k & 1) && !(everything && f.searches()))
      options.axis.values[options.axis.count++] = static_cast<std::int8_t>(k);
  if (c.dtype >= 0) options.dtype = DType(static_cast<TypeCode>(c.dtype));
  if (c.ddof >= 0) options.ddof = c.ddof;
  if (c.masked) options.where = mask;
  if (c.initial) {
    if (f.is_extreme() && x.dtype().is_bool())
      options.initial.emplace(true);
    else
      options.initial.emplace(3);
  }
  return f.along(x, options);
}

}  // namespace kiln::conformance
