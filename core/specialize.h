// From a C++ function and a call's arguments to a Program to interpret, or to a scheduled one and compiled code.
#pragma once

#include "core/backend.h"
#include "core/facts.h"
#include "core/ir.h"
#include "core/signature.h"

#include <memory>
#include <string>
#include <vector>

namespace kiln::detail {

/// One compiled or interpreted form of a function; never changed once made, freed when it is released and no call reads
/// it.
struct Variant {
  Signature signature;
  std::vector<Fact> facts;  // must hold again for a call to use it
  ir::Program traced;       // orders fixed, nothing else done; interpreted: traced without folding, and what runs
  ir::Program scheduled;    // compiled: after all passes; interpreted: empty
  std::unique_ptr<Executable> executable;  // null: interpreted
  CompileOptions options;
  Backend* backend = nullptr;      // that compiled it; null: interpreted
  const char* device = "cpu";      // its name
  DeviceMemory* memory = nullptr;  // the backend's own; null: it runs in the host's
  std::uint64_t written = 0;       // bit k: it may write array argument k
  std::string signature_text, reason;
  bool generic = false;  // traced with as few facts as possible
  double trace_ms = 0, passes_ms = 0;
  Variant* next = nullptr;

  /// The Program that a call runs; what its status and errors are about.
  const ir::Program& program() const { return executable ? scheduled : traced; }
};

/// Traces and runs the passes; compiles nothing. An interpreted call (JitOptions::interpret, KILN_DISABLE_JIT) is
/// traced without folding and only ordered: nothing that compiled code depends on can reach what it is compared with.
/// `generic`: as few facts as possible. Throws what the user's function throws, UsageError.
std::unique_ptr<Variant> prepare(Function& function, const JitOptions& options, const Argument* arguments, int count,
                                 const GatheredCall& call, bool generic);
/// The same, and compiles unless the call is interpreted; throws CompileError too.
std::unique_ptr<Variant> specialize(Function& function, const JitOptions& options, const Argument* arguments, int count,
                                    const GatheredCall& call, bool generic);

}  // namespace kiln::detail
