// How the demo measures: calls of the tutorial function here and in fresh child processes.
#pragma once

#include "record.h"
#include "step.h"

#include <kiln/array.h>

#include <functional>
#include <string>
#include <vector>

namespace demo {

/// What a child process works on: a dtype and a square, or a file.
struct Input {
  std::string file;  // empty: arange(n * n) as an n x n matrix of the dtype
  std::string dtype;
  std::int64_t n = 0;

  kiln::Array make() const;
  std::string name() const;
};

/// In the child: the first call with the compile in it and warm calls, or the interpreter's where KILN_DISABLE_JIT=1.
/// Prints a JSON object of the records and the sum of the result.
void measure_in_child(const Input& input);

/// Starts this program again for each of the two and returns first_call, warm_call and interpreter. Throws if the
/// results of compiled code and interpreter are not the same.
std::vector<Record> measure_tutorial(const Input& input);

/// Time per call for 1 … most threads, the counts alternating; fewer where the work has fewer parts. Throws if a call
/// did not run on the threads of its row.
std::vector<Record> measure_scaling(const Input& input, int most);

/// The count of threads that most of so many calls used, and why. Not that of one call: a worker may come too late for
/// it.
struct Chosen {
  int threads = 0;
  std::string because;
};
Chosen chosen_threads(const std::function<void()>& call, int calls = 51, Step* step = nullptr);

/// Median and minimum of single calls during about so many seconds.
Record timed(const std::function<void()>& call, double seconds, int fewest_runs, Step* step = nullptr);

}  // namespace demo
