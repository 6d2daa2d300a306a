// A compile-time constant has no elements to broadcast.
// expect: vectorize takes a function of Values
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = vectorize([](Value x, Value n) { return x * n; });
#else
auto f = vectorize([](Value x, int n) { return x * n; });
#endif
