// A traced function takes its parameters by value; an Array is a handle.
// expect: takes its parameters by value
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array x) { return x + 1; });
#else
auto f = jit([](const Array& x) { return x + 1; });
#endif
