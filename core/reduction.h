// A reduction of an array: its row of the table, and what one call asks of it.
#pragma once

#include <kiln/functions.h>

#include <cstdint>
#include <optional>

namespace kiln::detail {

enum class ReductionId : std::uint8_t {
#define KILN_REDUCTION(name, of, nan, options) name,
#include <kiln/reductions.def>
#undef KILN_REDUCTION
  count
};

/// What a reduction computes.
enum class Reduced : std::uint8_t {
  sum,
  prod,
  min,
  max,
  mean,
  variance,
  stddev,
  any,
  all,
  argmin,
  argmax,
  count_nonzero,
  ptp
};

/// What a reduction does with NaN.
enum class NotANumber : std::uint8_t { propagates, ignored };

/// The options that a reduction takes: one axis or several, and others.
struct ReduceOption {
  static constexpr unsigned axis = 1, axes = 2, keepdims = 4, dtype = 8, where = 16, initial = 32, ddof = 64;
};

struct ReductionRow {
  const char* name;
  Reduced of;
  NotANumber nan;
  unsigned options;
};

const ReductionRow& row(ReductionId id);

/// One call: options that were checked.
struct Reduction {
  ReductionId id = ReductionId::sum;
  bool is_array = false;  // options were given: the result is an Array
  unsigned axes = 0;      // bit k: axis k is reduced
  bool keepdims = false;
  std::optional<DType> dtype{};
  const Array* where = nullptr;
  const Value* initial = nullptr;
  const Value* ddof = nullptr;
};

/// The dtypes of a reduction: of its sums (or products, extremes), and of its result.
struct ReductionDTypes {
  DType accumulator, result;
};

/// For elements of `element`; `given` is the option dtype.
ReductionDTypes dtypes_of(const ReductionRow& row, DType element, std::optional<DType> given);

/// A cumulative sum or product: `total` is which, and whose dtypes it has.
struct Scan {
  ReductionId total = ReductionId::sum;
  int axis = -1;  // -1: over everything in C order
  std::optional<DType> dtype{};
};

}  // namespace kiln::detail
