// A Value never changes: what a loop carries is a Var.
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) {
  Var x = 0.0;
  for (Value i : range(a.shape(0))) x = x + a(i);
  return x;
});
#else
auto f = jit([](Array a) {
  Value x = 0.0;
  for (Value i : range(a.shape(0))) x = x + a(i);
  return x;
});
#endif
