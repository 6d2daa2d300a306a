// What is logged about compiles.
#include "core/compile_log.h"

#include "core/error_text.h"
#include "core/log.h"

#include <algorithm>

namespace kiln::detail {

namespace {

// So many specializations that differ in nothing but one constant are a loop over that constant.
constexpr int too_many = 16;

bool differ_at_most_in(const Signature& a, const Signature& b, int word) {
  if (a.count != b.count) return false;
  const auto equal = [&](int first, int last) { return std::equal(a.words + first, a.words + last, b.words + first); };
  return equal(0, word) && equal(word + 1, a.count);
}

// Values of a constant among the specializations that are alike otherwise; those that facts split count once.
int values_of_constant(const Variant& made, int word) {
  std::vector<std::uint64_t> values;
  for (const Variant* v = &made; v; v = v->next)
    if (differ_at_most_in(v->signature, made.signature, word)) values.push_back(v->signature.words[word]);
  std::sort(values.begin(), values.end());
  return static_cast<int>(std::unique(values.begin(), values.end()) - values.begin());
}

// Warns when the sixteenth is made, not again with the next.
void warn_of_constants(const Variant& made) {
  const Signature& s = made.signature;
  for (const Variant* v = made.next; v; v = v->next)
    if (v->signature == s) return;
  int constant = 0;
  for (int k = 0; k < s.count; ++k) {
    if (!s.is_constant(k)) continue;
    ++constant;
    if (values_of_constant(made, ++k) != too_many) continue;
    log(LogLevel::warn,
        text(made.traced.name, ": ", too_many, " specializations differ only in constant parameter ", constant,
             " (the newest: ", made.signature_text, "); each value is compiled anew: make it a Value"));
  }
}

}  // namespace

void log_compile(const Function& function, const Variant& made) noexcept try {
  // An operation outside jit has no line of its own; that its operations are constants is not the user's doing.
  const bool is_users = function.where.line() != 0;
  if (is_logged(LogLevel::debug))
    log(LogLevel::debug,
        text("compiled ", is_users ? made.traced.name : "an array operation", " for (", made.signature_text,
             "): ", made.reason, "; traced in ", made.trace_ms, " ms, passes ", made.passes_ms, " ms, ",
             !made.executable             ? text("interpreted")
             : made.executable->from_disk ? text("loaded from disk in ", made.executable->codegen_ms, " ms")
                                          : text("code in ", made.executable->codegen_ms, " ms")));
  if (is_users && is_logged(LogLevel::warn)) warn_of_constants(made);
} catch (...) {  // out of memory: not logged
}

}  // namespace kiln::detail
