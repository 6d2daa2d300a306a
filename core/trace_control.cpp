// Tracing: loops, branches and what leaves them.
#include "core/access.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <new>

namespace kiln {

namespace detail {

using ir::BlockId;
using ir::NodeId;
using ir::none;
using ir::Statement;

void Tracing::open_loop(bool parallel, const Dimension* dimensions, int count, Value* indices, const Location& where) {
  ir::Loop loop;
  loop.parallel = parallel;
  loop.location = location(where);
  for (int k = 0; k < count; ++k) {
    ir::LoopDimension d;
    d.begin = integer_of(dimensions[k].begin, "the begin of a range", where);
    d.end = integer_of(dimensions[k].end, "the extent or end of a range", where);
    d.step = integer_of(dimensions[k].step, "the step of a range", where);
    const auto step = build_.constant_value(d.step);
    if (step == 0) throw UsageError("range with a step of 0 never ends: the step must be other than 0", where);
    if (!step)
      guard(build_.logical_not(build_.equal(d.step, build_.integer(0))),
            {ir::Message::Kind::usage,
             "range with a step of 0 never ends: the step must be other than 0",
             {},
             loop.location});
    loop.dimensions.push_back(d);
  }
  const auto id = static_cast<ir::LoopId>(program_.loops.size());
  program_.loops.push_back(std::move(loop));
  const BlockId body = program_.new_block();
  Statement& s = emit(Statement::Kind::loop, where);
  s.target = id;
  s.body = body;
  open_scope(parallel ? Scope::Kind::parallel : Scope::Kind::sequential, body, id, where);
  for (int k = 0; k < count; ++k) new (indices + k) Value(value_of(build_.index(id, static_cast<std::uint32_t>(k))));
}

void Tracing::close_loop() {
  const Scope::Kind kind = scopes_.back().kind;
  if (kind != Scope::Kind::parallel && kind != Scope::Kind::sequential)
    throw InternalError("a loop is closed inside another scope", scopes_.back().where);
  scopes_.pop_back();
}

namespace {

void check_condition(const Operand& condition, const char* operation) {
  const DType dtype = Access::type(condition.value).dtype;
  if (dtype != bool_)
    throw DTypeError(text(operation, " of ", dtype, " scalar: its condition must be bool; compare it, as in x != 0"),
                     condition.where);
}

}  // namespace

void Tracing::open_while(const Location& where) {
  const BlockId condition = program_.new_block(), body = program_.new_block();
  Statement& s = emit(Statement::Kind::while_, where);
  s.body = condition;
  s.otherwise = body;
  open_scope(Scope::Kind::condition, condition, none, where);
}

void Tracing::while_condition(const Operand& condition) {
  check_condition(condition, "while_");
  const NodeId node = node_of(condition.value, condition.where);
  const BlockId condition_block = scopes_.back().block;
  scopes_.pop_back();
  Statement& s = block().statements.back();
  if (s.kind != Statement::Kind::while_ || s.body != condition_block)
    throw InternalError("while_ lost its statement", condition.where);
  s.condition = node;
  open_scope(Scope::Kind::loop_body, s.otherwise, none, condition.where);
}

void Tracing::close_while() { scopes_.pop_back(); }

void Tracing::open_branch(const Operand& condition, const char* what) {
  check_condition(condition, what);
  const NodeId node = node_of(condition.value, condition.where);
  const BlockId body = program_.new_block();
  Statement& s = emit(Statement::Kind::branch, condition.where);
  s.condition = node;
  s.body = body;
  open_scope(Scope::Kind::branch, body, none, condition.where);
}

void Tracing::open_otherwise() {
  const Location where = scopes_.back().where;
  scopes_.pop_back();
  const BlockId otherwise = program_.new_block();
  block().statements.back().otherwise = otherwise;
  open_scope(Scope::Kind::branch, otherwise, none, where);
}

void Tracing::close_branch() { scopes_.pop_back(); }

std::uint32_t Tracing::branch_result(const Operand& value) {
  // Declared before the branch, so that both sides assign it.
  const Scope branch = scopes_.back();
  scopes_.pop_back();
  Statement statement = block().statements.back();
  block().statements.pop_back();
  const Value start = Access::make({bool_, Strength::strong}, {});
  const std::uint32_t variable = declare(start, value.where, nullptr);
  joined_[variable] = Access::type(value.value);
  if (variable >= assumed_.size()) program_.variables[variable].type = joined_[variable];
  const DType dtype = program_.variables[variable].type.dtype;
  block().statements.back().value = build_.convert(build_.boolean(false), {dtype, Strength::strong});
  block().statements.push_back(statement);
  scopes_.push_back(branch);
  assign(variable, value.value, value.where);
  return variable;
}

void Tracing::leave(Statement::Kind kind, const Location& where) {
  const bool is_break = kind == Statement::Kind::break_;
  for (std::size_t k = scopes_.size(); k-- > 0;) {
    const Scope& s = scopes_[k];
    if (s.kind == Scope::Kind::condition) break;
    if (s.kind == Scope::Kind::parallel && is_break)
      throw UsageError(
          "break_ inside prange: its iterations run at the same time, none is the last; use range, or continue_ to "
          "skip "
          "one iteration",
          where);
    if (s.kind == Scope::Kind::sequential || s.kind == Scope::Kind::parallel || s.kind == Scope::Kind::loop_body) {
      if (is_break && s.kind == Scope::Kind::sequential) program_.loops[s.loop].has_break = true;
      emit(kind, where);
      return;
    }
  }
  throw UsageError(
      text(is_break ? "break_" : "continue_", " stands outside every traced loop: it belongs inside range or while_"),
      where);
}

void Tracing::guard(NodeId condition, ir::Message message) {
  if (build_.folds() && build_.constant_value(condition) == 1) return;
  Statement s;
  s.kind = Statement::Kind::guard;
  s.condition = condition;
  s.location = message.location;
  s.message = static_cast<std::uint32_t>(program_.messages.size());
  program_.messages.push_back(std::move(message));
  block().statements.push_back(s);
}

// ---- What control.h calls -------------------------------------------------------------------------------------------

void open_loop(bool parallel, const Dimension* dimensions, int count, Value* indices, const Location& where) {
  Tracing::required(parallel ? "prange" : "range", where).open_loop(parallel, dimensions, count, indices, where);
}

void close_loop() {
  if (Tracing* t = Tracing::checked()) t->close_loop();
}

void abandon_loop(const Location& where) noexcept {
  if (Tracing* t = Tracing::current())
    t->poison(
        "this traced loop was left with a C++ break, return or goto, which happens once, while tracing; write "
        "break_(), "
        "break_if(c), or assign a Var",
        where);
}

void open_while(const Location& where) { Tracing::required("while_", where).open_while(where); }
void while_condition(const Operand& c) { Tracing::required("while_", c.where).while_condition(c); }
void close_while() {
  if (Tracing* t = Tracing::checked()) t->close_while();
}
void open_branch(const Operand& c) { Tracing::required("if_", c.where).open_branch(c); }
void open_otherwise() {
  if (Tracing* t = Tracing::checked()) t->open_otherwise();
}
void close_branch() {
  if (Tracing* t = Tracing::checked()) t->close_branch();
}
std::uint32_t branch_result(const Operand& value) { return Tracing::required("if_", value.where).branch_result(value); }
void assign_branch_result(std::uint32_t variable, const Operand& value) {
  Tracing::required("if_", value.where).assign(variable, value.value, value.where);
}
Value read_branch_result(std::uint32_t variable, const Location& where) {
  return Tracing::required("if_", where).read(variable, where);
}

}  // namespace detail

void break_(Location where) { detail::Tracing::required("break_", where).leave(ir::Statement::Kind::break_, where); }
void continue_(Location where) {
  detail::Tracing::required("continue_", where).leave(ir::Statement::Kind::continue_, where);
}
void break_if(const Operand& condition) {
  detail::Tracing& t = detail::Tracing::required("break_if", condition.where);
  t.open_branch(condition, "break_if");
  t.leave(ir::Statement::Kind::break_, condition.where);
  t.close_branch();
}
void continue_if(const Operand& condition) {
  detail::Tracing& t = detail::Tracing::required("continue_if", condition.where);
  t.open_branch(condition, "continue_if");
  t.leave(ir::Statement::Kind::continue_, condition.where);
  t.close_branch();
}

}  // namespace kiln
