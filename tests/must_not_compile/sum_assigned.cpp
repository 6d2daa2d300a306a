// A sum is no place to store to.
// expect: (discards qualifiers|no viable overloaded '='|no match for 'operator=')
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Array a, Array b) { a(rest) = a + b; });
#else
auto f = jit([](Array a, Array b) { (a + b) = a; });
#endif
