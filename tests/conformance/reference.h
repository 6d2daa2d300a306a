// The committed values of NumPy, by file and name.
#pragma once

#include <kiln/array.h>

#include <string>
#include <vector>

namespace kiln::conformance {

/// A tensor of tests/reference/values/<file>.bin as a new array; a test failure and an exception if there is none.
Array reference(const std::string& file, const std::string& name);
/// The names of all values of a file, in order of the alphabet.
std::vector<std::string> names_in(const std::string& file);
bool has_reference(const std::string& file, const std::string& name);

}  // namespace kiln::conformance
