// Control flow of traced functions: range, prange, if_, while_, break_, continue_.
#pragma once

#include <kiln/array.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace kiln {

namespace detail {

struct Dimension {
  Value begin, end, step;
};

template <class...>
inline constexpr bool never = false;

// Opens and closes the scopes of the trace in progress; each throws UsageError where there is no trace.
KILN_API void open_loop(bool parallel, const Dimension* dimensions, int count, Value* indices, const Location& where);
KILN_API void close_loop();
/// The loop's body was left by a C++ break, return or exception: poisons the trace, the next operation reports it.
KILN_API void abandon_loop(const Location& where) noexcept;
KILN_API void open_while(const Location& where);
KILN_API void while_condition(const Operand& condition);
KILN_API void close_while();
KILN_API void open_branch(const Operand& condition);
KILN_API void open_otherwise();
KILN_API void close_branch();
/// The value-returning if_: a variable both branches assign, read when the branch is closed.
KILN_API std::uint32_t branch_result(const Operand& value);
KILN_API void assign_branch_result(std::uint32_t variable, const Operand& value);
KILN_API Value read_branch_result(std::uint32_t variable, const Location& where);

/// The begin() of every traced loop: runs the body once, between open_loop and close_loop.
class LoopIteration {
 public:
  LoopIteration(bool parallel, const Dimension* dimensions, int count, Value* indices, const Location& where)
      : where_(where) {
    open_loop(parallel, dimensions, count, indices, where);
    open_ = true;
  }
  LoopIteration(const LoopIteration&) = delete;
  ~LoopIteration() {
    if (open_) abandon_loop(where_);
  }
  void finish() {
    open_ = false;
    close_loop();
  }
  bool done() const { return !open_; }

 private:
  Location where_;
  bool open_ = false;
};

struct LoopEnd {};

}  // namespace detail

/// The indices begin, begin + step, … before end; in a for statement a sequential traced loop.
class Range {
 public:
  Range(const Value& begin, const Value& end, const Value& step, Location where)
      : dimension_{begin, end, step}, where_(where) {}

  class Iterator {
   public:
    explicit Iterator(const Range& r) : loop_(false, &r.dimension_, 1, storage(), r.where_) {}
    Value operator*() const { return *reinterpret_cast<const Value*>(index_); }
    void operator++() { loop_.finish(); }
    bool operator!=(detail::LoopEnd) const { return !loop_.done(); }

   private:
    Value* storage() { return reinterpret_cast<Value*>(index_); }
    alignas(Value) unsigned char index_[sizeof(Value)];
    detail::LoopIteration loop_;
  };
  Iterator begin() const { return Iterator(*this); }
  detail::LoopEnd end() const { return {}; }

  const detail::Dimension& dimension() const { return dimension_; }
  const Location& where() const { return where_; }

 private:
  detail::Dimension dimension_;
  Location where_;
};

inline Range range(const Operand& end) { return {Value(0), end.value, Value(1), end.where}; }
inline Range range(const Operand& begin, const Operand& end) { return {begin.value, end.value, Value(1), begin.where}; }
inline Range range(const Operand& begin, const Operand& end, const Operand& step) {
  return {begin.value, end.value, step.value, begin.where};
}

/// One dimension of a prange: an extent or a range.
struct Extent {
  detail::Dimension dimension;
  Location where;

  Extent(const Range& r) : dimension(r.dimension()), where(r.where()) {}
  Extent(const Value& n, Location l = Location::current()) : dimension{0, n, 1}, where(l) {}
  Extent(const Var& n, Location l = Location::current()) : dimension{0, Value(n, l), 1}, where(l) {}
  template <Number T>
  Extent(T n, Location l = Location::current()) : dimension{0, Value(n), 1}, where(l) {}
};

/// A parallel loop nest over 1 to 4 dimensions; the last one runs fastest.
template <std::size_t rank>
class ParallelRange {
 public:
  template <class... E>
  explicit ParallelRange(Location where, const E&... extents) : dimensions_{extents.dimension...}, where_(where) {}

  class Iterator {
   public:
    explicit Iterator(const ParallelRange& r) : loop_(true, r.dimensions_, rank, storage(), r.where_) {}
    auto operator*() const { return get(std::make_index_sequence<rank>{}); }
    void operator++() { loop_.finish(); }
    bool operator!=(detail::LoopEnd) const { return !loop_.done(); }

   private:
    Value* storage() { return reinterpret_cast<Value*>(indices_); }
    const Value& index(std::size_t k) const { return reinterpret_cast<const Value*>(indices_)[k]; }
    template <std::size_t... k>
    auto get(std::index_sequence<k...>) const {
      if constexpr (rank == 1)
        return Value(index(0));
      else
        return std::array<Value, rank>{index(k)...};
    }
    alignas(Value) unsigned char indices_[rank * sizeof(Value)];
    detail::LoopIteration loop_;
  };
  Iterator begin() const { return Iterator(*this); }
  detail::LoopEnd end() const { return {}; }

 private:
  detail::Dimension dimensions_[rank];
  Location where_;
};

inline ParallelRange<1> prange(const Extent& a) { return ParallelRange<1>(a.where, a); }
inline ParallelRange<2> prange(const Extent& a, const Extent& b) { return ParallelRange<2>(a.where, a, b); }
inline ParallelRange<3> prange(const Extent& a, const Extent& b, const Extent& c) {
  return ParallelRange<3>(a.where, a, b, c);
}
inline ParallelRange<4> prange(const Extent& a, const Extent& b, const Extent& c, const Extent& d) {
  return ParallelRange<4>(a.where, a, b, c, d);
}

template <class F>
concept Body = std::invocable<F>;

/// Repeats body while condition() holds. Both are lambdas that capture by reference.
template <Body Condition, Body Loop>
void while_(Condition&& condition, Loop&& body, Location where = Location::current()) {
  static_assert(
      std::is_void_v<std::invoke_result_t<Loop>>,
      "a return inside a while_ body only leaves the lambda, which runs once: write break_() or assign a Var");
  detail::open_while(where);
  {
    const Operand again(condition(), where);
    detail::while_condition(again);
  }
  body();
  detail::close_while();
}
template <class Condition, class Loop>
  requires(!Body<Condition>)
void while_(Condition&&, Loop&&) {
  static_assert(detail::never<Condition>,
                "while_ takes its condition as a lambda, [&] { return ...; }: it is evaluated before every turn");
}

/// Runs the body where the condition holds.
template <Body Then>
void if_(const Operand& condition, Then&& then) {
  static_assert(
      std::is_void_v<std::invoke_result_t<Then>>,
      "a return inside an if_ body only leaves the lambda: give both branches (their value is if_'s result) or "
      "assign a Var");
  detail::open_branch(condition);
  then();
  detail::close_branch();
}

/// Runs one of two bodies; if they return a value, it is the value of if_, and only the branch taken is evaluated.
template <Body Then, Body Otherwise>
auto if_(const Operand& condition, Then&& then, Otherwise&& otherwise) {
  using Result = std::invoke_result_t<Then>;
  static_assert(std::is_void_v<Result> == std::is_void_v<std::invoke_result_t<Otherwise>>,
                "one branch of if_ returns a value and the other does not");
  detail::open_branch(condition);
  if constexpr (std::is_void_v<Result>) {
    then();
    detail::open_otherwise();
    otherwise();
    detail::close_branch();
  } else {
    const std::uint32_t result = detail::branch_result(Operand(then(), condition.where));
    detail::open_otherwise();
    detail::assign_branch_result(result, Operand(otherwise(), condition.where));
    detail::close_branch();
    return detail::read_branch_result(result, condition.where);
  }
}

/// Leaves the innermost range or while_ (not prange).
KILN_API void break_(Location where = Location::current());
KILN_API void break_if(const Operand& condition);
/// Goes on with the next turn of the innermost range, prange or while_.
KILN_API void continue_(Location where = Location::current());
KILN_API void continue_if(const Operand& condition);

}  // namespace kiln
