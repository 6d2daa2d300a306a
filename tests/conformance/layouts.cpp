// Copies of an array whose memory lies differently.
#include "tests/conformance/layouts.h"

#include "core/access.h"

namespace kiln::conformance {

using detail::Access;

const char* name_of(Placement placement) {
  constexpr const char* names[] = {"contiguous", "offset",        "stride 2",      "stride 3",
                                   "reversed",   "reversed by 2", "Fortran order", "column"};
  return names[static_cast<int>(placement)];
}

namespace {

// A view whose elements lie `step` apart along the last axis (backwards if negative) in new memory with `offset` in
// front.
Array spread(const Array& logical, std::int64_t step, std::int64_t offset) {
  const auto extents = Access::extents(logical);
  const std::int64_t width = step < 0 ? -step : step, count = detail::element_count(extents);
  const std::int64_t size[] = {count * width + offset + 1};
  const Array memory = detail::new_array(logical.dtype(), size, Location::current());
  memory(rest) = 1;  // what lies between must not matter, but must not be random either
  detail::Layout l;
  std::int64_t stride = width;
  for (int k = logical.rank(); k-- > 0;) {
    l.extents[k] = extents[static_cast<std::size_t>(k)];
    l.strides[k] = stride;
    stride *= l.extents[k];
  }
  std::int64_t first = offset;
  const int last = logical.rank() - 1;
  if (step < 0 && last >= 0 && count > 0) {
    first += (l.extents[last] - 1) * l.strides[last];
    l.strides[last] = -l.strides[last];
  }
  l.data = Access::writable(memory).data + first * static_cast<std::int64_t>(logical.dtype().size());
  detail::retain(Access::storage(memory));
  const Array view = Access::make_array(Access::storage(memory), logical.dtype(), logical.rank(), l, false);
  view(rest) = logical;
  return view;
}

// One column of a matrix per element of the last axis: every stride is larger than the extents ask for.
Array in_wider_rows(const Array& logical) {
  const auto extents = Access::extents(logical);
  std::int64_t wide[max_rank];
  for (int k = 0; k < logical.rank(); ++k) wide[k] = extents[static_cast<std::size_t>(k)] + 1;
  const Array memory =
      detail::new_array(logical.dtype(), {wide, static_cast<std::size_t>(logical.rank())}, Location::current());
  memory(rest) = 1;
  detail::Layout l = Access::layout(memory);
  for (int k = 0; k < logical.rank(); ++k) l.extents[k] = extents[static_cast<std::size_t>(k)];
  detail::retain(Access::storage(memory));
  const Array view = Access::make_array(Access::storage(memory), logical.dtype(), logical.rank(), l, false);
  view(rest) = logical;
  return view;
}

}  // namespace

Array placed(const Array& logical, Placement placement, int offset) {
  switch (placement) {
    case Placement::contiguous: return spread(logical, 1, 0);
    case Placement::offset: return spread(logical, 1, offset);
    case Placement::stride_2: return spread(logical, 2, 0);
    case Placement::stride_3: return spread(logical, 3, offset);
    case Placement::reversed: return spread(logical, -1, 0);
    case Placement::reversed_2: return spread(logical, -2, offset);
    case Placement::fortran: return spread(logical.T(), 1, 0).T();
    default: return in_wider_rows(logical);
  }
}

}  // namespace kiln::conformance
