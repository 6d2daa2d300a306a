// What the figures were measured on: the header of the JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/harness.h"

namespace bench {

// Machine, CPU features, compilers, commit and whether the sources differ from it, MXCSR, and the anchors of this run:
// the fastest native copy (GB/s, read and written bytes, all threads) and 256-bit multiply-adds (GFLOP/s on one core).
nlohmann::ordered_json machine_header(const Suite& suite, const Options& options);

}  // namespace bench
