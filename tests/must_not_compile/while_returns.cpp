// A while_ body has no value to give.
// expect: a return inside a while_ body only leaves the lambda
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) {
  Var x = 0;
  while_([&] { return x < n; }, [&] { x += 1; });
  return Value(x);
});
#else
auto f = jit([](Value n) {
  Var x = 0;
  while_([&] { return x < n; },
         [&] {
           x += 1;
           return x;
         });
  return Value(x);
});
#endif
