// Calls as from a file of a release build, whatever this one is.
#undef NDEBUG
#define NDEBUG
#include <kiln/kiln.h>

namespace kiln {

Value picked(Array a, Array at);

// Whether an index outside is found; the element is one of the memory that the array is a part of, so that it may be
// read where it is not.
bool is_checked_in_release_build(const JitOptions* options) {
  const auto f = jit<&picked>();
  const Array a = zeros(10)(slice(0, 5)), at = full({1}, 7);
  try {
    options ? f.with (*options)(a, at) : f(a, at);
  } catch (const IndexError&) {
    return true;
  }
  return false;
}

}  // namespace kiln
