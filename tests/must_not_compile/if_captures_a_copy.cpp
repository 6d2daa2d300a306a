// A body of if_ that captures by [=] would assign a copy.
// expect: (discards qualifiers|no viable overloaded)
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
  if_(n > 2, [=] { x = 1; });
  return x;
});
#endif
