// A char is text, not a number.
// expect: (could not convert .* from 'char'|no viable conversion from returned value of type 'char')
#include <kiln/kiln.h>

using namespace kiln;

#ifdef KILN_MUST_COMPILE
Value letter() { return int{'x'}; }
#else
Value letter() { return 'x'; }
#endif
