// The checker of the error tests: an error must have its type, the line of the user's code, and every part of its
// message.
#pragma once

#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <string>
#include <typeinfo>
#include <vector>

namespace kiln::tests {

using Names = std::vector<std::string>;

/// What a message must say: all five parts, the user's line being the first.
struct Message {
  std::string operation;  // what was attempted
  Names dtypes;           // of the operands, as f64
  Names shapes;           // of the operands: (2, 3), or rank 2 of an array that is traced, or scalar
  std::string way_out;    // what to write instead
  Names others = {};      // numbers and names that the message must mention too
};

/// For misuse that concerns no array or value: files, memory, control flow.
inline const Names no_dtypes{""}, no_shapes{""};

/// Whether a message names the dtype; the cast that its way out may show, f64(x), does not count.
inline bool names_dtype(const std::string& message, const std::string& dtype) {
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = message.find(dtype); at != std::string::npos; at = message.find(dtype, at + 1)) {
    const std::size_t end = at + dtype.size();
    if (at > 0 && is_letter(message[at - 1])) continue;
    if (end == message.size() || (!is_letter(message[end]) && message[end] != '(')) return true;
  }
  return false;
}

/// A test must demand every part of the message.
inline void expect_complete(const Message& message) {
  EXPECT_FALSE(message.operation.empty()) << "a test demands the operation";
  EXPECT_FALSE(message.dtypes.empty()) << "a test demands dtypes, or says no_dtypes";
  EXPECT_FALSE(message.shapes.empty()) << "a test demands shapes, or says no_shapes";
  EXPECT_FALSE(message.way_out.empty()) << "a test demands a way out";
  for (const std::string& shape : message.shapes) {
    const bool is_shape = shape.starts_with("(") || shape.starts_with("rank ") || shape == "scalar";
    EXPECT_TRUE(is_shape || message.shapes == no_shapes) << "'" << shape << "' is no shape";
  }
}

/// The file and line that next_line_is_wrong() announced last.
struct Announced {
  std::string file;
  unsigned line = 0;
};
inline Announced announced;

/// The line after this call is the one that an error must name. Works in traced functions, which capture nothing.
inline void next_line_is_wrong(Location here = Location::current()) { announced = {here.file_name(), here.line() + 1}; }

/// The error that `action` raises is exactly an E, names the announced line and contains every part of the message.
template <class E>
void expect_error(const Message& message, const std::function<void()>& action, Location test = Location::current()) {
  const testing::ScopedTrace trace(test.file_name(), static_cast<int>(test.line()), "expect_error");
  expect_complete(message);
  announced = {};
  try {
    action();
  } catch (const Error& e) {
    const std::string what = e.what();
    EXPECT_STREQ(typeid(e).name(), typeid(E).name()) << what;
    EXPECT_EQ(announced.file, e.file()) << what;
    EXPECT_EQ(announced.line, e.line()) << what;
    const std::string line = announced.file + ":" + std::to_string(announced.line) + ": ";
    EXPECT_EQ(what.substr(0, line.size()), line);
    EXPECT_EQ(what.find('\n'), std::string::npos) << "a message is one line: " << what;
    const std::string text = what.substr(std::min(line.size(), what.size()));
    Names parts{message.operation, message.way_out};
    parts.insert(parts.end(), message.shapes.begin(), message.shapes.end());
    parts.insert(parts.end(), message.others.begin(), message.others.end());
    for (const std::string& part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is missing in: " << what;
    }
    for (const std::string& dtype : message.dtypes) {
      EXPECT_TRUE(dtype.empty() || names_dtype(text, dtype)) << "dtype '" << dtype << "' is missing in: " << what;
    }
    return;
  } catch (const std::exception& e) {
    FAIL() << "an exception that is not Kiln's: " << typeid(e).name() << ": " << e.what();
  }
  FAIL() << "accepted";
}

}  // namespace kiln::tests
