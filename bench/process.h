// Measuring whole processes: this program again for a first call, and two tiny programs for the cost of loading.
#pragma once

#include "bench/harness.h"

namespace bench {

// The child's side of --first-call: runs the named function once and prints its seconds. Returns the exit code.
int run_first_call(const Suite& suite, const std::string& name);

// Fresh processes of this program, the median of what they print.
Measured measure_first_call(const FirstCall& first_call, const Options& options);

// A program linked to Kiln that does nothing, in pairs with the same not linked. A failure where they are missing.
Measured measure_load(const Options& options);

}  // namespace bench
