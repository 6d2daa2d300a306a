// From a C++ function and a call's arguments to a scheduled Program and compiled code.
#pragma once

#include "core/backend.h"
#include "core/facts.h"
#include "core/ir.h"
#include "core/signature.h"

#include <memory>
#include <string>
#include <vector>

namespace kiln::detail {

/// One compiled form of a function; never changed or freed once made.
struct Variant {
  Signature signature;
  std::vector<Fact> facts;  // must hold again for a call to use it
  ir::Program traced;       // orders fixed, nothing else done: what the interpreter runs
  ir::Program scheduled;
  std::unique_ptr<Executable> executable;  // null: interpreted
  CompileOptions options;
  std::string signature_text, reason;
  double trace_ms = 0, passes_ms = 0;
  Variant* next = nullptr;
};

/// Traces, runs the passes and compiles. `generic`: as few facts as possible. Throws what the user's function throws,
/// UsageError, CompileError.
std::unique_ptr<Variant> specialize(Function& function, const JitOptions& options, const Argument* arguments, int count,
                                    const GatheredCall& call, bool generic);

}  // namespace kiln::detail
