// Runs a recipe's program every way there is and compares what comes out, bit for bit.
#pragma once

#include "tests/fuzz/recipe.h"

#include <string>

namespace kiln::fuzz {

/// What a recipe showed.
struct Verdict {
  enum class Kind : std::uint8_t {
    passed,
    refused,      // no program: tracing raises a UsageError, or the compiler names what it does not compile yet
    invalid,      // it indexes outside an array: the generator's fault
    failed_call,  // passed, and the call ended in the error it had to end in
    trace,        // tracing or a pass failed
    scheduled,    // the passes changed a value
    compiled,     // compiled code differs from the interpreter
    dispatched,   // calls differ: the wrong specialization, or any of the above; all calls on a GPU
  };
  Kind kind = Kind::passed;
  std::string what;

  bool failed() const { return kind == Kind::invalid || kind >= Kind::trace; }
};

struct Ways {
  bool interpret_only = false;  // compare Programs before and after the passes alone
  bool quick = false;           // LLVM's fastest code generation, for seven of eight Programs
  bool all = false;             // each vector width with each number of threads
  bool gpu = false;             // on the GPU, in place of the CPU
};

Verdict check(const Recipe& recipe, const Ways& ways);
/// The recipe as a C++ program, its extents and numbers those of the first data set.
std::string as_program(const Recipe& recipe, const Ways& ways);
/// The Program as it is interpreted, and before and after the passes.
std::string as_ir(const Recipe& recipe, const Ways& ways);

const char* name_of(Verdict::Kind kind);

}  // namespace kiln::fuzz
