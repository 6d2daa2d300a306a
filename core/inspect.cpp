// What Kiln did, for its users: specializations, generated code, the last call, memory.
#include <kiln/inspect.h>

#include "core/access.h"
#include "core/dispatch.h"
#include "core/error_text.h"
#include "core/forks.h"
#include "core/in_flight.h"
#include "core/last_call.h"
#include "core/parallelise.h"
#include "core/results.h"

#include <kiln/error.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <ostream>
#include <string>

namespace kiln {

// ---- Text -----------------------------------------------------------------------------------------------------------

Text::Text(const char* text) : text_(strdup(text)) {
  if (!text_) throw std::bad_alloc();
}
Text::Text(const Text& other) : Text(other.text_) {}
Text& Text::operator=(const Text& other) {
  if (this != &other) {
    Text copy(other);
    std::swap(text_, copy.text_);
  }
  return *this;
}
Text::~Text() { std::free(text_); }

std::ostream& operator<<(std::ostream& out, const Text& text) { return out << text.c_str(); }

// ---- Specializations ------------------------------------------------------------------------------------------------

Specializations::Specializations() = default;
Specializations::Specializations(const Specializations& other) {
  for (int k = 0; k < other.count_; ++k) add(other[k]);
}
Specializations::~Specializations() {
  for (int k = 0; k < count_; ++k) delete list_[k];
  delete[] list_;
}
const Specialization& Specializations::operator[](int index) const {
  if (index < 0 || index >= count_)
    throw IndexError(text("specializations()[", index, "]: there are ", count_, "; test size() first"));
  return *list_[index];
}
void Specializations::add(const Specialization& s) {
  auto** longer = new Specialization*[static_cast<std::size_t>(count_) + 1];
  if (count_) std::memcpy(longer, list_, static_cast<std::size_t>(count_) * sizeof *list_);
  longer[count_] = new Specialization(s);
  delete[] list_;
  list_ = longer;
  ++count_;
}

namespace detail {

Specializations specializations(Function& function) {
  const InFlight in_flight;
  std::vector<const Variant*> oldest_first;
  for (const Variant* v = state_of(function).variants.load(); v; v = v->next)
    oldest_first.insert(oldest_first.begin(), v);
  Specializations list;
  for (const Variant* v : oldest_first)
    list.add({Text(v->signature_text.c_str()), Text(v->reason.c_str()), v->trace_ms, v->passes_ms,
              v->executable ? v->executable->codegen_ms : 0, v->executable && v->executable->from_disk});
  return list;
}

Text inspect(Function& function, const char* what, const Location& where) {
  const InFlight in_flight;
  const Variant* v = state_of(function).variants.load();
  if (!v) throw UsageError("inspect: nothing has been compiled yet; call the function first", where);
  const auto is = [&](const char* form) { return std::strcmp(what, form) == 0; };
  if (is("program")) {
    ir::Program traced = v->traced;  // the question adds nodes to it
    return Text(ir::print(v->traced, ir::sequential_loops(traced)).c_str());
  }
  const bool on_gpu = v->memory != nullptr;
  const bool known = on_gpu ? is("cuda") || is("ptx") || is("sass") || is("resources") : is("llvm") || is("asm");
  if (!is("scheduled") && !known)
    throw UsageError(text("inspect(\"", what, "\"): give \"program\", \"scheduled\", ",
                          on_gpu ? "\"cuda\", \"ptx\", \"sass\" or \"resources\"" : "\"llvm\" or \"asm\""),
                     where);
  if (!v->executable)
    throw UsageError(text("inspect(\"", what,
                          "\"): the newest specialization is interpreted and has a \"program\" only; make a "
                          "compiled call first"),
                     where);
  if (is("scheduled")) return Text(ir::print(v->scheduled).c_str());
  const HoldsOffForks holds_off_forks;
  return Text(v->backend->inspect(v->scheduled, v->options, what).c_str());
}

constinit thread_local LastCallState last_call_state;

// ---- Results --------------------------------------------------------------------------------------------------------

Results::Results() {
  static_assert(sizeof(Slot) <= sizeof inline_ / inline_results);
  slots_ = reinterpret_cast<Slot*>(inline_);
}
Results::~Results() {
  for (int k = 0; k < count_; ++k) slots_[k].~Slot();
  if (slots_ != reinterpret_cast<Slot*>(inline_)) ::operator delete(slots_);
}
void Results::reserve() {
  // Doubling from the inline ones on.
  const bool full = count_ >= inline_results && (count_ & (count_ - 1)) == 0;
  if (!full) return;
  auto* longer = static_cast<Slot*>(::operator new(sizeof(Slot) * static_cast<std::size_t>(count_) * 2));
  for (int k = 0; k < count_; ++k) {
    new (longer + k) Slot(static_cast<Slot&&>(slots_[k]));
    slots_[k].~Slot();
  }
  if (slots_ != reinterpret_cast<Slot*>(inline_)) ::operator delete(slots_);
  slots_ = longer;
}
void Results::add(const Array& a) {
  reserve();
  new (slots_ + count_++) Slot(Array(a));
}
void Results::add_concrete(Storage* storage, DType dtype, int rank, std::byte* data, const std::int64_t* extents,
                           const std::int64_t* strides, bool read_only) {
  reserve();
  new (slots_ + count_++) Slot(Access::make_array(storage, dtype, rank, data, extents, strides, read_only));
}
void Results::add(const Value& v) {
  reserve();
  new (slots_ + count_++) Slot(v);
}
Array& Results::array(int index) { return slots_[index].array; }
Value Results::value(int index) const { return slots_[index].value; }

}  // namespace detail

// ---- The last call --------------------------------------------------------------------------------------------------

namespace {

const char* describe_copies(const detail::LastCallState& s) {
  thread_local std::string out;
  out.clear();
  const detail::CallTransfers& t = s.transfers;
  for (int k = 0; k < std::min(t.to_device + t.to_host, detail::CallTransfers::most_told); ++k) {
    const auto& copy = t.told[k];
    out += text(k ? "; " : "", "argument ", copy.argument + 1, " to ", copy.to_device ? s.device : "the host", " (",
                copy.bytes, " bytes)");
  }
  const int more = t.to_device + t.to_host - detail::CallTransfers::most_told;
  if (more > 0) out += text("; and ", more, " more");
  return out.c_str();
}

}  // namespace

LastCall last_call() {
  const detail::LastCallState& s = detail::last_call_state;
  const detail::CallTransfers& t = s.transfers;
  return {s.device,        s.report.threads,  s.report.reason,
          s.vector_bits,   s.compiled,        s.compiled ? s.lookup : "found",
          t.to_device,     t.to_host,         t.bytes_to_device,
          t.bytes_to_host, describe_copies(s)};
}

}  // namespace kiln
