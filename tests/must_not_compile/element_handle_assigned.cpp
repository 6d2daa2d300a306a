// An element that has a name is a value: to store, write a(0) = 5, or start a Var from it.
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) {
  Var x = a(0);
  x = 5;
  a(0) = x;
});
#else
auto f = jit([](Array a) {
  auto x = a(0);
  x = 5;
});
#endif
