// A view that has a name is not stored into by = of a number: write v(rest) = 1.
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) {
  auto v = a(slice(0, 1));
  v(rest) = 1;
});
#else
auto f = jit([](Array a) {
  auto v = a(slice(0, 1));
  v = 1;
});
#endif
