// A Value is no number of C: compilers warn; print it with << after the call.
// expect: ('%f' expects argument of type 'double'|format specifies type 'double'|non-trivial)
#include <cstdio>
#pragma GCC diagnostic error "-Wformat"
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
void print(const Value& x) { std::printf("%f\n", x.as_double()); }
#else
void print(const Value& x) { std::printf("%f\n", x); }
#endif
