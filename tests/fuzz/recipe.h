// A random program of the language as a tree, and the arrays and numbers it is called with; all a seed stands for.
#pragma once

#include <kiln/dtype.h>

#include <cstdint>
#include <random>
#include <vector>

namespace kiln::fuzz {

/// What a node of the tree says. References to arrays, Vars and Values are numbers taken modulo what is in scope where
/// the node is carried out, so that a tree stays a program whatever is cut out of it.
enum class Kind : std::uint8_t {
  // Statements.
  block,
  declare_variable,
  name_value,
  assign_variable,
  update_variable,
  store_element,
  update_element,
  store_view,
  update_view,
  name_array,
  range_loop,
  prange_loop,
  while_loop,
  branch,
  leave,
  atomic_update,
  ticket_loop,
  stencil_loop,
  product_loop,
  swap_arrays,
  // Scalars.
  literal_int,
  literal_real,
  literal_float,
  constant,
  value,
  variable,
  extent,
  load,
  guarded_load,
  apply,
  cast,
  reduce,
  branch_value,
  // Arrays.
  array,
  view,
  map,
  made,
  reduce_axes,
  reshaped,
  cast_array,
  scanned,
};

inline bool is_statement(Kind kind) { return kind <= Kind::swap_arrays; }
inline bool is_scalar(Kind kind) { return kind >= Kind::literal_int && kind <= Kind::branch_value; }
inline bool is_array(Kind kind) { return kind >= Kind::array; }

struct Node {
  Kind kind = Kind::block;
  std::uint32_t n[4] = {};
  std::vector<Node> children;
};

/// The extents that arrays are made of: n, m and k, which differ from data set to data set, and 1.
inline constexpr int extent_classes = 4;
inline constexpr int data_sets = 3;

/// An array argument: a view of a buffer, with steps, gaps and an order of axes.
struct Input {
  DType dtype;
  std::vector<int> classes;  // of the extents
  std::vector<int> order;    // axes from slowest to fastest in memory
  std::vector<int> steps;    // by axis, not 0; negative ones run backwards
  std::vector<int> pads;     // by axis: elements of the buffer before and after
  bool broadcast = false;    // every axis but the last repeats one element: read-only
  int shares = -1;           // the argument whose buffer this one views too
  int shift = 0;             // by so many elements along the first axis
  int spice = 0;             // 0: tame numbers, 1: random ones, 2: special ones among them
  std::uint32_t seed = 0;
};

/// A scalar argument.
struct Scalar {
  bool weak = true;
  DType dtype;
  double real = 0;
  std::int64_t integer = 0;
};

struct Recipe {
  std::uint64_t seed = 0;
  Node body;
  std::vector<Input> inputs;
  std::vector<Scalar> scalars;
  std::int64_t extents[data_sets][extent_classes] = {};
  double most_elements = 30'000;  // of an array that is made
  bool strays = false;            // some indices may lie outside their array
  bool functions = true;          // exp, sin and their like, of which each device has its own
};

Recipe generate(std::uint64_t seed, bool for_gpu = false);

}  // namespace kiln::fuzz
