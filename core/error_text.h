// How error messages are put together: texts, numbers, dtypes and shapes, one after the other.
#pragma once

#include <kiln/dtype.h>
#include <kiln/location.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kiln {

inline void append_text(std::string& out, std::string_view x) { out += x; }
inline void append_text(std::string& out, DType x) { out += x.name(); }
template <std::integral T>
void append_text(std::string& out, T x) {
  out += std::to_string(x);
}
inline void append_text(std::string& out, double x) { out += std::to_string(x); }
/// Extents as (3, 4).
inline void append_text(std::string& out, std::span<const std::int64_t> extents) {
  out += '(';
  for (std::size_t k = 0; k < extents.size(); ++k) out += (k ? ", " : "") + std::to_string(extents[k]);
  out += extents.size() == 1 ? ",)" : ")";
}

/// A dtype, or a text that begins with one, behind its article: an f64, a u8.
inline std::string with_article(std::string_view x) {
  return (x.starts_with('f') || x.starts_with('i') ? "an " : "a ") + std::string(x);
}
inline std::string with_article(DType x) { return with_article(x.name()); }

/// text("cannot ", 3, " of ", dtype)
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (append_text(out, parts), ...);
  return out;
}

/// Throws the error again, with this line where it has none.
template <class E>
[[noreturn]] void throw_with_line(const E& e, const Location& where) {
  if (e.line() != 0) throw e;
  throw E(e.what(), where);
}

}  // namespace kiln
