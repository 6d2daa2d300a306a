// Every row of the operation table as a function of arrays.
#pragma once

#include "core/ops.h"

#include <kiln/kiln.h>

#include <span>

namespace kiln::conformance {

struct Operation {
  const char* name;
  ir::Op op;
  int arity;
  /// A traced function that is this operation alone. `select` takes its condition first.
  Array (*call)(const JitOptions& options, const Array* operands);
  /// The operation on arrays, in a trace or eagerly.
  Array (*apply)(const Array* operands);
  /// The operation on scalars, in a trace or eagerly.
  Value (*apply_scalars)(const Value* operands);
};

std::span<const Operation> operations();

/// The dtypes with values from NumPy: all but bf16.
std::span<const DType> numpy_dtypes();
/// The real ones of them, which come first.
std::span<const DType> real_dtypes();

}  // namespace kiln::conformance
