// C++'s for over a traced bound: write for (Value i : range(n)).
// expect: (could not convert|no viable conversion|not contextually convertible)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var s = 0;
  for (Value i : range(n)) s += i;
  return s;
});
#else
auto f = jit([](Value n) {
  Var s = 0;
  for (int i = 0; i < n; ++i) s += i;
  return s;
});
#endif
