// A view that has a name is not stored into by =: write v(rest) = b.
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, Array b) {
  auto v = a(slice(0, 1));
  v(rest) = b;
});
#else
auto f = jit([](Array a, Array b) {
  auto v = a(slice(0, 1));
  v = b;
});
#endif
