// A result of a type that Kiln does not know.
// expect: a traced function returns nothing, an Array, a Value, a Var, a number
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) { return a + 1; });
Array call(Array a) { return f(a); }
#else
auto f = jit([](Array) { return "text"; });
void call(Array a) { f(a); }
#endif
