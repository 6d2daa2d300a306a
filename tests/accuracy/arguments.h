// The arguments that functions are measured at: hashed over all magnitudes, and every one next to special points.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace kiln::accuracy {

template <class T>
struct Arguments {
  std::vector<T> x, y;  // y: of functions of two arguments, else empty
};

/// Block `block` of the arguments of a function; `size` of them, the same in every run.
template <class T>
Arguments<T> hashed_arguments(std::string_view name, int arity, std::uint64_t block, std::size_t size);
/// All numbers up to 300 places away from where functions change their ways: zeros, ends of ranges, halves, multiples
/// of pi/2.
template <class T>
Arguments<T> special_arguments(int arity);
/// Block `block` of all 2^32 numbers of f32.
Arguments<float> every_argument(std::uint64_t block, std::size_t size);

}  // namespace kiln::accuracy
