// What an index array picks has a name only as an array: Array picked = a(at).
// expect: (use of deleted function|overload resolution selected deleted operator)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, Array at, Array x) { a(at) = x; });
#else
auto f = jit([](Array a, Array at, Array x) {
  auto picked = a(at);
  picked = x;
});
#endif
