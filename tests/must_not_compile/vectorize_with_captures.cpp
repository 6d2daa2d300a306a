// What a function given to vectorize needs are parameters.
// expect: must capture nothing
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
Array scaled(Array a, double k) {
  static const auto f = vectorize([](Value x, Value factor) { return x * factor; });
  return f(a, k);
}
#else
Array scaled(Array a, double k) {
  const auto f = vectorize([k](Value x) { return x * k; });
  return f(a);
}
#endif
