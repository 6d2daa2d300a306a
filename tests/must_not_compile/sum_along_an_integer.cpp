// An axis is named: {.axis = 1}.
// expect: (use of deleted function|call to deleted function)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) { return sum(a, {.axis = 1}); });
#else
auto f = jit([](Array a) { return sum(a, 1); });
#endif
