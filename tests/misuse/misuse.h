// One misuse per file: a user's few wrong lines, and everything that the error must say about them.
#pragma once

#include "tests/errors/expect_error.h"

#include <string>
#include <string_view>
#include <typeinfo>

// As in a user's file.
using namespace kiln;
using namespace kiln::tests;

namespace kiln::tests {

/// Said of a misuse that has no dtypes or no shapes that an error could name.
inline constexpr struct Nothing {
} nothing;

/// Dtypes or shapes that a message must name. Cannot be left out: it has no default.
class Named {
 public:
  Named(Nothing) {}
  template <class... More>
  Named(const char* first, const More&... more) : parts_{first, more...} {}
  const Names& parts() const { return parts_; }

 private:
  Names parts_;
};

struct Misuse {
  const std::type_info& kind;
  std::string operation;  // what was attempted, as the user wrote it
  Named dtypes;           // f64, i32, …
  Named shapes;           // (2, 3), or scalar
  std::string way_out;    // what to do instead: how the message ends
  std::string message;    // all of it, behind the line
};

/// The error `e` is exactly this one, at the line that next_line_is_wrong() announced.
inline void expect_misuse(const Misuse& misuse, const Error& e) {
  EXPECT_STREQ(typeid(e).name(), misuse.kind.name());
  EXPECT_EQ(e.line(), announced.line);
  EXPECT_EQ(e.file(), announced.file);
  const std::string line = announced.file + ":" + std::to_string(announced.line) + ": ";
  EXPECT_EQ(e.what(), line + misuse.message);
  const std::string& message = misuse.message;
  EXPECT_FALSE(misuse.operation.empty());
  EXPECT_NE(message.find(misuse.operation), std::string::npos) << "operation " << misuse.operation;
  for (const std::string& dtype : misuse.dtypes.parts()) EXPECT_TRUE(names_dtype(message, dtype)) << "dtype " << dtype;
  for (const std::string& shape : misuse.shapes.parts()) {
    EXPECT_TRUE(shape.starts_with("(") || shape == "scalar" || shape.starts_with("rank ")) << shape << " is no shape";
    EXPECT_NE(message.find(shape), std::string::npos) << "shape " << shape;
  }
  EXPECT_FALSE(misuse.way_out.empty());
  EXPECT_TRUE(message.ends_with(misuse.way_out)) << "way out " << misuse.way_out;
}

/// The lines raise the error; `how` they run.
template <class Lines>
void expect_error(const Misuse& misuse, const char* how, const Lines& lines) {
  const testing::ScopedTrace trace(__FILE__, __LINE__, how);
  try {
    lines();
  } catch (const Error& e) {
    return expect_misuse(misuse, e);
  }
  ADD_FAILURE() << "accepted";
}

/// In plain code.
template <class Program, class... A>
void expect_eager(const Misuse& misuse, const Program& program, const A&... arguments) {
  announced = {};
  expect_error(misuse, "eager", [&] { (void)program(arguments...); });
}

/// In a traced function: compiled, with and without checked indices, once more when that is there, and interpreted.
template <class Program, class... A>
void expect_traced(const Misuse& misuse, const Program& program, const A&... arguments) {
  announced = {};
  const auto f = jit(program);
  const auto checked = f.with({.bounds_check = true});
  expect_error(misuse, "compiled", [&] { (void)f(arguments...); });
  expect_error(misuse, "compiled again", [&] { (void)f(arguments...); });
  expect_error(misuse, "with checked indices", [&] { (void)checked(arguments...); });
  expect_error(misuse, "interpreted", [&] { (void)f.with({.interpret = true})(arguments...); });
}

/// Where indices are checked as they come: compiled so, on several threads too, and interpreted.
template <class Program, class... A>
void expect_checked(const Misuse& misuse, const Program& program, const A&... arguments) {
  announced = {};
  const auto f = jit(program);
  const auto checked = f.with({.bounds_check = true});
  const auto on_threads = f.with({.bounds_check = true, .threads = 3, .force_threads = true});
  expect_error(misuse, "with checked indices", [&] { (void)checked(arguments...); });
  expect_error(misuse, "on three threads", [&] { (void)on_threads(arguments...); });
  expect_error(misuse, "interpreted", [&] { (void)f.with({.interpret = true})(arguments...); });
}

/// Everywhere, word for word.
template <class Program, class... A>
void expect_everywhere(const Misuse& misuse, const Program& program, const A&... arguments) {
  expect_eager(misuse, program, arguments...);
  expect_traced(misuse, program, arguments...);
}

/// Whether a file has this name.
constexpr bool is_file(std::string_view path, std::string_view name) {
  return path.ends_with(".cpp") && path.substr(0, path.size() - 4).ends_with(name) &&
         path[path.size() - 5 - name.size()] == '/';
}

}  // namespace kiln::tests

/// The test of a file, named as the file is.
#define MISUSE(name)                                    \
  static_assert(kiln::tests::is_file(__FILE__, #name)); \
  TEST(Misuse, name)
