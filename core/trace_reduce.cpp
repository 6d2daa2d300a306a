// Tracing: reductions of arrays. A pass over the reduced axes folds terms, made of the elements, into variables; each
// reduction is made of passes.
#include "core/access.h"
#include "core/apply.h"
#include "core/host_ops.h"
#include "core/reduction.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

namespace kiln::detail {

using ir::NodeId;
using ir::none;
using ir::Op;
using ir::Statement;

namespace {

// The elements whose extreme is found together where the first of all extremes is looked for: only the block that has
// it is read again.
constexpr std::int64_t block_elements = 2048;

constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();  // a position behind all others

}  // namespace

class Reducer {
 public:
  Reducer(Tracing& tracing, const Reduction& reduction, const Array& a, const Location& where)
      : t_(tracing), build_(tracing.build_), r_(reduction), row_(row(reduction.id)), where_(where) {
    s_ = t_.symbol_of(searches() ? flat(a) : a, where);
    dtypes_ = dtypes_of(row_, s_.dtype, r_.dtype);
    ignores_nan_ = row_.nan == NotANumber::ignored && (s_.dtype.is_floating() || s_.dtype.is_complex());
    build_.at(t_.location(where));
    if (r_.where) mask_ = t_.symbol_of(*r_.where, where);
    split_axes();
    check();
  }

  Value over_everything() { return t_.value_of(build_.convert(value(), {dtypes_.result, Strength::strong})); }

  Array along_axes() {
    NodeId extents[max_rank];
    int rank = 0;
    for (int k = 0; k < s_.rank; ++k) {
      if (!is_reduced(k)) extents[rank++] = s_.extents[k];
      if (is_reduced(k) && r_.keepdims) extents[rank++] = build_.integer(1);
    }
    const Array result = t_.allocate(dtypes_.result, extents, rank, where_);
    Tracing::ElementLoop outer{};
    if (!kept_.empty()) {
      NodeId space[max_rank];
      for (std::size_t k = 0; k < kept_.size(); ++k) space[k] = s_.extents[kept_[k]];
      outer = t_.open_elements(space, static_cast<int>(kept_.size()), where_);
      for (std::size_t k = 0; k < kept_.size(); ++k) indices_[kept_[k]] = outer.indices[k];
    }
    const NodeId found = build_.convert(value(), {dtypes_.result, Strength::strong});
    NodeId at[max_rank];
    rank = 0;
    for (int k = 0; k < s_.rank; ++k) {
      if (!is_reduced(k)) at[rank++] = indices_[k];
      if (is_reduced(k) && r_.keepdims) at[rank++] = build_.integer(0);
    }
    t_.store(t_.symbol_of(result, where_), at, found, where_);
    if (!kept_.empty()) t_.close_elements();
    return result;
  }

 private:
  /// An element of the reduced array; `included` is a bool, none: always.
  struct Element {
    NodeId value = none, included = none;
    const NodeId* position = nullptr;  // in the space that is folded
  };
  using Space = std::vector<ir::LoopDimension>;
  using Load = std::function<Element(const NodeId* position)>;

  /// One variable of a pass: starts as `start` and takes a term of each element, by `op`.
  struct Fold {
    Op op;
    DType dtype;
    NodeId start;
    std::function<NodeId(const Element&)> term;
  };

  // ---- What is reduced

  bool is_reduced(int axis) const { return r_.axes >> axis & 1; }
  bool searches() const { return row_.of == Reduced::argmin || row_.of == Reduced::argmax; }
  bool is_extreme() const { return row_.of == Reduced::min || row_.of == Reduced::max || row_.of == Reduced::ptp; }
  bool takes_all() const { return kept_.empty(); }

  /// An array of which everything is searched has one axis where its memory has.
  Array flat(const Array& a) {
    const Symbol s = t_.symbol_of(a, where_);
    const bool everything = r_.axes == (1u << s.rank) - 1 && s.rank > 1 && !r_.is_array;
    // What is made here may still be computed where it is read: another name would keep it in memory.
    if (!everything || t_.program_.roots[s.root].kind == ir::Root::Kind::allocated || !t_.is_contiguous(s)) return a;
    return t_.reshape(a, Shape{-1}, where_);
  }

  void split_axes() {
    const bool everything = !r_.is_array;
    for (int k = 0; k < s_.rank; ++k) (everything || is_reduced(k) ? reduced_ : kept_).push_back(k);
  }

  /// What must hold before anything is read.
  void check() {
    if (r_.where) t_.check_stored(s_, mask_, std::string(row_.name) + " where", where_);
    if ((!is_extreme() && !searches()) || r_.initial) return;
    const auto refuse = [&](NodeId holds, const char* what) {
      ir::Message m{ir::Message::Kind::shape, std::string("'") + row_.name + "' of ", {}, t_.location(where_)};
      m.append(t_.program_, s_.dtype, s_.extents, s_.rank);
      m.text += what;
      t_.guard(holds, std::move(m));
    };
    if (takes_all())
      return refuse(build_.less_equal(build_.integer(1), t_.element_count(s_)),
                    ", which is empty: it has no smallest or largest element; test size() first");
    NodeId kept = build_.integer(1);
    for (const int k : kept_) kept = build_.mul(kept, s_.extents[k]);
    const NodeId no_results = build_.equal(kept, build_.integer(0));
    for (const int k : reduced_) {
      const NodeId some = build_.less_equal(build_.integer(1), s_.extents[k]);
      refuse(searches() ? some : build_.logical_or(some, no_results),
             " along an empty axis: it has no smallest or largest element; test the extents first");
    }
  }

  // ---- Passes

  NodeId number(DType dtype, std::int64_t x) {
    Number16 n;
    if (dtype.is_floating() || dtype.is_complex())
      n.re = static_cast<double>(x);
    else
      n.i = x;
    return build_.constant(dtype, n);
  }
  NodeId nothing(Op op, DType dtype) { return build_.constant(dtype, identity(op, dtype)); }
  NodeId binary(Op op, DType dtype, NodeId a, NodeId b) { return build_.node(op, {dtype, Strength::strong}, {a, b}); }
  NodeId compare(Op op, NodeId a, NodeId b) { return binary(op, bool_, a, b); }
  NodeId choose(NodeId condition, NodeId a, NodeId b) {
    return build_.node(Op::select, t_.program_[a].type, {condition, a, b});
  }
  NodeId converted(NodeId x, DType dtype) { return build_.convert(x, {dtype, Strength::strong}); }

  ir::LoopId open(bool parallel, const Space& space) {
    ir::Loop loop;
    loop.parallel = parallel;
    loop.from_array = true;
    if (!parallel) loop.segment = 64;
    loop.location = t_.location(where_);
    loop.dimensions = space;
    if (space.empty()) loop.dimensions.push_back({build_.integer(0), build_.integer(1), build_.integer(1)});
    const auto id = static_cast<ir::LoopId>(t_.program_.loops.size());
    t_.program_.loops.push_back(std::move(loop));
    const ir::BlockId body = t_.program_.new_block();
    Statement& s = t_.emit(Statement::Kind::loop, where_);
    s.target = id;
    s.body = body;
    t_.open_scope(parallel ? Tracing::Scope::Kind::parallel : Tracing::Scope::Kind::sequential, body, id, where_);
    return id;
  }
  void close() { t_.scopes_.pop_back(); }

  std::uint32_t declare(DType dtype, NodeId start) { return t_.declare(t_.value_of(start), where_, &dtype); }
  NodeId read(std::uint32_t variable) { return Access::node(t_.read(variable, where_)); }

  /// Folds the terms of all elements of a space: rows are one parallel loop, others a loop for each dimension.
  std::vector<NodeId> fold(const Space& space, bool rows, const Load& load, const std::vector<Fold>& folds) {
    std::vector<std::uint32_t> variables;
    for (const Fold& f : folds) variables.push_back(declare(f.dtype, f.start));
    NodeId position[max_rank];
    ir::LoopId outermost = none;
    const std::size_t loops = rows ? 1 : space.size();
    for (std::size_t k = 0; k < loops; ++k) {
      const ir::LoopId loop = open(rows, rows ? space : Space{space[k]});
      if (k == 0) outermost = loop;
      for (std::size_t d = 0; rows && d < space.size(); ++d)
        position[d] = build_.index(loop, static_cast<std::uint32_t>(d));
      if (!rows) position[k] = build_.index(loop, 0);
    }
    const Element x = load(position);
    for (std::size_t k = 0; k < folds.size(); ++k) {
      NodeId term = folds[k].term(x);
      if (x.included != none) term = choose(x.included, term, nothing(folds[k].op, folds[k].dtype));
      Statement& r = t_.emit(Statement::Kind::reduce, where_);
      r.target = variables[k];
      r.op = folds[k].op;
      r.value = term;
      r.loop = outermost;
    }
    for (std::size_t k = 0; k < loops; ++k) close();
    std::vector<NodeId> results;
    for (const std::uint32_t variable : variables) results.push_back(read(variable));
    return results;
  }

  ir::LoopDimension along(NodeId extent) { return {build_.integer(0), extent, build_.integer(1)}; }

  Space reduced_space() {
    Space space;
    for (const int k : reduced_) space.push_back(along(s_.extents[k]));
    return space;
  }

  // Along the last axes the elements lie side by side: lanes fold a row. Along others each lane has an element of its
  // own.
  bool along_rows() const { return takes_all() || reduced_.back() == s_.rank - 1; }

  NodeId loaded(const Symbol& s, const NodeId* indices) { return Access::node(t_.load(s, indices, where_)); }

  Element element(const NodeId* position) {
    for (std::size_t k = 0; k < reduced_.size(); ++k) indices_[reduced_[k]] = position[k];
    Element x;
    x.position = position;
    x.value = loaded(s_, indices_);
    if (r_.where) {
      Tracing::ElementLoop at{};
      std::copy_n(indices_, s_.rank, at.indices);
      x.included = t_.load_broadcast(mask_, at, s_.extents, s_.rank, where_);
    }
    if (leaves_out_nan()) {
      const NodeId is_nan = build_.node(Op::isnan, {bool_, Strength::strong}, {x.value});
      const NodeId is_number = build_.node(Op::logical_not, {bool_, Strength::strong}, {is_nan});
      x.included = x.included == none ? is_number : compare(Op::logical_and, x.included, is_number);
    }
    return x;
  }

  // Extremes pass over NaN by themselves (fmin, fmax).
  bool leaves_out_nan() const { return ignores_nan_ && !is_extreme() && !searches(); }

  std::vector<NodeId> pass(const std::vector<Fold>& folds) {
    return fold(reduced_space(), along_rows(), [&](const NodeId* position) { return element(position); }, folds);
  }

  /// The element as the accumulator's dtype, by way of the option dtype.
  NodeId term(const Element& x) {
    return converted(r_.dtype ? converted(x.value, *r_.dtype) : x.value, dtypes_.accumulator);
  }

  // ---- Reductions

  NodeId value() {
    const DType dtype = dtypes_.accumulator;
    switch (row_.of) {
      case Reduced::sum: return total(dtype.is_bool() ? Op::bit_or : Op::add, number(dtype, 0));
      case Reduced::prod: return total(dtype.is_bool() ? Op::bit_and : Op::multiply, number(dtype, 1));
      case Reduced::any: return total(Op::bit_or, build_.boolean(false));
      case Reduced::all: return total(Op::bit_and, build_.boolean(true));
      case Reduced::min:
      case Reduced::max: return total(extreme(), nothing(extreme(), dtype));
      case Reduced::ptp: return range_of_values();
      case Reduced::count_nonzero:
        return pass({{Op::add, i64, number(i64, 0),
                      [&](const Element& x) { return converted(converted(x.value, bool_), i64); }}})[0];
      case Reduced::mean: return mean(nullptr);
      case Reduced::variance: return variance();
      case Reduced::stddev: return build_.node(Op::sqrt, {ir::part_dtype(dtype), Strength::strong}, {variance()});
      case Reduced::argmin:
      case Reduced::argmax: return position_of_extreme();
    }
    throw InternalError("no such reduction", where_);
  }

  NodeId total(Op op, NodeId start) {
    if (r_.initial) start = converted(t_.converted(*r_.initial, dtypes_.result, where_), dtypes_.accumulator);
    return pass({{op, dtypes_.accumulator, start, [&](const Element& x) { return term(x); }}})[0];
  }

  Op extreme() const {
    const bool smallest = row_.of == Reduced::min || row_.of == Reduced::argmin;
    if (ignores_nan_) return smallest ? Op::fmin : Op::fmax;
    return smallest ? Op::minimum : Op::maximum;
  }

  NodeId range_of_values() {
    const DType dtype = dtypes_.accumulator;
    const auto fold_by = [&](Op op) {
      return Fold{op, dtype, nothing(op, dtype), [&](const Element& x) { return term(x); }};
    };
    const auto found = pass({fold_by(Op::maximum), fold_by(Op::minimum)});
    return binary(Op::subtract, dtype, found[0], found[1]);
  }

  /// How many elements take part, i64, where that is known without reading them.
  NodeId count() {
    NodeId n = build_.integer(1);
    for (const int k : reduced_) n = build_.mul(n, s_.extents[k]);
    return n;
  }

  NodeId mean(NodeId* counted) {
    const DType dtype = dtypes_.accumulator;
    const bool sums_bools = dtype.is_bool();
    std::vector<Fold> folds{
        {sums_bools ? Op::bit_or : Op::add, dtype, number(dtype, 0), [&](const Element& x) { return term(x); }}};
    const bool counts = r_.where || leaves_out_nan();
    if (counts) folds.push_back({Op::add, i64, number(i64, 0), [&](const Element&) { return number(i64, 1); }});
    const auto sums = pass(folds);
    const NodeId n = counts ? sums[1] : count();
    if (counted) *counted = n;
    return quotient(sums[0], n);
  }

  NodeId quotient(NodeId sum, NodeId n) {
    const DType own = t_.program_[sum].type.dtype;
    const DType dtype = ir::part_dtype(own).is_floating() ? own : f64;
    return binary(Op::divide, dtype, converted(sum, dtype), converted(n, dtype));
  }

  NodeId variance() {
    const DType dtype = dtypes_.accumulator, real = ir::part_dtype(dtype);
    NodeId n = none;
    const NodeId middle = mean(&n);
    const auto part = [&](Op op, NodeId x) { return build_.node(op, {real, Strength::strong}, {x}); };
    const auto square_of = [&](NodeId x) { return binary(Op::multiply, real, x, x); };
    const NodeId squares =
        pass({{Op::add, real, number(real, 0), [&](const Element& x) {
                 const NodeId distance = binary(Op::subtract, dtype, term(x), middle);
                 if (!dtype.is_complex()) return square_of(distance);
                 return binary(Op::add, real, square_of(part(Op::real, distance)), square_of(part(Op::imag, distance)));
               }}})[0];
    if (r_.ddof) n = build_.sub(converted(n, i64), t_.integer_of(*r_.ddof, "the option ddof", where_));
    const NodeId result = quotient(squares, build_.max(n, build_.integer(0)));
    if (!ignores_nan_) return result;
    Number16 nan;
    nan.re = std::numeric_limits<double>::quiet_NaN();
    return choose(build_.less_equal(build_.integer(1), n), result, build_.constant(real, nan));
  }

  // ---- The first extreme

  NodeId position_of_extreme() {
    const NodeId found = takes_all() && s_.rank > 0 && !inside_prange() ? first_by_blocks()
                         : along_rows()                                 ? first_of_row()
                                                                        : first_of_lanes();
    return found;
  }

  bool inside_prange() const {
    for (const Tracing::Scope& scope : t_.scopes_)
      if (scope.kind == Tracing::Scope::Kind::parallel) return true;
    return false;
  }

  /// Whether an element is the extreme: NaN is one where it is not ignored.
  NodeId is_hit(NodeId x, NodeId found) {
    const NodeId equal = compare(Op::equal, x, found);
    if (ignores_nan_ || !ir::part_dtype(dtypes_.accumulator).is_floating()) return equal;
    return compare(Op::logical_or, equal, compare(Op::not_equal, x, x));
  }

  Fold first(const std::function<NodeId(const Element&)>& value, NodeId found,
             const std::function<NodeId(const Element&)>& position) {
    return {Op::minimum, i64, number(i64, nowhere), [=, this](const Element& x) {
              return choose(is_hit(value(x), found), converted(position(x), i64), number(i64, nowhere));
            }};
  }

  // Where nothing but NaN is, no element is the extreme.
  NodeId or_none(NodeId position) {
    if (!ignores_nan_) return position;
    return choose(compare(Op::equal, position, number(i64, nowhere)), number(i64, -1), position);
  }

  Fold extreme_of_terms() {
    return {extreme(), dtypes_.accumulator, nothing(extreme(), dtypes_.accumulator),
            [&](const Element& x) { return term(x); }};
  }

  NodeId position_of(const Space& space, const NodeId* position) {
    NodeId at = build_.integer(0);
    for (std::size_t k = 0; k < space.size(); ++k) at = build_.add(build_.mul(at, space[k].end), position[k]);
    return at;
  }

  /// The row is read twice; the second time it is in the cache.
  NodeId first_of_row() {
    const NodeId found = pass({extreme_of_terms()})[0];
    const Space space = reduced_space();
    return or_none(pass({first([&](const Element& x) { return term(x); }, found,
                               [&](const Element& x) { return position_of(space, x.position); })})[0]);
  }

  /// Along an axis other than the last each lane carries its extreme and where it was.
  NodeId first_of_lanes() {
    const DType dtype = dtypes_.accumulator;
    const std::uint32_t best = declare(dtype, nothing(ignores_nan_ ? without_nan(extreme()) : extreme(), dtype));
    const std::uint32_t at = declare(i64, number(i64, ignores_nan_ ? -1 : 0));
    const ir::LoopId loop = open(false, {along(s_.extents[reduced_[0]])});
    const NodeId position = build_.index(loop, 0);
    const NodeId x = term(element(&position)), so_far = read(best), found = read(at);
    const bool smallest = row_.of == Reduced::argmin;
    NodeId better = compare(smallest ? Op::less : Op::greater, x, so_far);
    if (ir::part_dtype(dtype).is_floating()) {
      // The first number, or the first NaN.
      const NodeId is_first =
          ignores_nan_ ? compare(Op::logical_and, compare(Op::less, found, number(i64, 0)), compare(Op::equal, x, x))
                       : compare(Op::logical_and, compare(Op::equal, so_far, so_far), compare(Op::not_equal, x, x));
      better = compare(Op::logical_or, better, is_first);
    }
    t_.assign(best, t_.value_of(choose(better, x, so_far)), where_);
    t_.assign(at, t_.value_of(choose(better, converted(position, i64), found)), where_);
    close();
    return read(at);
  }

  static Op without_nan(Op op) { return op == Op::fmin ? Op::minimum : Op::maximum; }

  /// Everything is read once: the extreme of each block is kept, the first block that has the extreme of all is read
  /// again.
  NodeId first_by_blocks() {
    const int last = s_.rank - 1;
    const NodeId length = s_.extents[last], size = build_.integer(block_elements);
    Space blocks = reduced_space();
    blocks[static_cast<std::size_t>(last)] =
        along(build_.floordiv(build_.add(length, build_.integer(block_elements - 1)), size));
    NodeId extents[max_rank];
    for (int k = 0; k < s_.rank; ++k) extents[k] = blocks[static_cast<std::size_t>(k)].end;
    const DType dtype = dtypes_.accumulator;
    const Array extremes = t_.allocate(dtype, extents, s_.rank, where_);
    const Symbol kept = t_.symbol_of(extremes, where_);

    const ir::LoopId loop = open(true, blocks);
    NodeId block[max_rank];
    for (int k = 0; k < s_.rank; ++k) block[k] = build_.index(loop, static_cast<std::uint32_t>(k));
    const NodeId extreme_of_block = fold_block(block, extreme_of_terms());
    t_.store(kept, block, extreme_of_block, where_);
    close();

    const Load load = [&](const NodeId* position) { return Element{loaded(kept, position), none, position}; };
    const auto value = [](const Element& x) { return x.value; };
    const NodeId found = fold(blocks, true, load, {{extreme(), dtype, nothing(extreme(), dtype), value}})[0];
    NodeId number_of_block =
        fold(blocks, true, load,
             {first(value, found, [&](const Element& x) { return position_of(blocks, x.position); })})[0];
    // Where there is none any block will do: nothing is found in it.
    number_of_block =
        choose(compare(Op::equal, number_of_block, number(i64, nowhere)), number(i64, 0), number_of_block);
    NodeId rest = number_of_block, row = build_.integer(0);
    for (int k = s_.rank; k-- > 0;) {
      const NodeId extent = extents[k];
      block[k] = k == 0 ? rest : binary(Op::mod, i64, rest, extent);
      rest = k == 0 ? rest : build_.floordiv(rest, extent);
      // Inside its axis, which shows that what is read is inside the array.
      block[k] = build_.max(build_.min(block[k], build_.sub(extent, build_.integer(1))), build_.integer(0));
    }
    for (int k = 0; k < last; ++k) row = build_.add(build_.mul(row, s_.extents[k]), block[k]);
    const NodeId before = build_.mul(row, length);
    return or_none(fold_block(block, first([&](const Element& x) { return term(x); }, found,
                                           [&](const Element& x) { return build_.add(before, x.position[0]); })));
  }

  NodeId fold_block(const NodeId* block, const Fold& f) {
    const int last = s_.rank - 1;
    const NodeId begin = build_.mul(block[last], build_.integer(block_elements));
    const NodeId end = build_.min(build_.add(begin, build_.integer(block_elements)), s_.extents[last]);
    const Load load = [&](const NodeId* position) {
      std::copy_n(block, last, indices_);
      indices_[last] = position[0];
      return Element{loaded(s_, indices_), none, position};
    };
    return fold({{begin, end, build_.integer(1)}}, true, load, {f})[0];
  }

  Tracing& t_;
  ir::Builder& build_;
  const Reduction& r_;
  const ReductionRow& row_;
  const Location& where_;
  Symbol s_, mask_;
  ReductionDTypes dtypes_;
  bool ignores_nan_ = false;
  std::vector<int> kept_, reduced_;
  NodeId indices_[max_rank] = {};  // of the element that is read
};

Value Tracing::reduce_all(const Reduction& r, const Array& a, const Location& where) {
  return Reducer(*this, r, a, where).over_everything();
}

Array Tracing::reduce(const Reduction& r, const Array& a, const Location& where) {
  return Reducer(*this, r, a, where).along_axes();
}

}  // namespace kiln::detail
