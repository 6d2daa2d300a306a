// c & 1 == 0 is c & (1 == 0): compilers warn.
// expect: (suggest parentheses around comparison|& has lower precedence than ==)
#pragma GCC diagnostic error "-Wparentheses"
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value c) { return (c & 1) == 0; });
#else
auto f = jit([](Value c) { return c & 1 == 0; });
#endif
