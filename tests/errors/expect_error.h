// The checker of the error tests: an error must have its type, the line of the user's code, and every part of its
// message.
#pragma once

#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <functional>
#include <string>
#include <typeinfo>
#include <vector>

namespace kiln::tests {

/// What a message must say.
struct Message {
  std::string operation;           // what was attempted
  std::vector<std::string> names;  // the dtypes, shapes, numbers and names concerned
  std::string way_out;             // what to write instead
};

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
  ASSERT_FALSE(message.operation.empty() || message.way_out.empty()) << "a test demands the operation and a way out";
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
    std::vector<std::string> parts = message.names;
    parts.push_back(message.operation);
    parts.push_back(message.way_out);
    for (const std::string& part : parts) {
      EXPECT_NE(what.find(part, line.size()), std::string::npos) << "'" << part << "' is missing in: " << what;
    }
    return;
  } catch (const std::exception& e) {
    FAIL() << "an exception that is not Kiln's: " << typeid(e).name() << ": " << e.what();
  }
  FAIL() << "accepted";
}

}  // namespace kiln::tests
