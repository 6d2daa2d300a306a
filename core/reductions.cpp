// The reductions of arrays: the options of a call are checked, then it is traced, or run now.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/eager.h"
#include "core/error_text.h"
#include "core/reduction.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <bit>

namespace kiln {

namespace detail {

namespace {

// The rows' options, in the scope of their names.
struct Table : ReduceOption {
  static constexpr ReductionRow rows[] = {
#define KILN_REDUCTION(name, of, nan, options) {#name, Reduced::of, NotANumber::nan, (options) | keepdims},
#include <kiln/reductions.def>
#undef KILN_REDUCTION
  };
};

// Sums of bools and small integers do not wrap at their own size.
DType widened(DType dtype) {
  if (dtype.is_floating()) return ir::accumulator_dtype(dtype);
  if (dtype.is_bool() || dtype.kind() == TypeKind::signed_integer) return i64;
  return dtype.kind() == TypeKind::unsigned_integer ? u64 : dtype;
}

// In which numbers of this dtype are compared and added.
DType computed(DType dtype) { return ir::accumulator_dtype(dtype); }

}  // namespace

const ReductionRow& row(ReductionId id) { return Table::rows[static_cast<int>(id)]; }

ReductionDTypes dtypes_of(const ReductionRow& row, DType element, std::optional<DType> given) {
  const bool inexact = element.is_floating() || element.is_complex();
  switch (row.of) {
    case Reduced::sum:
    case Reduced::prod:
      if (given) return {computed(*given), *given};
      return {widened(element), inexact ? element : widened(element)};
    case Reduced::mean:
    case Reduced::variance:
    case Reduced::stddev: {
      const DType result = given ? *given : inexact ? element : f64;
      return {computed(result), row.of == Reduced::mean ? result : ir::part_dtype(result)};
    }
    case Reduced::any:
    case Reduced::all: return {bool_, bool_};
    case Reduced::argmin:
    case Reduced::argmax: return {element.is_bool() ? u8 : computed(element), i64};
    case Reduced::count_nonzero: return {i64, i64};
    default: return {computed(element), element};
  }
}

}  // namespace detail

namespace {

using detail::Access;
using detail::Argument;
using detail::described;
using detail::Reduced;
using detail::ReduceOption;
using detail::Reduction;
using detail::ReductionId;
using detail::ReductionRow;

std::string options_taken(unsigned options) {
  std::string all = options & ReduceOption::keepdims ? "axis, keepdims" : "axis";
  if (options & ReduceOption::dtype) all += ", dtype";
  if (options & ReduceOption::where) all += ", where";
  if (options & ReduceOption::initial) all += ", initial";
  if (options & ReduceOption::ddof) all += ", ddof";
  return all;
}

void check_reducible(const char* name, const ArrayOperand& x) {
  if (Access::state(x.array) == Access::State::undefined) throw detail::no_elements(name, x.where);
}

void check_taken(const ReductionRow& row, const ArrayOperand& x, const Reduce& options) {
  const auto refuse = [&](bool given, unsigned option, const char* name) {
    if (given && !(row.options & option))
      throw UsageError(text(row.name, " of ", described(x.array), " takes no option ", name, ": it takes ",
                            options_taken(row.options)),
                       x.where);
  };
  refuse(options.keepdims, ReduceOption::keepdims, "keepdims");
  refuse(options.dtype.has_value(), ReduceOption::dtype, "dtype");
  refuse(Access::state(options.where) != Access::State::undefined, ReduceOption::where, "where");
  refuse(options.initial.has_value(), ReduceOption::initial, "initial");
  refuse(options.ddof.has_value(), ReduceOption::ddof, "ddof");
}

unsigned axes_of(const ReductionRow& row, const ArrayOperand& x, const Axes& axes) {
  const int rank = Access::rank(x.array);
  if (axes.count == 0) return (1u << rank) - 1;
  if (axes.count > 1 && !(row.options & ReduceOption::axes))
    throw UsageError(text(row.name, " of ", described(x.array), " along ", int{axes.count},
                          " axes: it takes one, or all by taking none; make one of them with transpose and reshape"),
                     x.where);
  unsigned bits = 0;
  for (int k = 0; k < axes.count; ++k) {
    const int given = axes.values[k], axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank) throw detail::no_such_axis(row.name, given, x.array, x.where);
    if (bits >> axis & 1)
      throw IndexError(text(row.name, " of ", described(x.array), " names axis ", given, " twice; name each axis once"),
                       x.where);
    bits |= 1u << axis;
  }
  return bits;
}

// What any array of this dtype cannot be reduced to.
void check_dtypes(const ReductionRow& row, const ArrayOperand& x, std::optional<DType> dtype) {
  const DType element = x.array.dtype();
  if (row.of == Reduced::ptp && element.is_bool())
    throw DTypeError(text(row.name, " of ", described(x.array), ": bools have no difference; cast it, as in i8(x)"),
                     x.where);
  if (!dtype) return;
  if (element.is_complex() && !dtype->is_complex())
    throw DTypeError(text(row.name, " of ", described(x.array), " with the option dtype ", *dtype,
                          " would drop the imaginary part: reduce real(z), imag(z) or abs(z)"),
                     x.where);
  const bool averages = row.of == Reduced::mean || row.of == Reduced::variance || row.of == Reduced::stddev;
  const bool exact_mean =
      row.of == Reduced::mean && (row.nan == detail::NotANumber::propagates || !ir::part_dtype(element).is_floating());
  if (averages && !exact_mean && !dtype->is_floating() && !dtype->is_complex())
    throw DTypeError(text(row.name, " of ", described(x.array), " with the option dtype ", *dtype,
                          ": it must be a floating one, such as f64; cast the result instead"),
                     x.where);
}

void check_where(const ReductionRow& row, const ArrayOperand& x, const Reduction& r) {
  if (!r.where->dtype().is_bool())
    throw DTypeError(text(row.name, " of ", described(x.array), " with the option where, ",
                          with_article(described(*r.where)), ": it must be of bool; compare it, as in m != 0"),
                     x.where);
  const bool extreme = row.of == Reduced::min || row.of == Reduced::max;
  if (extreme && r.initial == nullptr)
    throw UsageError(text(row.name, " of ", described(x.array),
                          " with the option where needs initial too: the result where nothing is left"),
                     x.where);
}

int kind_rank(DType dtype) { return dtype.is_bool() ? 0 : dtype.is_integer() ? 1 : dtype.is_floating() ? 2 : 3; }

void check_initial(const ReductionRow& row, const ArrayOperand& x, const Reduction& r) {
  const DType result = detail::dtypes_of(row, x.array.dtype(), r.dtype).result;
  const DType given = Access::type(*r.initial).dtype;
  if (kind_rank(given) > kind_rank(result))
    throw DTypeError(
        text(row.name, " of ", described(x.array), " with the option initial, ", with_article(given),
             " scalar: the result is of ", result, ", which cannot hold it; cast it, as in ", result, "(…)"),
        x.where);
  detail::check_fits(*r.initial, result, text(row.name, " with initial"), [&] { return described(x.array); }, x.where);
}

std::optional<DType> given(const Optional<DType>& dtype) { return dtype ? std::optional(*dtype) : std::nullopt; }

Value reduce(ReductionId id, const ArrayOperand& x) {
  const ReductionRow& row = detail::row(id);
  check_reducible(row.name, x);
  check_dtypes(row, x, {});
  Reduction r{.id = id};
  r.axes = (1u << Access::rank(x.array)) - 1;
  if (detail::Tracing* t = detail::Tracing::checked()) return t->reduce_all(r, x.array, x.where);
  return detail::eager_value(r, x.array, x.where);
}

Array reduce(ReductionId id, const ArrayOperand& x, const Reduce& options) {
  const ReductionRow& row = detail::row(id);
  check_reducible(row.name, x);
  check_taken(row, x, options);
  const std::optional<DType> dtype = given(options.dtype);
  check_dtypes(row, x, dtype);
  Reduction r{.id = id, .is_array = true};
  r.axes = axes_of(row, x, options.axis);
  r.keepdims = options.keepdims;
  r.dtype = dtype;
  if (options.initial) r.initial = &*options.initial;
  if (Access::state(options.where) != Access::State::undefined) r.where = &options.where;
  const Value ddof = (options.ddof ? *options.ddof : 0);
  if (options.ddof) r.ddof = &ddof;
  if (r.where != nullptr) check_where(row, x, r);
  if (r.initial != nullptr) check_initial(row, x, r);
  if (detail::Tracing* t = detail::Tracing::checked()) return t->reduce(r, x.array, x.where);
  return detail::eager_array(r, x.array, x.where);
}

}  // namespace

namespace {

// A cumulative sum or product, along one axis or over everything.
Array scanned(const char* name, ReductionId total, const ArrayOperand& x, const Reduce& options) {
  const ReductionRow row{name, detail::row(total).of, detail::NotANumber::propagates,
                         ReduceOption::axis | ReduceOption::dtype};
  check_reducible(name, x);
  check_taken(row, x, options);
  const std::optional<DType> dtype = given(options.dtype);
  check_dtypes(row, x, dtype);
  const unsigned axes = axes_of(row, x, options.axis);
  const detail::Scan scan{total, options.axis.count == 0 ? -1 : std::countr_zero(axes), dtype};
  if (detail::Tracing* t = detail::Tracing::checked()) return t->scan(scan, x.array, x.where);
  return detail::eager_array(scan, x.array, x.where);
}

}  // namespace

Array cumsum(const ArrayOperand& x, const Reduce& options) { return scanned("cumsum", ReductionId::sum, x, options); }
Array cumprod(const ArrayOperand& x, const Reduce& options) {
  return scanned("cumprod", ReductionId::prod, x, options);
}

#define KILN_REDUCTION(name, of, nan, taken)                                 \
  Value name(const ArrayOperand& x) { return reduce(ReductionId::name, x); } \
  Array name(const ArrayOperand& x, const Reduce& options) { return reduce(ReductionId::name, x, options); }
#include <kiln/reductions.def>
#undef KILN_REDUCTION

}  // namespace kiln
