// Random recipes: the grammar and its weights.
#include "tests/fuzz/recipe.h"

#include <algorithm>
#include <initializer_list>

namespace kiln::fuzz {

namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15u + 1) {}

  Recipe recipe(std::uint64_t seed) {
    Recipe recipe;
    recipe.seed = seed;
    is_large_ = chance(10);
    if (is_large_) recipe.most_elements = 120'000;
    sizes(recipe);
    const int inputs = 1 + pick(4);
    favourite_ = any_dtype();
    for (int k = 0; k < inputs; ++k) recipe.inputs.push_back(input(recipe, k));
    for (auto& set : recipe.extents) limit(recipe, set);
    const int scalars = pick(3);
    for (int k = 0; k < scalars; ++k) recipe.scalars.push_back(scalar());
    style_ = pick(4);
    recipe.body = is_large_ ? large() : block(2 + pick(7), 3);
    return recipe;
  }

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<std::uint64_t>(count)); }
  bool chance(int percent) { return pick(100) < percent; }
  std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }

  // One of the kinds, with these weights.
  Kind weighted(std::initializer_list<std::pair<Kind, int>> list) {
    int total = 0;
    for (const auto& [kind, weight] : list) total += weight;
    int at = pick(total);
    for (const auto& [kind, weight] : list)
      if ((at -= weight) < 0) return kind;
    return list.begin()->first;
  }

  void sizes(Recipe& recipe) {
    constexpr std::int64_t usual[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 40};
    constexpr std::int64_t large[] = {64, 65, 100, 255, 257, 700, 2048, 2049, 4500};
    for (auto& set : recipe.extents) {
      for (int k = 0; k < 3; ++k) set[k] = usual[pick(static_cast<int>(std::size(usual)))];
      if (chance(30)) set[pick(3)] = large[pick(static_cast<int>(std::size(large)))];
      set[3] = 1;
    }
    // Two large extents: columns and rows in several blocks and vectors.
    if (is_large_) {
      constexpr std::int64_t some[] = {65, 127, 129, 255, 257, 511, 700, 1023, 2049, 2500};
      const int longer = pick(3);
      recipe.extents[0][longer] = some[pick(static_cast<int>(std::size(some)))] + pick(3);
      recipe.extents[0][(longer + 1 + pick(2)) % 3] = 1 + pick(140);
    }
    // The first set seldom is empty: most of a program would do nothing.
    for (int k = 0; k < 3; ++k)
      if (recipe.extents[0][k] < 2 && chance(80)) recipe.extents[0][k] = 3 + pick(40);
  }

  // No argument has more elements than can be looked at in a moment.
  void limit(const Recipe& recipe, std::int64_t* extents) {
    for (const Input& input : recipe.inputs)
      for (;;) {
        double elements = 1;
        int largest = input.classes[0];
        for (int c : input.classes) {
          elements *= static_cast<double>(extents[c]);
          if (extents[c] > extents[largest]) largest = c;
        }
        if (elements <= (is_large_ ? 60'000 : 10'000)) break;
        extents[largest] = extents[largest] / 2 + 1;
      }
  }

  DType any_dtype() {
    constexpr DType all[] = {bool_, i8,  i16, i32, i64, u8,  u16,  u32, u64, f32,
                             f64,   f32, f64, i32, i64, c64, c128, f16, bf16};
    return all[pick(static_cast<int>(std::size(all)))];
  }

  Input input(const Recipe& recipe, int number) {
    Input x;
    x.dtype = chance(50) ? favourite_ : any_dtype();
    const int rank = chance(5) ? 3 : chance(50) ? 2 : 1;
    for (int k = 0; k < rank; ++k) x.classes.push_back(chance(6) ? 3 : chance(60) ? (k + 3 - rank) % 3 : pick(3));
    for (int k = 0; k < rank; ++k) x.order.push_back(k);
    x.steps.assign(static_cast<std::size_t>(rank), 1);
    x.pads.assign(static_cast<std::size_t>(rank), 0);
    const bool plain = chance(50);
    if (!plain) {
      if (chance(40)) std::shuffle(x.order.begin(), x.order.end(), random_);
      for (int k = 0; k < rank; ++k) {
        constexpr int steps[] = {1, 1, 1, 2, 3, -1, -1, -2};
        x.steps[static_cast<std::size_t>(k)] = steps[pick(8)];
        x.pads[static_cast<std::size_t>(k)] = chance(50) ? 0 : 1 + pick(3);
      }
      x.broadcast = rank > 1 && chance(8);
    }
    x.spice = pick(3);
    x.seed = word();
    if (number > 0 && chance(15)) {
      const int other = pick(number);
      const Input& shared = recipe.inputs[static_cast<std::size_t>(other)];
      if (shared.shares < 0 && !shared.broadcast) {
        x = shared;
        x.shares = other;
        x.shift = pick(3);
      }
    }
    return x;
  }

  Scalar scalar() {
    Scalar s;
    s.weak = chance(60);
    s.dtype = s.weak ? (chance(50) ? i64 : f64) : any_dtype();
    s.integer = s.dtype.is_bool() ? pick(2) : pick(20);
    s.real = pick(64) / 8.0 - 3;
    return s;
  }

  Node node(Kind kind, std::vector<Node> children = {}) {
    Node x;
    x.kind = kind;
    for (std::uint32_t& n : x.n) n = word();
    x.children = std::move(children);
    return x;
  }

  Node block(int length, int depth) {
    Node x = node(Kind::block);
    for (int k = 0; k < length; ++k) x.children.push_back(statement(depth));
    return x;
  }

  // Few statements: reductions along axes and scans of expressions, and loops over the elements.
  Node large() {
    Node x = node(Kind::block);
    for (int k = 1 + pick(3); k > 0; --k) {
      const Kind kind = weighted({{Kind::name_array, 10}, {Kind::stencil_loop, 1}, {Kind::product_loop, 2}});
      if (kind != Kind::name_array)
        x.children.push_back(node(kind, {scalar_node(2)}));
      else
        x.children.push_back(node(kind, {node(chance(85) ? Kind::reduce_axes : Kind::scanned, {array_node(2)})}));
    }
    if (chance(50)) x.children.push_back(statement(2));
    return x;
  }

  Node statement(int depth) {
    // At the top mostly loops and arrays, inside mostly what they do.
    const int loops = (style_ == 0 ? 3 : 9) * (depth == 3 ? 2 : 1), arrays = style_ == 3 ? 3 : 9;
    Kind kind = weighted({{Kind::declare_variable, 7},
                          {Kind::name_value, 5},
                          {Kind::assign_variable, 6},
                          {Kind::update_variable, 10},
                          {Kind::store_element, 9},
                          {Kind::update_element, 7},
                          {Kind::store_view, arrays},
                          {Kind::update_view, arrays / 2},
                          {Kind::name_array, arrays},
                          {Kind::range_loop, loops},
                          {Kind::prange_loop, loops},
                          {Kind::while_loop, loops / 3},
                          {Kind::branch, 6},
                          {Kind::leave, 3},
                          {Kind::atomic_update, 3},
                          {Kind::ticket_loop, depth == 3 ? 3 : 1},
                          {Kind::stencil_loop, depth == 3 ? 4 : 1},
                          {Kind::product_loop, depth == 3 ? 4 : 1},
                          {Kind::swap_arrays, 2}});
    const bool compound =
        kind == Kind::range_loop || kind == Kind::prange_loop || kind == Kind::while_loop || kind == Kind::branch;
    if (compound && depth == 0) kind = Kind::update_variable;
    switch (kind) {
      case Kind::store_view:
      case Kind::update_view: return node(kind, {chance(25) ? scalar_node(2) : array_node(2)});
      case Kind::name_array: return node(kind, {array_node(2)});
      case Kind::range_loop: {
        Node loop = node(kind, {scalar_node(1), block(1 + pick(3), depth - 1)});
        return loop;
      }
      case Kind::prange_loop: return node(kind, {block(1 + pick(3), depth - 1)});
      case Kind::while_loop: return node(kind, {scalar_node(2), block(1 + pick(3), depth - 1)});
      case Kind::branch: {
        Node x = node(kind, {condition(2), block(1 + pick(3), depth - 1)});
        if (chance(40)) x.children.push_back(block(1 + pick(2), depth - 1));
        return x;
      }
      case Kind::leave: return node(kind, {condition(2)});
      case Kind::atomic_update: return node(kind, {scalar_node(2), scalar_node(1)});
      case Kind::ticket_loop: return node(kind, {scalar_node(2), scalar_node(1), condition(1)});
      case Kind::swap_arrays: return node(kind);
      default: return node(kind, {scalar_node(3)});
    }
  }

  Node condition(int depth) {
    return chance(80) ? node(Kind::apply, {scalar_node(depth - 1), scalar_node(depth - 1)}) : scalar_node(depth);
  }

  Node leaf() {
    return node(weighted({{Kind::literal_int, 3},
                          {Kind::literal_real, 2},
                          {Kind::literal_float, 1},
                          {Kind::constant, 2},
                          {Kind::value, 9},
                          {Kind::variable, 6},
                          {Kind::extent, 1},
                          {Kind::load, 10}}));
  }

  Node scalar_node(int depth) {
    if (depth <= 0) return leaf();
    const Kind kind = weighted({{Kind::load, 20},
                                {Kind::value, 10},
                                {Kind::variable, 8},
                                {Kind::literal_int, 4},
                                {Kind::guarded_load, 6},
                                {Kind::apply, 45},
                                {Kind::cast, 8},
                                {Kind::reduce, 2},
                                {Kind::branch_value, 3}});
    switch (kind) {
      case Kind::guarded_load:
      case Kind::cast: return node(kind, {scalar_node(depth - 1)});
      case Kind::apply: {
        Node x = node(kind, {scalar_node(depth - 1)});
        if (chance(75)) x.children.push_back(scalar_node(depth - 1));
        if (x.children.size() == 2 && chance(12)) x.children.push_back(scalar_node(depth - 1));
        return x;
      }
      case Kind::reduce: return node(kind, {array_node(1)});
      case Kind::branch_value: return node(kind, {condition(1), scalar_node(depth - 1), scalar_node(depth - 1)});
      default: return node(kind);
    }
  }

  Node array_node(int depth) {
    if (depth <= 0) return node(chance(85) ? Kind::array : Kind::made, {});
    const Kind kind = weighted({{Kind::array, 10},
                                {Kind::view, 14},
                                {Kind::map, 36},
                                {Kind::made, 4},
                                {Kind::reduce_axes, 9},
                                {Kind::reshaped, 4},
                                {Kind::cast_array, 5},
                                {Kind::scanned, 3}});
    switch (kind) {
      case Kind::array:
      case Kind::made: return node(kind);
      case Kind::map: {
        Node x = node(kind, {array_node(depth - 1)});
        if (chance(75)) x.children.push_back(chance(30) ? scalar_node(1) : array_node(depth - 1));
        if (x.children.size() == 2 && chance(12))
          x.children.push_back(chance(40) ? scalar_node(1) : array_node(depth - 1));
        return x;
      }
      default: return node(kind, {array_node(depth - 1)});
    }
  }

  std::mt19937_64 random_;
  DType favourite_;
  int style_ = 0;
  bool is_large_ = false;
};

}  // namespace

Recipe generate(std::uint64_t seed, bool for_gpu) {
  Recipe recipe = Generator(seed).recipe(seed);
  recipe.functions = !for_gpu;
  recipe.strays = for_gpu && seed % 8 == 5;
  return recipe;
}

}  // namespace kiln::fuzz
