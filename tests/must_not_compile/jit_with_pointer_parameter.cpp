// A parameter of a type that Kiln does not know.
// expect: a traced function takes Array, Value, plain numbers and enums
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array x) { return x + 1; });
#else
auto f = jit([](double* x) { return x[0] + 1; });
#endif
