// std::max compares in C++: write max(x, y) or maximum.
// expect: (could not convert|no viable conversion)
#include <kiln/kiln.h>
#include <algorithm>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
auto f = jit([](Value x, Value y) { return max(x, y); });
#else
auto f = jit([](Value x, Value y) { return Value(std::max(x, y)); });
#endif
