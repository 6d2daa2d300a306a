// The parameters of a traced function have types.
// expect: without auto parameters
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array x) { return x + 1; });
#else
auto f = jit([](auto x) { return x + 1; });
#endif
