// The arrays and numbers a recipe is called with, over memory that shows every byte a call changes.
#pragma once

#include "tests/fuzz/recipe.h"

#include <kiln/kiln.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace kiln::fuzz {

class Inputs {
 public:
  /// `set`: which of the recipe's extents.
  Inputs(const Recipe& recipe, int set);

  const std::vector<Array>& arrays() const { return arrays_; }
  const std::vector<Value>& scalars() const { return scalars_; }
  /// Puts all numbers back to what they were.
  void reset();

  /// All memory of the arguments, the margins around it included.
  struct Memory {
    DType dtype;
    std::vector<std::byte> bytes;
  };
  const std::vector<std::unique_ptr<Memory>>& memory() const { return buffers_; }
  /// C++ that makes the same arguments, named a0, a1, … and s0, s1, …
  std::string text() const;

 private:
  void add(const Recipe& recipe, std::size_t number, const std::int64_t* extents);

  std::vector<std::unique_ptr<Memory>> buffers_;
  std::vector<std::vector<std::byte>> fresh_;
  std::vector<int> buffer_of_;  // by input
  std::vector<std::vector<std::int64_t>> buffer_extents_;
  std::vector<Array> bases_;  // the buffers as arrays: those that share one are views of one array
  std::vector<Array> arrays_;
  std::vector<Value> scalars_;
  std::vector<std::string> views_, numbers_;
};

}  // namespace kiln::fuzz
