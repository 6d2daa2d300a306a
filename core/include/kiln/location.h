// Where in the user's program something is written: what every operation and every error carries.
#pragma once

namespace kiln {

/// A file and a line, taken where a default argument `Location where = Location::current()` is used.
/// Not std::source_location, which is a pointer to an object of the compiler's: g++ 12 puts that of an inline constexpr
/// kernel in the kernel's COMDAT group and refers to it from outside, so that two files that include it do not link.
class Location {
 public:
  constexpr Location() = default;
  static constexpr Location current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  constexpr const char* file_name() const { return file_; }
  /// 0 when it is not known.
  constexpr unsigned line() const { return line_; }

 private:
  constexpr Location(const char* file, unsigned line) : file_(file), line_(line) {}

  const char* file_ = "";
  unsigned line_ = 0;
};

}  // namespace kiln
