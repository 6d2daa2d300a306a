// Both branches of if_ give its value, or none.
// expect: one branch of if_ returns a value and the other does not
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) { return if_(n > 2, [&] { return n + 1; }, [&] { return n - 1; }); });
#else
auto f = jit([](Value n) {
  Var x = 0;
  if_(n > 2, [&] { return n + 1; }, [&] { x = 1; });
  return x;
});
#endif
