// prange(1, n) is a space of 1 x n: a range in it is prange(range(1, n)).
// expect: (no match for call to|no matching function for call to object)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, Value n) {
  for (auto i : prange(range(1, n))) a(i) = 0;
});
#else
auto f = jit([](Array a, Value n) {
  for (auto i : prange(1, n)) a(i) = 0;
});
#endif
