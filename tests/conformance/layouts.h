// The same logical array in different places: contiguous, at an offset, strided, reversed, column by column.
#pragma once

#include <kiln/kiln.h>

#include <span>

namespace kiln::conformance {

enum class Placement { contiguous, offset, stride_2, stride_3, reversed, reversed_2, fortran, column, count };

const char* name_of(Placement placement);
/// A copy of `logical`, equal element by element, whose memory lies as `placement` says. `offset` elements lie before
/// it.
Array placed(const Array& logical, Placement placement, int offset = 1);

}  // namespace kiln::conformance
