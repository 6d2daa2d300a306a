// C++'s switch needs a number now: chain if_.
// expect: (switch quantity not an integer|statement requires expression of integer type)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var x = 0;
  if_(n == 1, [&] { x = 1; });
  return x;
});
#else
auto f = jit([](Value n) {
  Var x = 0;
  switch (n) {
    case 1: x = 1;
  }
  return x;
});
#endif
