// The exceptions Kiln throws: usage errors (the caller's line), environment errors, and our own bugs.
#pragma once

#include <kiln/export.h>
#include <kiln/location.h>

#include <exception>
#include <string_view>

namespace kiln {

/// Base of everything Kiln throws. what() is the whole message, with the user's "file:line: " in front where one is
/// known.
class KILN_API Error : public std::exception {
 public:
  explicit Error(std::string_view message);
  Error(std::string_view message, Location where);
  Error(const Error& other) noexcept;
  Error& operator=(const Error& other) noexcept;
  ~Error() override;

  const char* what() const noexcept override;
  /// Line of the user's code that is at fault, 0 when there is none.
  unsigned line() const noexcept { return line_; }
  /// File of the user's code that is at fault, empty when there is none.
  const char* file() const noexcept { return file_; }

 private:
  const char* text_;  // reference counted, so that copying an exception cannot throw
  const char* file_ = "";
  unsigned line_ = 0;
};

#define KILN_ERROR_CLASS(name, base)      \
  class KILN_API name : public base {     \
   public:                                \
    using base::base;                     \
    name(const name&) noexcept = default; \
    ~name() override;                     \
  }

/// The program uses Kiln wrongly: the message says which line, what is allowed, and what to write instead.
KILN_ERROR_CLASS(UsageError, Error);
KILN_ERROR_CLASS(ShapeError, UsageError);
KILN_ERROR_CLASS(DTypeError, UsageError);
KILN_ERROR_CLASS(IndexError, UsageError);
/// A function cannot be compiled although it is used correctly.
KILN_ERROR_CLASS(CompileError, Error);
/// The environment fails: memory, files, a missing device.
KILN_ERROR_CLASS(RuntimeError, Error);
/// A bug in Kiln.
KILN_ERROR_CLASS(InternalError, Error);

#undef KILN_ERROR_CLASS

}  // namespace kiln
