// jit and vectorize: a C++ function of Arrays and Values that is compiled when it is called, for the dtypes of that
// call.
#pragma once

#include <kiln/control.h>
#include <kiln/functions.h>
#include <kiln/inspect.h>
#include <kiln/options.h>

#include <tuple>
#include <type_traits>
#include <utility>

namespace kiln {

namespace detail {

// One argument or result as the dispatcher sees it.
struct Argument {
  enum class Kind : std::uint8_t { array, scalar, constant };
  Kind kind;
  const Array* array = nullptr;
  const Value* scalar = nullptr;
  std::int64_t constant = 0;
};

class Tracing;

/// A traceable C++ function: one object per C++ function, its address is its identity. `state` is the dispatcher's.
struct Function {
  /// Runs the C++ function on the arguments, which are symbols or numbers, and hands its results to `tracing`.
  void (*trace)(Tracing& tracing, const Argument* arguments);
  Location where;
  bool broadcast;        // vectorize: scalar parameters become arrays
  bool located = false;  // `where` is known and does not change any more; atomic
  void* state = nullptr;
};

/// Says where a function is written; of several threads and several jits of it the first counts.
KILN_API void locate(Function& function, const Location& where);

class KILN_API Results {
 public:
  Results();
  ~Results();
  Results(const Results&) = delete;
  Array& array(int index);
  Value value(int index) const;
  void add(const Array& a);
  /// An array over `storage`, whose reference it takes.
  void add_concrete(Storage* storage, DType dtype, int rank, std::byte* data, const std::int64_t* extents,
                    const std::int64_t* strides, bool read_only);
  void add(const Value& v);
  int count() const { return count_; }

 private:
  friend Access;
  struct Slot;
  void reserve();
  static constexpr int inline_results = 4;
  int count_ = 0;
  Slot* slots_ = nullptr;
  alignas(16) unsigned char inline_[inline_results * 256];
};

/// The whole call: looks up, compiles if need be, launches. Inside a trace it inlines the function. Defined in
/// core/dispatch.cpp.
KILN_API void call(Function& function, const JitOptions& options, const Argument* arguments, int count,
                   Results& results, const Location& where);

/// The trace in progress hands in the results of the traced function.
KILN_API void trace_result(Tracing& tracing, const Array& a);
KILN_API void trace_result(Tracing& tracing, const Value& v);

template <class P>
concept Constant = std::is_arithmetic_v<P> || std::is_enum_v<P> || std::same_as<P, DType>;

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

template <class T>
concept Leaf = std::derived_from<T, Array> || std::derived_from<T, Value> || std::same_as<T, Var> || Constant<T>;
/// What is taken apart: a struct, also one of structs, a std::array, a tuple or a pair.
template <class T>
concept Group = is_tuple<T> || (!Leaf<T> && std::is_aggregate_v<T> && std::is_class_v<T>);
template <class T>
concept Member = std::same_as<T, Array> || std::same_as<T, Value> || std::same_as<T, Var> || Constant<T> || Group<T>;

inline constexpr int most_members = 16;

// Converts to whatever a member may be, for counting the members of an aggregate.
struct AnyMember {
  template <Member T>
  operator T() const;
};
template <class T, std::size_t... k>
constexpr bool has_members(std::index_sequence<k...>) {
  return requires { T{((void)k, AnyMember{})...}; };
}
// From the top: a struct with a Value cannot be made with fewer members than it has.
template <class T, std::size_t n = most_members + 1>
constexpr int member_count() {
  if constexpr (n == 0 || has_members<T>(std::make_index_sequence<n>{}))
    return static_cast<int>(n);
  else
    return member_count<T, n - 1>();
}

/// Calls f with the members of an aggregate.
template <class T, class F>
decltype(auto) with_members(T&& x, F&& f) {
  constexpr int n = member_count<std::remove_cvref_t<T>>();
  static_assert(
      n >= 1 && n <= most_members,
      "a struct of 1 to 16 Arrays, Values, plain numbers, enums, and structs, std::arrays and tuples of those");
  if constexpr (n == 1) {
    auto& [a] = x;
    return f(a);
  } else if constexpr (n == 2) {
    auto& [a, b] = x;
    return f(a, b);
  } else if constexpr (n == 3) {
    auto& [a, b, c] = x;
    return f(a, b, c);
  } else if constexpr (n == 4) {
    auto& [a, b, c, d] = x;
    return f(a, b, c, d);
  } else if constexpr (n == 5) {
    auto& [a, b, c, d, e] = x;
    return f(a, b, c, d, e);
  } else if constexpr (n == 6) {
    auto& [a, b, c, d, e, g] = x;
    return f(a, b, c, d, e, g);
  } else if constexpr (n == 7) {
    auto& [a, b, c, d, e, g, h] = x;
    return f(a, b, c, d, e, g, h);
  } else if constexpr (n == 8) {
    auto& [a, b, c, d, e, g, h, i] = x;
    return f(a, b, c, d, e, g, h, i);
  } else if constexpr (n == 9) {
    auto& [a, b, c, d, e, g, h, i, j] = x;
    return f(a, b, c, d, e, g, h, i, j);
  } else if constexpr (n == 10) {
    auto& [a, b, c, d, e, g, h, i, j, k] = x;
    return f(a, b, c, d, e, g, h, i, j, k);
  } else if constexpr (n == 11) {
    auto& [a, b, c, d, e, g, h, i, j, k, l] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l);
  } else if constexpr (n == 12) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m);
  } else if constexpr (n == 13) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o);
  } else if constexpr (n == 14) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p);
  } else if constexpr (n == 15) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q);
  } else {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r);
  }
}

/// Calls f with the members of a group.
template <class T, class F>
decltype(auto) with_parts(T&& x, F&& f) {
  if constexpr (is_tuple<std::remove_cvref_t<T>>)
    return std::apply(f, x);
  else
    return with_members(x, f);
}

// The types of a group's members.
template <class... T>
struct Types {};
struct TypesOf {
  template <class... M>
  Types<std::remove_cv_t<M>...> operator()(M&...) const {
    return {};
  }
};
template <class P>
using MembersOf = decltype(with_parts(std::declval<P&>(), TypesOf{}));

// How many Argument entries a parameter takes.
template <class P>
constexpr int leaf_count();
template <class... M>
constexpr int leaf_count(Types<M...>) {
  return (leaf_count<M>() + ... + 0);
}
template <class P>
constexpr int leaf_count() {
  if constexpr (Leaf<P>)
    return 1;
  else
    return leaf_count(MembersOf<P>{});
}

inline Argument argument(const Array& a) { return {Argument::Kind::array, &a, nullptr, 0}; }
inline Argument argument(const Value& v) { return {Argument::Kind::scalar, nullptr, &v, 0}; }
template <Constant C>
Argument argument(const C& c) {
  if constexpr (std::same_as<C, DType>)
    return {Argument::Kind::constant, nullptr, nullptr, static_cast<int>(c.code())};
  else if constexpr (std::is_floating_point_v<C>) {
    static_assert(sizeof(C) <= 8);
    const double d = c;
    return {Argument::Kind::constant, nullptr, nullptr, __builtin_bit_cast(std::int64_t, d)};
  } else
    return {Argument::Kind::constant, nullptr, nullptr, static_cast<std::int64_t>(c)};
}

template <class P>
void append_arguments(Argument* out, int& n, const P& p) {
  if constexpr (Leaf<P>)
    out[n++] = argument(p);
  else
    with_parts(p, [&](const auto&... m) { (append_arguments(out, n, m), ...); });
}

template <class P>
P parameter(const Argument*& a);
struct MemberOf {
  const Argument*& a;
  template <Member T>
  operator T() const {
    static_assert(!std::same_as<T, Var>, "a parameter's member cannot be a Var: take a Value and start a Var from it");
    return parameter<T>(a);
  }
};

/// One parameter of the C++ function, back from its Arguments.
template <class P>
P parameter(const Argument*& a) {
  if constexpr (std::derived_from<P, Array>)
    return *(a++)->array;
  else if constexpr (std::derived_from<P, Value>)
    return *(a++)->scalar;
  else if constexpr (std::same_as<P, DType>)
    return DType(static_cast<TypeCode>((a++)->constant));
  else if constexpr (std::is_floating_point_v<P>)
    return static_cast<P>(__builtin_bit_cast(double, (a++)->constant));
  else if constexpr (Leaf<P>)
    return static_cast<P>((a++)->constant);
  else if constexpr (is_tuple<P>)
    return [&]<class... M>(Types<M...>) { return P{parameter<M>(a)...}; }(MembersOf<P>{});
  else
    return [&]<std::size_t... k>(std::index_sequence<k...>) {
      return P{((void)k, MemberOf{a})...};
    }(std::make_index_sequence<static_cast<std::size_t>(member_count<P>())>{});
}

template <class R>
void hand_in(Tracing& tracing, const R& r) {
  if constexpr (std::derived_from<R, Array>)
    trace_result(tracing, static_cast<const Array&>(r));
  else if constexpr (std::derived_from<R, Value>)
    trace_result(tracing, static_cast<const Value&>(r));
  else if constexpr (std::same_as<R, Var> || Number<R>)
    trace_result(tracing, Value(r));
  else {
    static_assert(Group<R>,
                  "a traced function returns nothing, an Array, a Value, a Var, a number, or a tuple, std::array or "
                  "struct of those");
    with_parts(r, [&](const auto&... m) { (hand_in(tracing, m), ...); });
  }
}

/// The type a result has for the caller: a number, Var or Element becomes a Value, a View an Array.
template <class R>
struct ResultOf {
  using type = R;
};
template <class R>
  requires(std::derived_from<R, Value> || std::same_as<R, Var> || Number<R>)
struct ResultOf<R> {
  using type = Value;
};
template <std::derived_from<Array> R>
struct ResultOf<R> {
  using type = Array;
};
template <class... T>
struct ResultOf<std::tuple<T...>> {
  using type = std::tuple<typename ResultOf<T>::type...>;
};
template <class A, class B>
struct ResultOf<std::pair<A, B>> {
  using type = std::tuple<typename ResultOf<A>::type, typename ResultOf<B>::type>;
};

template <class T, std::size_t count>
struct ResultOf<std::array<T, count>> {
  using type = std::array<typename ResultOf<T>::type, count>;
};

template <class R>
R take_result(Results& results, int& n);
struct MemberFromResults {
  Results& results;
  int& n;
  template <Member T>
  operator T() const {
    return take_result<T>(results, n);
  }
};
template <class R>
R take_result(Results& results, int& n) {
  if constexpr (std::same_as<R, Array>)
    return static_cast<Array&&>(results.array(n++));
  else if constexpr (std::same_as<R, Value>)
    return results.value(n++);
  else if constexpr (std::same_as<R, Var>)
    return Var(results.value(n++));
  else if constexpr (std::same_as<R, bool>)
    return results.value(n++).as_bool();
  else if constexpr (Number<R>)
    return static_cast<R>(results.value(n++));
  else if constexpr (is_tuple<R>)
    return [&]<std::size_t... k>(std::index_sequence<k...>) {
      return R{take_result<std::tuple_element_t<k, R>>(results, n)...};
    }(std::make_index_sequence<std::tuple_size_v<R>>{});
  else
    return [&]<std::size_t... k>(std::index_sequence<k...>) {
      return R{((void)k, MemberFromResults{results, n})...};
    }(std::make_index_sequence<static_cast<std::size_t>(member_count<R>())>{});
}

/// What a vectorized function takes for a Value: an array, whose elements it stands for, or a number.
struct Broadcast {
  const Array* array = nullptr;
  Value number = 0;

  Broadcast(const Array& a) : array(&a) {}
  Broadcast(const Value& x) : number(x) {}
  Broadcast(const Var& x, Location l = Location::current()) : number(x, l) {}
  template <Number T>
  Broadcast(T x) : number(x) {}
};
template <class>
using NumberFor = Operand;
template <class>
using BroadcastFor = Broadcast;

template <class F>
struct FunctionType;
template <class C, class R, class... P>
struct FunctionType<R (C::*)(P...) const> {
  using Parameters = std::tuple<P...>;
};
template <class R, class... P>
struct FunctionType<R (*)(P...)> {
  using Parameters = std::tuple<P...>;
};

template <class Parameters>
inline constexpr bool only_values = false;
template <class... P>
inline constexpr bool only_values<std::tuple<P...>> = (std::same_as<P, Value> && ...);

/// A compiled function; an empty object, so that it may be a global constructed and destroyed in any order.
template <class F, class Parameters, bool broadcast>
class Jitted;

template <class F, class... P, bool broadcast>
class Jitted<F, std::tuple<P...>, broadcast> {
  static_assert((!std::is_reference_v<P> && ...), "a traced function takes its parameters by value");
  static_assert(
      ((Leaf<P> || Group<P>) && ...),
      "a traced function takes Array, Value, plain numbers and enums (compile-time constants), or structs of those");
  static_assert((!std::same_as<P, Var> && ...), "a parameter cannot be a Var: take a Value and start a Var from it");

 public:
  using Result = typename ResultOf<std::invoke_result_t<F, P...>>::type;

  constexpr Jitted(Location where, BoundsCheck nothing_said) : where_(where), nothing_said_(nothing_said) {
    options_.bounds_check = nothing_said;
  }

  /// Calls the function: looks up the specialization for these arguments, compiles it if it is the first such call,
  /// runs it.
  auto operator()(const P&... parameters, Location where = Location::current()) const
    requires(!broadcast)
  {
    return call_plain(parameters..., where);
  }
  // vectorize: numbers give a number. The other is a template only so that a list of numbers prefers this one.
  Value operator()(const NumberFor<P>&... arguments, Location where = Location::current()) const
    requires(broadcast)
  {
    const Argument list[sizeof...(P) + 1] = {argument(arguments.value)...};
    Results results;
    call(located(), options_, list, sizeof...(P), results, where);
    return results.value(0);
  }
  template <class = void>
  Array operator()(const BroadcastFor<P>&... arguments, Location where = Location::current()) const
    requires(broadcast)
  {
    const Argument list[sizeof...(P) + 1] = {
        (arguments.array ? argument(*arguments.array) : argument(arguments.number))...};
    Results results;
    call(located(), options_, list, sizeof...(P), results, where);
    return static_cast<Array&&>(results.array(0));
  }

  /// The same function with other options.
  Jitted with(const JitOptions& options) const {
    Jitted copy = *this;
    copy.options_ = options;
    if (options.bounds_check == BoundsCheck()) copy.options_.bounds_check = nothing_said_;
    return copy;
  }
  /// The same function on a device: f.on(cuda())(a).
  Jitted on(Device device) const {
    Jitted copy = *this;
    copy.options_.device = device;
    return copy;
  }
  const JitOptions& options() const { return options_; }

  /// What has been compiled so far, and why.
  Specializations specializations() const { return detail::specializations(function()); }
  /// Frees them, as kiln::release_specializations() does those of every function.
  void release_specializations() const { detail::release_specializations(function()); }
  /// The newest specialization as text: "program" as it was traced; of a compiled one "scheduled", "llvm" and "asm"
  /// too.
  Text inspect(const char* what, Location where = Location::current()) const {
    return detail::inspect(function(), what, where);
  }

 private:
  static constexpr int leaves = (leaf_count<P>() + ... + 0);

  static Function& function() {
    static Function f{&trace, Location(), broadcast};
    return f;
  }
  Function& located() const {
    Function& f = function();
    // A builtin, because <atomic> is slow to compile.
    if (!__atomic_load_n(&f.located, __ATOMIC_ACQUIRE)) locate(f, where_);
    return f;
  }

  static void trace([[maybe_unused]] Tracing& tracing, [[maybe_unused]] const Argument* arguments) {
    // Braces: parameters are taken in order.
    std::tuple<P...> parameters{parameter<P>(arguments)...};
    using R = std::invoke_result_t<F, P...>;
    if constexpr (std::is_void_v<R>)
      std::apply(F{}, std::move(parameters));
    else
      hand_in(tracing, std::apply(F{}, std::move(parameters)));
  }

  auto call_plain(const P&... parameters, const Location& where) const {
    Argument arguments[leaves + 1];
    int n = 0;
    (append_arguments(arguments, n, parameters), ...);
    Results results;
    call(located(), options_, arguments, leaves, results, where);
    if constexpr (std::is_void_v<Result>)
      return;
    else {
      n = 0;
      return take_result<Result>(results, n);
    }
  }

  Location where_;
  BoundsCheck nothing_said_;
  JitOptions options_{};
};

template <auto function>
struct Wrapped;
template <class R, class... P, R (*function)(P...)>
struct Wrapped<function> {
  R operator()(P... p) const { return function(p...); }
};

template <class F>
concept Captureless = std::is_empty_v<F> && requires { &F::operator(); };

}  // namespace detail

// A program may be made of files compiled with NDEBUG and of others, and each function follows the file that makes it.
// So nothing that such files share may depend on NDEBUG: jit and vectorize of the two kinds of file are different
// functions, in namespaces of different names; what they differ in reaches the class they share as a number.
#ifdef NDEBUG
inline namespace release_build {
constexpr BoundsCheck nothing_said{BoundsCheck::Choice::nothing_said};
#else
inline namespace debug_build {
constexpr BoundsCheck nothing_said{BoundsCheck::Choice::nothing_said_in_debug_build};
#endif

/// Makes a compiled function of a lambda that captures nothing and takes its parameters by value.
template <class F>
constexpr auto jit(F, Location where = Location::current()) {
  static_assert(
      std::is_empty_v<F>,
      "the lambda given to jit must capture nothing: pass what it needs as parameters (Array, Value, or a plain int "
      "for a compile-time constant)");
  static_assert(detail::Captureless<F>, "jit takes a lambda without auto parameters");
  return detail::Jitted<F, typename detail::FunctionType<decltype(&F::operator())>::Parameters, false>(where,
                                                                                                       nothing_said);
}
/// The same of a plain function: jit<my_function>().
template <auto function>
constexpr auto jit(Location where = Location::current()) {
  return detail::Jitted<detail::Wrapped<function>, typename detail::FunctionType<decltype(function)>::Parameters,
                        false>(where, nothing_said);
}
/// Makes a broadcasting function of arrays from a function of Values.
template <class F>
constexpr auto vectorize(F, Location where = Location::current()) {
  static_assert(std::is_empty_v<F>,
                "the lambda given to vectorize must capture nothing: pass what it needs as parameters");
  static_assert(detail::Captureless<F>, "vectorize takes a lambda without auto parameters");
  static_assert(
      detail::only_values<typename detail::FunctionType<decltype(&F::operator())>::Parameters>,
      "vectorize takes a function of Values: each becomes an array's element or a number; jit takes the rest");
  return detail::Jitted<F, typename detail::FunctionType<decltype(&F::operator())>::Parameters, true>(where,
                                                                                                      nothing_said);
}

}  // namespace release_build or debug_build

}  // namespace kiln
