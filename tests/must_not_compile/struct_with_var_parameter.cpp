// A struct that is a parameter has no Var.
// expect: a parameter's member cannot be a Var
#include <kiln/kiln.h>

using namespace kiln;

struct Pair {
  Array values;
#ifdef KILN_MUST_COMPILE
  Value start;
#else
  Var start;
#endif
};

auto f = jit([](Pair p) { return p.values + Value(p.start); });

Array call(Array a) { return f(Pair{a, 1.0}); }
