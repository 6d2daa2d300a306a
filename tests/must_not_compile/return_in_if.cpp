// A return inside an if_ body leaves the lambda only.
// expect: a return inside an if_ body only leaves the lambda
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) { return if_(n > 2, [] { return Value(3.0); }, [] { return Value(0.0); }); });
#else
auto f = jit([](Value n) {
  if_(n > 2, [] { return 3.0; });
  return n;
});
#endif
