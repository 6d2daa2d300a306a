// What Kiln did: specializations and why they exist, the last call, and the runtime's settings.
#pragma once

#include <kiln/export.h>
#include <kiln/location.h>

#include <cstdint>
#include <iosfwd>

namespace kiln {

/// Text owned by the library's heap; prints and converts to const char*.
class KILN_API Text {
 public:
  explicit Text(const char* text);
  Text(const Text& other);
  Text& operator=(const Text& other);
  ~Text();
  const char* c_str() const { return text_; }

 private:
  char* text_;
};
KILN_API std::ostream& operator<<(std::ostream& out, const Text& text);

/// One compiled form of a function.
struct Specialization {
  Text signature;  // dtypes, ranks, constants
  Text reason;     // why it was compiled: "first call", a new signature, or the fact that differed
  double trace_ms, passes_ms, codegen_ms;
  bool from_disk;  // the machine code came from the disk cache
};

class KILN_API Specializations {
 public:
  Specializations();
  Specializations(const Specializations& other);
  Specializations& operator=(const Specializations&) = delete;
  ~Specializations();
  int size() const { return count_; }
  const Specialization& operator[](int index) const;
  void add(const Specialization& s);

 private:
  int count_ = 0;
  Specialization** list_ = nullptr;
};

/// Frees what was compiled of every function, of the eager operations too, as far as no call is running it: code in a
/// running call is freed by a later release. The next call of a function compiles again, or loads its code from the
/// disk cache. Any thread may release while others call.
KILN_API void release_specializations();

/// What the last call of this thread did.
struct LastCall {
  const char* device;  // "cpu"
  int threads;         // that took part in its widest loop
  const char* threads_reason;
  int vector_bits;
  bool compiled;                         // false: an existing specialization was found
  const char* lookup;                    // "found", or why it was compiled; valid until this thread compiles again
  int copies_to_device, copies_to_host;  // that made its arguments valid where it ran
  std::uint64_t bytes_to_device, bytes_to_host;
  const char* copies;  // which: "argument 1 to cuda:0 (8000 bytes)"; valid until this thread asks again
};
KILN_API LastCall last_call();

/// Threads of the CPU, the caller's included. set_num_threads also works while other threads run kernels.
KILN_API int num_threads();
KILN_API void set_num_threads(int threads, Location where = Location::current());

struct MemoryInfo {
  std::uint64_t bytes_in_use, high_water_mark;
};
KILN_API MemoryInfo memory_info();
KILN_API void reset_high_water_mark();

namespace detail {
struct Function;
KILN_API Specializations specializations(Function& function);
KILN_API Text inspect(Function& function, const char* what, const Location& where);
KILN_API void release_specializations(Function& function);
}  // namespace detail

}  // namespace kiln
