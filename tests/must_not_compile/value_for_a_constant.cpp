// A plain int is a constant of the compiled function: no Value can become one.
// expect: (no match for call to|no matching function for call to object|cannot convert)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, int n) { return a * n; });
Array call(Array a) { return f(a, 3); }
#else
auto f = jit([](Array a, int n) { return a * n; });
Array call(Array a, Value n) { return f(a, n); }
#endif
