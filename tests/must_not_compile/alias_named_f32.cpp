// A type named f32 at global scope is ambiguous with the dtype.
// expect: reference to 'f32' is ambiguous
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
namespace user {
using f32 = float;
f32 one() { return 1; }
}  // namespace user
Array a = zeros(3, f32);
#else
using f32 = float;
Array a = zeros(3, f32);
#endif
