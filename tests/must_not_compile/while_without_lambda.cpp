// The condition of while_ is evaluated before every turn.
// expect: while_ takes its condition as a lambda
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
  while_(x > 2, [&] { x -= 1; });
  return x;
});
#endif
