// What the tests of the dispatcher share: arrays with known contents, and the specializations a function has.
#pragma once

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kiln::test {

template <class T>
std::vector<T> elements(const Array& a) {
  const Array c = a.copy();
  const auto span = c.read<T>();
  return {span.begin(), span.end()};
}

/// The reasons of all specializations, one to a line.
inline std::string reasons(const Specializations& all) {
  std::string out;
  for (int k = 0; k < all.size(); ++k) out += std::string(all[k].reason.c_str()) + "\n";
  return out;
}

inline std::string reason(const Specializations& all, int k) { return all[k].reason.c_str(); }
inline std::string signature(const Specializations& all, int k) { return all[k].signature.c_str(); }

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_COMPILES(f, count) \
  EXPECT_EQ((f).specializations().size(), count) << ::kiln::test::reasons((f).specializations())

}  // namespace kiln::test
