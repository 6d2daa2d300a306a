// An axis or a number? Write {.axis = 0}, or maximum(a, 0).
// expect: (use of deleted function|call to deleted function)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) { return maximum(a, 0) + max(a, {.axis = 0}); });
#else
auto f = jit([](Array a) { return max(a, 0); });
#endif
