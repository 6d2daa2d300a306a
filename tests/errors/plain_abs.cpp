// abs of a plain double in a file that has only Kiln's header: GoogleTest's would bring ::abs(double) along, and
// nothing could go wrong.
#include <kiln/kiln.h>

using namespace kiln;

double abs_of_a_plain_double(double x);
double abs_of_a_plain_double(double x) { return abs(x); }
