// An element that has a name is not stored into by another element either: a(0) = a(1) stores.
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a) { a(0) = a(1); });
#else
auto f = jit([](Array a) {
  auto x = a(0);
  x = a(1);
});
#endif
