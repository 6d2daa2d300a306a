// As many arguments as parameters.
// expect: (no match for call to|no matching function for call to object)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, Value n) { return a * n; });
Array call(Array a) { return f(a, 2); }
#else
auto f = jit([](Array a, Value n) { return a * n; });
Array call(Array a) { return f(a); }
#endif
