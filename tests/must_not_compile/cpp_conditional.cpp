// C++'s ?: is decided while tracing: write where.
// expect: (could not convert|no viable conversion|not contextually convertible)
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value n) { return where(n > 2, n, -n); });
#else
auto f = jit([](Value n) { return n > 2 ? n : -n; });
#endif
