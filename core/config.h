// Every KILN_* variable of the environment, read once.
#pragma once

namespace kiln {

struct Config {
  bool disable_jit;       // KILN_DISABLE_JIT=1: the interpreter runs everything
  bool verify;            // KILN_VERIFY=1, or a debug build: verify() after each pass
  const char* log_level;  // KILN_LOG: trace, debug, info, warn (default), error, off
};

const Config& config();

}  // namespace kiln
