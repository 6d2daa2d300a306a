// A parameter cannot be a Var.
// expect: a parameter cannot be a Var
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var x = n;
  return x;
});
#else
auto f = jit([](Var n) { return n; });
#endif
