// Every KILN_* variable of the environment, read once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kiln {

struct Config {
  bool disable_jit = false;          // KILN_DISABLE_JIT=1: the interpreter runs everything
  bool check = false;                // KILN_CHECK=1: each call traces again and compares
  std::optional<bool> bounds_check;  // KILN_BOUNDS_CHECK: 0 no, else yes, where a call does not say; empty: not set
  bool verify = false;               // KILN_VERIFY=1, or a debug build: verify() after each pass
  bool quick = false;              // KILN_QUICK_COMPILE=1: a third of the compile time, slower code of the same results
  bool strict = false;             // KILN_STRICT=1: no copy between host and GPUs that is not asked for
  bool synchronize = false;        // KILN_SYNCHRONIZE=1: every launch on a GPU is waited for, its errors are its own
  std::string log_level = "warn";  // KILN_LOG: trace, debug, info, warn, error, off
  int threads = 0;                 // KILN_NUM_THREADS; 0 if it is not set to a positive number
  std::string cache_directory;     // KILN_CACHE_DIR, else $XDG_CACHE_HOME/kiln, else ~/.cache/kiln; empty: no cache
  std::string cuda_driver = "libcuda.so.1";  // KILN_CUDA_DRIVER, KILN_NVRTC: libraries to open in place of the usual
  std::string nvrtc;                         // empty: those of CUDA 13 and 12, where the system finds them
  std::uint64_t cache_bytes = 1 << 30;       // KILN_CACHE_SIZE: bytes, or with a K, M or G
  std::uint64_t gpu_units = 8;               // KILN_GPU_UNITS: that a function's kernels are compiled in, side by side
  std::vector<std::string> refused;          // what is wrong with a variable, a sentence each: it counts as not set
  std::uint64_t gpu_kept_bytes = 64 << 20;   // KILN_GPU_KEEP: of freed memory that a GPU's stream keeps at hand
};

/// The variables as they are now. A set-user-id program must not follow its caller's: there none counts as set.
Config read_environment();
/// As they were at the first question, which logs a warning for each that is refused.
const Config& config();

}  // namespace kiln
