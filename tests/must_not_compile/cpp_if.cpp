// C++'s if would be decided while tracing, when there is no number: write if_.
// expect: (could not convert|no viable conversion|not contextually convertible)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var x = 0;
  if_(n > 2, [&] { x = 1; });
  return x;
});
#else
auto f = jit([](Value n) {
  Var x = 0;
  if (n > 2) x = 1;
  return x;
});
#endif
