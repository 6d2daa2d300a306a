// The parameters of a function given to vectorize have types.
// expect: without auto parameters
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = vectorize([](Value x) { return x + 1; });
#else
auto f = vectorize([](auto x) { return x + 1; });
#endif
