// The text of an access outside its array.
#include "core/index_error.h"

#include "core/error_text.h"
#include "core/visit.h"

#include <kiln/error.h>

#include <span>

namespace kiln {

void raise_index_error(const ir::Program& program, const OutsideAccess& access, const Location& otherwise) {
  using Kind = ir::Root::Kind;
  const ir::Root& of = program.roots[access.root];
  const ir::Root& memory = program.roots[ir::memory_of(program, access.root)];
  const std::span<const std::int64_t> extents{access.extents, of.rank};
  std::int64_t extent = 1;
  if (!access.flat) extent = extents[access.axis];
  for (std::size_t k = 0; access.flat && k < extents.size(); ++k) extent *= extents[k];
  const bool from_end = (access.from_end >> access.axis & 1) != 0;
  std::string what = text("index out of bounds: ", from_end ? access.index - extent : access.index, " on ",
                          access.flat ? text("the elements of ") : text("axis ", access.axis, " of "));
  if (of.kind == Kind::alias) what += "a reshape of ";
  if (memory.kind == Kind::parameter)
    what += text("array argument ", memory.argument + 1);
  else
    what += "an array made in the function";
  what +=
      text(" (", of.dtype, " array of shape ", extents, "), which has ", extent,
           " elements there (allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where");
  const Location& line = access.location < program.locations.size() ? program.locations[access.location] : otherwise;
  throw IndexError(what, line.line() ? line : otherwise);
}

}  // namespace kiln
