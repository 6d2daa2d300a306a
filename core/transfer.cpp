// Copies between the host and devices: who may make them, how many there were, what a call says of its own.
#include "core/transfer.h"

#include "core/access.h"
#include "core/array_errors.h"
#include "core/backend.h"
#include "core/config.h"
#include "core/device.h"
#include "core/error_text.h"
#include "core/last_call.h"
#include "core/stream.h"

#include <kiln/error.h>
#include <kiln/transfer.h>

#include <atomic>

namespace kiln {

namespace {

std::atomic<std::uint64_t> copies_to_device, bytes_to_device, copies_to_host, bytes_to_host;

enum class Strict : std::uint8_t { as_program, no, yes };
constinit thread_local Strict thread_is_strict = Strict::as_program;

bool strict() { return thread_is_strict == Strict::as_program ? config().strict : thread_is_strict == Strict::yes; }

}  // namespace

StrictScope::StrictScope(bool strict) : before_(kiln::strict()) {
  thread_is_strict = strict ? Strict::yes : Strict::no;
}
StrictScope::~StrictScope() {
  thread_is_strict = before_ == config().strict ? Strict::as_program : before_ ? Strict::yes : Strict::no;
}

TransferInfo transfer_info() { return {copies_to_device, bytes_to_device, copies_to_host, bytes_to_host}; }

void reset_transfer_info() {
  for (auto* each : {&copies_to_device, &bytes_to_device, &copies_to_host, &bytes_to_host}) *each = 0;
}

namespace detail {

void begin_view(Storage* storage, bool writes) noexcept {
  storage->retain();
  storage->begin_view(writes);
}
void end_view(Storage* storage, bool writes) noexcept {
  storage->end_view(writes);
  storage->release();
}

void count_transfer(bool to_device, std::uint64_t bytes) noexcept {
  ++(to_device ? copies_to_device : copies_to_host);
  (to_device ? bytes_to_device : bytes_to_host) += bytes;
  CallTransfers& call = last_call_state.transfers;
  if (call.argument < 0) return;
  const int before = call.to_device + call.to_host;
  if (before < CallTransfers::most_told) call.told[before] = {to_device, call.argument, bytes};
  ++(to_device ? call.to_device : call.to_host);
  (to_device ? call.bytes_to_device : call.bytes_to_host) += bytes;
}

namespace {

// What is copied meanwhile is the call's, for this argument.
class ForArgument {
 public:
  explicit ForArgument(int argument) { last_call_state.transfers.argument = argument; }
  ~ForArgument() { last_call_state.transfers.argument = -1; }
  ForArgument(const ForArgument&) = delete;
};

std::string named(const Array& a, int argument) {
  return argument < 0 ? described(a) : text("argument ", argument + 1, " (", described(a), ")");
}

[[noreturn]] void refuse_copy(const Array& a, int argument, const char* from, const char* to, const char* way_out,
                              const Location& where) {
  throw UsageError(
      text(named(a, argument), " is newest on ", from, " and would be copied to ", to, ", ",
           Access::storage(a)->bytes(), " bytes, which is forbidden here (StrictScope, KILN_STRICT): ", way_out),
      where);
}

void refuse_write_away_from_home(const Storage& storage, const std::string& name, const char* device,
                                 const Location& where) {
  throw UsageError(text(name, " is memory of ", storage.newest()->name(),
                        " that other code sees, too, and would be "
                        "written on ",
                        device, ": copy() it first"),
                   where);
}

void make_valid_on_host(const Array& a, int argument, Storage::Use use, const Location& where) {
  Storage& storage = *Access::storage(a);
  if (storage.at_home_on_device() && use != Storage::Use::read)
    refuse_write_away_from_home(storage, named(a, argument), "the host", where);
  if (strict() && storage.copies_to_host(use))
    refuse_copy(a, argument, storage.newest()->name(), "the host", "prefetch(…, cpu()) before", where);
  const ForArgument counted(argument);
  try {
    storage.use_on_host(use);
  } catch (const RuntimeError& e) {
    throw RuntimeError(e.what(), where);
  }
}

}  // namespace

void make_valid_on_host(const Array& a, Storage::Use use, const Location& where) {
  make_valid_on_host(a, -1, use, where);
}
void make_element_valid_on_host(Storage& storage, DType dtype, const Location& where) {
  if (storage.at_home_on_device())
    refuse_write_away_from_home(storage, text("a ", dtype, " scalar"), "the host", where);
  storage.use_on_host(Storage::Use::write);
}
void make_argument_valid_on_host(const Array& a, int argument, Storage::Use use, const Location& where) {
  make_valid_on_host(a, argument, use, where);
}

std::uint64_t make_argument_valid_on_device(const Array& a, int argument, DeviceMemory& device, DeviceStream& stream,
                                            Storage::Use use, const Location& where) {
  Storage& storage = *Access::storage(a);
  const bool writes = use != Storage::Use::read;
  if (writes ? storage.is_viewed() : storage.is_written_through_view())
    throw UsageError(text(named(a, argument), " is ", writes ? "written" : "read", " on ", device.name(),
                          " while a view of it that ", writes ? "read() or write()" : "write()",
                          " gave is in scope: end that scope before the call"),
                     where);
  if (writes && storage.at_home_on_other(device))
    refuse_write_away_from_home(storage, named(a, argument), device.name(), where);
  if (strict() && storage.copies_to_device(device, use)) {
    const DeviceMemory* const newest = storage.newest();
    refuse_copy(a, argument, newest ? newest->name() : "the host", device.name(),
                storage.at_home_on_host() ? "it borrows memory of the host's; copy() it, and prefetch() the copy"
                                          : "prefetch() it before",
                where);
  }
  const ForArgument counted(argument);
  return storage.use_on_device(device, stream, use);
}

void copy_argument_home(const Array& a, int argument, DeviceMemory& device) {
  Storage& storage = *Access::storage(a);
  if (!storage.at_home_on_host()) return;
  const ForArgument counted(argument);
  storage.copy_home(device);
}

}  // namespace detail

void prefetch(const ArrayOperand& a, Device device) {
  using detail::Access;
  if (!Access::concrete(a.array))
    throw UsageError(Access::traced(a.array)
                         ? text("prefetch of ", detail::described(a.array),
                                " inside a traced function, which runs on one device: prefetch its arguments before")
                         : std::string("prefetch of an array that is none yet"),
                     a.where);
  DeviceMemory* const memory = detail::backend_of(device.said() ? device : default_device(), a.where).memory();
  const StrictScope allowed(false);
  if (!memory)
    Access::storage(a.array)->use_on_host(detail::Storage::Use::read);
  else
    detail::make_argument_valid_on_device(a.array, -1, *memory, detail::current_stream_of(*memory),
                                          detail::Storage::Use::read, a.where);
}

}  // namespace kiln
