// A kernel that lives in a header: an inline constexpr object in every file that includes it.
#pragma once

#include <kiln/kiln.h>

inline constexpr auto scaled = kiln::jit([](kiln::Array a, kiln::Value s) { return s * a; });

/// The same kernel, called from another file.
kiln::Array scaled_elsewhere(const kiln::Array& a, double s);
