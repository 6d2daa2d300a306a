// C++'s while: write while_.
// expect: (could not convert|no viable conversion|not contextually convertible)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var x = n;
  while_([&] { return x > 2; }, [&] { x -= 1; });
  return x;
});
#else
auto f = jit([](Value n) {
  Var x = n;
  while (x > 2) x -= 1;
  return x;
});
#endif
