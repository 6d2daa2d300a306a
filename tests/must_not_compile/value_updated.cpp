// A Value has no +=: what a loop adds up in is a Var.
// expect: (no match for 'operator\+='|invalid operands to binary expression|no viable overloaded '\+=')
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) {
  Var x = 0.0;
  for (Value i : range(a.shape(0))) x += a(i);
  return x;
});
#else
auto f = jit([](Array a) {
  Value x = 0.0;
  for (Value i : range(a.shape(0))) x += a(i);
  return x;
});
#endif
