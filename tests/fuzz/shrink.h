// Makes a failing recipe smaller while it still fails.
#pragma once

#include "tests/fuzz/recipe.h"

#include <functional>

namespace kiln::fuzz {

/// `fails` says whether a recipe fails as the first one did; it is asked until nothing smaller fails or `seconds` are
/// over.
Recipe shrink(Recipe recipe, const std::function<bool(const Recipe&)>& fails, double seconds);

}  // namespace kiln::fuzz
