// Tracing: scopes, values and variables.
#include "core/trace.h"

#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/floating_point.h"
#include "core/host_ops.h"

#include <kiln/error.h>

#include <atomic>
#include <exception>
#include <utility>

namespace kiln::detail {

using ir::NodeId;
using ir::none;
using ir::Statement;

namespace {

// Read by every call and by every Array that is made or copied.
[[gnu::tls_model("initial-exec")]] constinit thread_local Tracing* current_trace = nullptr;

// One line of a traced function that records more than this unrolls a C++ loop.
constexpr std::uint32_t operations_per_line = 20'000;

}  // namespace

bool fits(std::int64_t x, DType dtype) {
  if (dtype.is_bool()) return x == 0 || x == 1;
  const int bits = static_cast<int>(dtype.size()) * 8;
  if (dtype.kind() == TypeKind::unsigned_integer) return x >= 0 && (bits == 64 || x < (std::int64_t{1} << bits));
  return bits == 64 || (x >= -(std::int64_t{1} << (bits - 1)) && x < (std::int64_t{1} << (bits - 1)));
}

bool does_not_fit(const Value& x, DType dtype) {
  const Type type = Access::type(x);
  if (!type.weak() || !type.dtype.is_integer() || !dtype.is_integer()) return false;
  if (!Access::traced(x)) return !fits(Access::number(x).i, dtype);
  Tracing* const t = Tracing::current();
  return t && t->traced_does_not_fit(x, dtype);
}

namespace {

std::int64_t known_number(const Value& x) {
  return Access::traced(x) ? Tracing::current()->number_of(x) : Access::number(x).i;
}

}  // namespace

void check_fits(const Value& v, DType dtype, const Location& where) {
  const Type type = Access::type(v);
  if (does_not_fit(v, dtype))
    throw DTypeError(text("a conversion to ", dtype, ": the number ", known_number(v), " does not fit; cast it, as in ",
                          dtype, "(x)"),
                     where);
  if (drops_imaginary(type.dtype, dtype)) throw no_imaginary(text(type.dtype, " scalar"), dtype, where);
}

DTypeError no_imaginary(std::string_view operand, DType to, const Location& where) {
  return DTypeError(
      text("a conversion of ", operand, " to ", to, " would drop the imaginary part: write real(z), imag(z) or abs(z)"),
      where);
}

Number16 number_as(const Value& v, DType dtype, const Location& where) {
  if (Access::traced(v))
    throw UsageError("a Value of a traced function is used after its trace has ended: return it instead", where);
  check_fits(v, dtype, where);
  const CanonicalFloatingPoint canonical;
  return convert(Access::number(v), Access::type(v).dtype, dtype);
}

void check_assignable(DType declared, DType given, std::string_view operation, const Location& where) {
  if (drops_imaginary(given, declared)) throw no_imaginary(text(given, " scalar"), declared, where);
  if (given.is_floating() && !declared.is_floating() && !declared.is_complex())
    throw DTypeError(text("'", operation, "': this Var was declared ", with_article(declared),
                          " scalar and is assigned ", with_article(given), " scalar; cast the value, as in ", declared,
                          "(x), or declare the Var without a dtype"),
                     where);
}

void check_positive(DType dtype, std::string_view operand, const Location& where) {
  if (dtype.is_bool())
    throw DTypeError(text("'+' of ", operand, ": bools have no sign; use it as it is, or cast it, as in i64(x)"),
                     where);
}

Operand one() {
  const Tracing* t = Tracing::current();
  return Operand(1, t ? t->last_location() : Location());
}

DType wide_comparison(DType dtype) { return dtype == u64 ? f64 : i64; }

Tracing* Tracing::current() noexcept { return current_trace; }

Tracing* Tracing::checked() {
  Tracing* t = current_trace;
  if (t && t->poisoned_) throw UsageError(t->poison_, t->poison_where_);
  return t;
}

Tracing& Tracing::required(const char* what, const Location& where) {
  Tracing* t = checked();
  if (!t)
    throw UsageError(text(what,
                          " works only inside a traced function (jit, vectorize); plain C++ code uses C++'s own "
                          "control flow"),
                     where);
  return *t;
}

std::uint64_t Tracing::next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

Tracing::Tracing(Facts& facts, std::vector<Type> types, bool fold, const std::string& name, const Location& where)
    : facts_(facts), build_(program_, fold, true), id_(next_id()), outer_(current_trace), assumed_(std::move(types)) {
  program_.name = name;
  program_.locations.push_back(where);
  operations_at_.push_back(0);
  open_scope(Scope::Kind::function, program_.new_block(), none, where);
  current_trace = this;
}

Tracing::~Tracing() { current_trace = outer_; }

void Tracing::finish() {
  if (poisoned_) throw UsageError(poison_, poison_where_);
  if (scopes_.size() != 1)
    throw UsageError(
        "this traced loop or branch was left by an exception that was caught inside the traced function, which happens "
        "once, while tracing; catch it outside the function",
        scopes_.back().where);
}

void Tracing::poison(std::string message, const Location& where) noexcept {
  if (poisoned_ || std::uncaught_exceptions() > 0) return;
  poisoned_ = true;
  poison_ = std::move(message);
  poison_where_ = where;
}

bool Tracing::settled_against(const ir::Program& program) const {
  for (std::size_t k = 0; k < joined_.size(); ++k)
    if (!fixed_[k] && joined_[k] != program.variables[k].type) return false;
  return true;
}

// ---- Scopes and statements ------------------------------------------------------------------------------------------

void Tracing::open_scope(Scope::Kind kind, ir::BlockId block, ir::LoopId loop, const Location& where) {
  scopes_.push_back({next_scope_++, block, kind, loop, where, program_.nodes.size()});
}

bool Tracing::alive(std::uint32_t scope) const {
  for (const Scope& s : scopes_)
    if (s.id == scope) return true;
  return false;
}

Statement& Tracing::emit(Statement::Kind kind, const Location& where) {
  Statement s;
  s.kind = kind;
  s.location = location(where);
  count_operation(s.location, where);
  return block().statements.emplace_back(s);
}

void Tracing::count_operation(std::uint32_t location, const Location& where) {
  if (++operations_at_[location] > operations_per_line)
    throw UsageError(text("this line was recorded ", operations_per_line,
                          " times in one trace: a C++ loop is unrolled here; write for (Value i : range(n))"),
                     where);
}

std::uint32_t Tracing::location(const Location& where) {
  last_location_ = where;
  const std::uint64_t key = (reinterpret_cast<std::uintptr_t>(where.file_name()) << 24) ^ where.line();
  const auto [it, fresh] = location_index_.emplace(key, static_cast<std::uint32_t>(program_.locations.size()));
  if (fresh) {
    program_.locations.push_back(where);
    operations_at_.push_back(0);
  }
  return it->second;
}

// ---- Values ---------------------------------------------------------------------------------------------------------

Value Tracing::value_of(NodeId node) { return Access::make_traced(program_[node].type, node, scopes_.back().id, id_); }

NodeId Tracing::node_of(const Value& v, const Location& where) {
  if (!Access::traced(v)) {
    const Type type = Access::type(v);
    return build_.constant(type.dtype, Access::number(v), type.strength);
  }
  if (Access::trace(v) != id_)
    throw UsageError(text("this Value (", Access::type(v).dtype,
                          " scalar) belongs to another traced function's run: pass it as a parameter"),
                     where);
  if (!alive(Access::scope(v)))
    throw UsageError(
        text("this Value (", Access::type(v).dtype,
             " scalar) was made inside a loop or branch that has ended; carry it out in a Var declared before it"),
        where);
  return Access::node(v);
}

NodeId Tracing::converted(const Value& v, DType dtype, const Location& where) {
  check_fits(v, dtype, where);
  build_.at(location(where));
  return build_.convert(node_of(v, where), {dtype, Strength::strong});
}

bool Tracing::traced_does_not_fit(const Value& x, DType dtype) {
  const NodeId number = Access::node(x);
  std::int64_t known = 0;
  if (dtype == i64 || Access::trace(x) != id_ || !facts_.value(program_, number, known)) return false;
  const int bits = static_cast<int>(dtype.size()) * 8;
  const bool is_unsigned = dtype.kind() == TypeKind::unsigned_integer;
  NodeId fits = build_.less_equal(build_.integer(is_unsigned ? 0 : -(std::int64_t{1} << (bits - 1))), number);
  if (bits < 64) {
    const std::int64_t largest = (std::int64_t{1} << (is_unsigned ? bits : bits - 1)) - 1;
    fits = build_.logical_and(fits, build_.less_equal(number, build_.integer(largest)));
  }
  if (const auto always = build_.constant_value(fits)) return *always == 0;
  return !facts_.fits(program_, fits);
}

std::int64_t Tracing::number_of(const Value& x) const {
  std::int64_t number = 0;
  facts_.value(program_, Access::node(x), number);
  return number;
}

NodeId Tracing::given(std::uint32_t variable, const Value& v, const Location& where) {
  const DType dtype = program_.variables[variable].type.dtype;
  if (fixed_[variable]) return converted(v, dtype, where);
  build_.at(location(where));
  return build_.convert(node_of(v, where), {dtype, Strength::strong});
}

NodeId Tracing::integer_of(const Value& v, std::string_view what, const Location& where, const Array* of) {
  const DType dtype = Access::type(v).dtype;
  if (!dtype.is_integer())
    throw not_an_integer(of ? text(what, " of ", detail::described(*of)) : std::string(what), dtype, where);
  build_.at(location(where));
  return build_.convert(node_of(v, where), {i64, Strength::weak});
}

std::string update_name(ir::Op op) {
  if (op == ir::Op::minimum) return ".min";
  if (op == ir::Op::maximum) return ".max";
  return text(ir::row(op).spelling, "=");
}

DTypeError number_does_not_fit(const Value& x, DType dtype, std::string_view operation, std::string_view operand,
                               const Location& where) {
  const std::int64_t number = known_number(x);
  // What is stored into keeps its dtype; of two operands the other may become larger.
  const bool stays = operation.ends_with('=') || operation == "full";
  return DTypeError(
      text("'", operation, "' of ", operand, " and ", number, ": the number does not fit ", dtype,
           stays ? text("; cast it, as in ", dtype, "(", number, ")") : text("; cast the other operand, as in i64(x)")),
      where);
}

namespace {

// Out-of-range weak constants compare as i64 instead of failing to convert.
void widen_comparison(ir::Op op, const Operand* operands, int count, ir::OpTypes& types) {
  if (ir::row(op).rule != ir::Rule::comparison || !types.operand.dtype.is_integer()) return;
  for (int k = 0; k < count; ++k) {
    const Value& v = operands[k].value;
    if (does_not_fit(v, types.operand.dtype)) types.operand = {wide_comparison(types.operand.dtype), Strength::strong};
  }
}

ir::OpTypes infer_types(ir::Op op, const Operand* operands, int count, std::string_view name) {
  Type in[3];
  for (int k = 0; k < count; ++k) in[k] = Access::type(operands[k].value);
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(op, in, count, types, reason)) {
    std::string scalars;
    for (int k = 0; k < count; ++k) scalars += text(k ? " and " : "", in[k].dtype, " scalar");
    throw DTypeError(text("'", name, "' of ", scalars, ": ", reason), operands[0].where);
  }
  widen_comparison(op, operands, count, types);
  if (!types.operand.weak())
    for (int k = op == ir::Op::select ? 1 : 0; k < count; ++k)
      check_fits(
          operands[k].value, types.operand.dtype, name, [&] { return text(types.operand.dtype, " scalar"); },
          operands[k].where);
  return types;
}

// The dtype operand `index` is converted to.
DType operand_dtype(ir::Op op, const ir::OpTypes& types, int index) {
  return op == ir::Op::select && index == 0 ? bool_ : types.operand.dtype;
}

bool compares_exactly(ir::Op op, const Operand* operands, const ir::OpTypes& types) {
  if (ir::row(op).rule != ir::Rule::comparison) return false;
  const Type in[2] = {Access::type(operands[0].value), Access::type(operands[1].value)};
  return Tracing::compares_exactly(op, in, types);
}

// Unsigned against signed: a negative number is less than all unsigned ones.
bool exact_fold(ir::Op op, const Operand& a, const Operand& b) {
  const std::int64_t x = number_as(a.value, a.value.dtype(), a.where).i,
                     y = number_as(b.value, b.value.dtype(), b.where).i;
  const bool unsigned_first = a.value.dtype() == u64;
  const bool less = unsigned_first ? std::cmp_less(static_cast<std::uint64_t>(x), y)
                                   : std::cmp_less(x, static_cast<std::uint64_t>(y));
  const bool equal = x == y && x >= 0;
  switch (op) {
    case ir::Op::less: return less;
    case ir::Op::less_equal: return less || equal;
    case ir::Op::greater: return !less && !equal;
    case ir::Op::greater_equal: return !less;
    case ir::Op::equal: return equal;
    default: return !equal;
  }
}

Value fold(ir::Op op, const ir::OpTypes& types, const Operand* operands, int count) {
  if (compares_exactly(op, operands, types)) return exact_fold(op, operands[0], operands[1]);
  const CanonicalFloatingPoint canonical;
  Number16 in[3];
  for (int k = 0; k < count; ++k) in[k] = number_as(operands[k].value, operand_dtype(op, types, k), operands[k].where);
  Tracing* const tracing = Tracing::current();
  const bool precise = tracing && tracing->program().precise;
  return Access::make(types.result, evaluate(op, types.operand.dtype, types.result.dtype, in, precise));
}

}  // namespace

bool Tracing::compares_exactly(ir::Op op, const Type* in, const ir::OpTypes& types) {
  return ir::row(op).rule == ir::Rule::comparison && types.operand.dtype == f64 && in[0].dtype.is_integer() &&
         in[1].dtype.is_integer();
}

NodeId Tracing::exact_comparison(ir::Op op, NodeId a, NodeId b) {
  const bool unsigned_first = program_[a].type.dtype == u64;
  const Type truth{bool_}, wide{u64}, narrow{i64};
  const NodeId number = build_.convert(unsigned_first ? b : a, narrow);
  const NodeId negative = build_.node(ir::Op::less, truth, {number, build_.constant(i64, Number16{})});
  const NodeId same_sign = build_.convert(number, wide);
  const NodeId compared = build_.node(op, truth, {unsigned_first ? a : same_sign, unsigned_first ? same_sign : b});
  const bool less = op == ir::Op::less || op == ir::Op::less_equal;
  const bool greater = op == ir::Op::greater || op == ir::Op::greater_equal;
  const bool if_negative = op == ir::Op::not_equal || (unsigned_first ? greater : less);
  if (if_negative) return build_.node(ir::Op::logical_or, truth, {negative, compared});
  return build_.node(ir::Op::logical_and, truth, {build_.node(ir::Op::logical_not, truth, {negative}), compared});
}

Value Tracing::apply(ir::Op op, const Operand* operands, int count, std::string_view name) {
  const ir::OpTypes types = infer_types(op, operands, count, name);
  bool any_traced = false;
  for (int k = 0; k < count; ++k) any_traced |= Access::traced(operands[k].value);
  if (!any_traced) return fold(op, types, operands, count);
  NodeId in[3] = {none, none, none};
  const bool exactly = detail::compares_exactly(op, operands, types);
  for (int k = 0; k < count; ++k) {
    const DType dtype = exactly ? operands[k].value.dtype() : operand_dtype(op, types, k);
    in[k] = converted(operands[k].value, dtype, operands[k].where);
  }
  const std::uint32_t where = location(operands[0].where);
  count_operation(where, operands[0].where);
  build_.at(where);
  const NodeId node = exactly      ? exact_comparison(op, in[0], in[1])
                      : count == 1 ? build_.node(op, types.result, {in[0]})
                      : count == 2 ? build_.node(op, types.result, {in[0], in[1]})
                                   : build_.node(op, types.result, {in[0], in[1], in[2]});
  Value result = value_of(node);
  // The node may be shared with one of another strength; the strength of this use is the rule's.
  return Access::make_traced(types.result, Access::node(result), scopes_.back().id, id_);
}

Value apply(ir::Op op, const Operand* operands, int count, std::string_view name) {
  if (name.empty()) name = ir::row(op).spelling;
  if (Tracing* t = Tracing::checked()) return t->apply(op, operands, count, name);
  for (int k = 0; k < count; ++k)
    if (Access::traced(operands[k].value))
      throw UsageError(text("'", name, "' of a Value of a traced function (", operands[k].value.dtype(),
                            " scalar) after its trace has ended: return it instead"),
                       operands[k].where);
  return fold(op, infer_types(op, operands, count, name), operands, count);
}

// ---- Vars -----------------------------------------------------------------------------------------------------------

std::uint32_t Tracing::declare(const Value& start, const Location& where, const DType* fixed) {
  const std::size_t next = program_.variables.size();
  ir::Variable v;
  v.type = fixed ? Type{*fixed, Strength::strong} : next < assumed_.size() ? assumed_[next] : Access::type(start);
  v.fixed = fixed != nullptr;
  const std::uint32_t id = declare(v, where);
  if (!fixed) joined_[id] = Access::type(start);
  assign(id, start, where);
  return id;
}

// A variable of this scope that is not assigned yet.
std::uint32_t Tracing::declare(ir::Variable v, const Location& where) {
  v.block = scopes_.back().block;
  v.location = location(where);
  program_.variables.push_back(v);
  variable_scopes_.push_back(scopes_.back().id);
  joined_.push_back(v.type);
  fixed_.push_back(v.fixed);
  return static_cast<std::uint32_t>(program_.variables.size() - 1);
}

void Tracing::assign(std::uint32_t variable, const Value& x, const Location& where, std::string_view operation) {
  check_alive(variable, where);
  const Type type = program_.variables[variable].type;
  const Type own = Access::type(x);
  if (fixed_[variable]) check_assignable(type.dtype, own.dtype, operation, where);
  joined_[variable] = join(joined_[variable], own);
  const DType kept = fixed_[variable] ? type.dtype : joined_[variable].dtype;
  check_fits(x, kept, operation, [&] { return text("a Var, ", kept, " scalar,"); }, where);
  const NodeId value = given(variable, x, where);
  Statement& s = emit(Statement::Kind::assign, where);
  s.target = variable;
  s.value = value;
}

void Tracing::check_alive(std::uint32_t variable, const Location& where) const {
  for (const Scope& s : scopes_)
    if (s.id == variable_scopes_[variable]) return;
  throw UsageError(text("this Var (", program_.variables[variable].type.dtype,
                        " scalar) was declared inside a loop or branch that has ended; declare it before it"),
                   where);
}

Value Tracing::read(std::uint32_t variable, const Location& where) {
  check_alive(variable, where);
  ir::Node n;
  n.op = ir::Op::read_variable;
  n.type = program_.variables[variable].type;
  n.id = variable;
  n.location = location(where);
  const NodeId node = program_.append(n);
  emit(Statement::Kind::evaluate, where).value = node;
  return value_of(node);
}

void Tracing::update(std::uint32_t variable, ir::Op op, const Value& x, const Location& where) {
  check_alive(variable, where);
  const Type type = program_.variables[variable].type;
  const Operand both[2] = {Operand(Access::make(type, {}), where), Operand(x, where)};
  const std::string name = update_name(op);
  const ir::OpTypes types = infer_types(op, both, 2, name);
  const bool can_reduce = op == ir::Op::add || op == ir::Op::multiply || op == ir::Op::bit_and ||
                          op == ir::Op::bit_or || op == ir::Op::bit_xor || op == ir::Op::minimum ||
                          op == ir::Op::maximum;
  if (!can_reduce || types.result.dtype != type.dtype) {
    const Operand operands[2] = {Operand(read(variable, where), where), Operand(x, where)};
    return assign(variable, apply(op, operands, 2, name), where, name);
  }
  joined_[variable] = join(joined_[variable], types.result);
  const NodeId value = given(variable, x, where);
  Statement& s = emit(Statement::Kind::reduce, where);
  s.target = variable;
  s.op = op;
  s.value = value;
}

// ---- Calls ----------------------------------------------------------------------------------------------------------

void Tracing::run(Function& function, const Argument* arguments, int count, Results& sink, const Location& where) {
  for (int k = 0; k < count; ++k)
    if (arguments[k].kind == Argument::Kind::array && Access::state(*arguments[k].array) == Access::State::undefined)
      throw no_elements(text("argument ", k + 1), where);
  for (const Function* f : active_)
    if (f == &function)
      throw UsageError("a traced function calls itself: recursion cannot be traced; write a loop", where);
  // Put back also when the function is left by an exception.
  struct Restore {
    Tracing& tracing;
    Results* sink;
    ~Restore() {
      tracing.sink_ = sink;
      tracing.active_.pop_back();
    }
  };
  active_.push_back(&function);
  const Restore restore{*this, sink_};
  sink_ = &sink;
  bool broadcasts = false;
  if (function.broadcast)
    for (int k = 0; k < count; ++k) broadcasts |= arguments[k].kind == Argument::Kind::array;
  if (broadcasts)
    run_broadcast(function, arguments, count, where);
  else
    function.trace(*this, arguments);
}

void Tracing::add_result(const Array& a) {
  if (Access::state(a) == Access::State::undefined)
    throw UsageError("a traced function returns an Array that has no elements yet: assign an array to it first",
                     program_.locations[0]);
  symbol_of(a, program_.locations[0]);
  sink_->add(a);
}

void Tracing::add_result(const Value& v) {
  node_of(v, program_.locations[0]);
  sink_->add(v);
}

void Tracing::hand_over(Results& results, const Location& where) {
  for (int k = 0; k < results.count(); ++k) {
    ir::Result r;
    const Array& a = results.array(k);
    if (Access::traced(a)) {
      const Symbol& s = symbol_of(a, where);
      r.is_array = true;
      r.root = s.root;
      r.rank = static_cast<std::uint8_t>(s.rank);
      r.offset = build_.integer(0);
      for (int axis = 0; axis < s.rank; ++axis) {
        r.extents[axis] = s.extents[axis];
        r.strides[axis] = build_.integer(0);
      }
      for (int axis = 0; axis < program_.roots[s.root].rank; ++axis) {
        const NodeId stride = build_.stride(s.root, static_cast<std::uint32_t>(axis));
        const AxisMap& map = s.maps[axis];
        r.offset = build_.add(r.offset, build_.mul(map.base, stride));
        if (map.axis >= 0) r.strides[map.axis] = build_.add(r.strides[map.axis], build_.mul(map.step, stride));
      }
    } else {
      r.value = node_of(results.value(k), where);
    }
    program_.results.push_back(r);
  }
}

void trace_result(Tracing& tracing, const Array& a) { tracing.add_result(a); }
void trace_result(Tracing& tracing, const Value& v) { tracing.add_result(v); }

}  // namespace kiln::detail
