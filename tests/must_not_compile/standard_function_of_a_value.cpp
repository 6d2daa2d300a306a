// The functions of <cmath> are Kiln's: sqrt(x), not std::sqrt(x).
// expect: (no matching function for call to|call of overloaded|cannot convert)
#include <kiln/kiln.h>
#include <cmath>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value x) { return sqrt(x); });
#else
auto f = jit([](Value x) { return std::sqrt(x); });
#endif
