// A kernel at global scope that has the name of a function of Kiln's: put kernels into a namespace.
// expect: reference to 'trace' is ambiguous
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
namespace user {
auto trace = jit([](Array a) { return a(0, 0) + a(1, 1); });
}  // namespace user
Value call(Array a) { return user::trace(a); }
#else
auto trace = jit([](Array a) { return a(0, 0) + a(1, 1); });
Value call(Array a) { return trace(a); }
#endif
