// Makes a failing recipe smaller: drops statements, puts operands in the place of expressions, makes extents and
// layouts plain.
#include "tests/fuzz/shrink.h"

#include <chrono>
#include <optional>

namespace kiln::fuzz {

namespace {

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& child : node.children) count += count_nodes(child);
  return count;
}

Node* find(Node& node, std::size_t& number) {
  if (number == 0) return &node;
  --number;
  for (Node& child : node.children)
    if (Node* found = find(child, number)) return found;
  return nullptr;
}

bool same_sort(const Node& a, const Node& b) {
  return is_statement(a.kind) ? is_statement(b.kind) : is_scalar(a.kind) ? is_scalar(b.kind) : is_array(b.kind);
}

class Shrinker {
 public:
  Shrinker(Recipe recipe, const std::function<bool(const Recipe&)>& fails, double seconds)
      : best_(std::move(recipe)),
        fails_(fails),
        end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}

  Recipe run() {
    for (bool smaller = true; smaller && !over();) {
      smaller = false;
      smaller |= drop_statements();
      smaller |= replace_nodes();
      smaller |= shrink_extents();
      smaller |= plain_inputs();
      smaller |= plain_numbers();
    }
    return best_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool over() const { return Clock::now() > end_; }

  bool accept(const Recipe& candidate) {
    if (over() || !fails_(candidate)) return false;
    best_ = candidate;
    return true;
  }

  // A change to one node of the tree; false where it does not apply.
  template <class Change>
  bool at_node(std::size_t number, Change&& change) {
    Recipe candidate = best_;
    Node* node = find(candidate.body, number);
    return node && change(*node) && accept(candidate);
  }

  bool drop_statements() {
    bool any = false;
    for (std::size_t k = 0; k < count_nodes(best_.body) && !over(); ++k) {
      std::size_t length = 0;
      {
        std::size_t number = k;
        const Node* node = find(best_.body, number);
        if (node->kind != Kind::block) continue;
        length = node->children.size();
      }
      // From the end, in halves and then one by one.
      for (std::size_t part = std::max<std::size_t>(length / 2, 1); part > 0; part /= 2)
        for (std::size_t at = length; at >= part && !over(); at -= std::min(part, at)) {
          const bool dropped = at_node(k, [&](Node& block) {
            if (block.children.size() < at) return false;
            block.children.erase(block.children.begin() + static_cast<std::ptrdiff_t>(at - part),
                                 block.children.begin() + static_cast<std::ptrdiff_t>(at));
            return true;
          });
          any |= dropped;
          if (at == part) break;
        }
    }
    return any;
  }

  bool replace_nodes() {
    bool any = false;
    for (std::size_t k = 1; k < count_nodes(best_.body) && !over(); ++k) {
      // By a child of the same sort: an operand, or a body.
      for (std::size_t child = 0; child < 3; ++child)
        any |= at_node(k, [&](Node& node) {
          if (child >= node.children.size() || !same_sort(node, node.children[child])) return false;
          Node taken = node.children[child];
          node = std::move(taken);
          return true;
        });
      // By a leaf.
      any |= at_node(k, [&](Node& node) {
        if (is_statement(node.kind)) return false;
        const Kind leaf = is_scalar(node.kind) ? Kind::literal_int : Kind::array;
        if (node.kind == leaf) return false;
        node = Node{leaf, {1, 0, 0, 0}, {}};
        return true;
      });
      any |= at_node(k, [&](Node& node) {
        if (!is_scalar(node.kind) || node.kind == Kind::load || node.kind == Kind::literal_int) return false;
        const std::uint32_t n = node.n[0];
        node = Node{Kind::load, {n, 1, 1, 1}, {}};
        return true;
      });
      // Without its last child: an else, an operand.
      any |= at_node(k, [&](Node& node) {
        if (node.children.size() < 2 ||
            (node.kind != Kind::branch && node.kind != Kind::apply && node.kind != Kind::map))
          return false;
        if (node.kind == Kind::branch && node.children.size() < 3) return false;
        node.children.pop_back();
        return true;
      });
    }
    return any;
  }

  bool shrink_extents() {
    bool any = false;
    for (int c = 0; c < 3; ++c)
      for (int set = 0; set < data_sets; ++set)
        for (int how = 0; how < 4 && !over(); ++how) {
          Recipe candidate = best_;
          std::int64_t& extent = candidate.extents[set][c];
          if (extent <= (set == 0 ? 1 : 0)) break;
          extent = how == 0 ? 1 : how == 1 ? extent / 2 : how == 2 ? extent * 3 / 4 : extent - 1;
          if (extent == best_.extents[set][c]) continue;
          if (accept(candidate)) any = true, how = -1;
        }
    return any;
  }

  bool plain_inputs() {
    bool any = false;
    for (std::size_t k = best_.inputs.size(); k-- > 0 && !over();) {
      if (k + 1 == best_.inputs.size() && k > 0) {
        Recipe candidate = best_;
        candidate.inputs.pop_back();
        if (accept(candidate)) {
          any = true;
          continue;
        }
      }
      const auto change = [&](auto&& f) {
        Recipe candidate = best_;
        if (f(candidate.inputs[k])) any |= accept(candidate);
      };
      change([](Input& x) { return x.shares >= 0 && (x.shares = -1, x.shift = 0, true); });
      change([](Input& x) { return x.broadcast && (x.broadcast = false, true); });
      change([](Input& x) { return x.spice > 0 && (x.spice = 0, true); });
      for (std::size_t axis = 0; axis < best_.inputs[k].classes.size(); ++axis) {
        change([&](Input& x) { return x.steps[axis] != 1 && (x.steps[axis] = 1, true); });
        change([&](Input& x) { return x.pads[axis] != 0 && (x.pads[axis] = 0, true); });
        change([&](Input& x) { return x.classes[axis] != 3 && x.classes[axis] != 0 && (x.classes[axis] = 0, true); });
      }
      change([](Input& x) {
        bool moved = false;
        for (std::size_t axis = 0; axis < x.order.size(); ++axis) {
          moved |= x.order[axis] != static_cast<int>(axis);
          x.order[axis] = static_cast<int>(axis);
        }
        return moved;
      });
    }
    while (!best_.scalars.empty() && !over()) {
      Recipe candidate = best_;
      candidate.scalars.pop_back();
      if (!accept(candidate)) break;
      any = true;
    }
    return any;
  }

  bool plain_numbers() {
    bool any = false;
    for (std::size_t k = 0; k < count_nodes(best_.body) && !over(); ++k)
      for (int n = 0; n < 4; ++n)
        for (const std::uint32_t plain : {0u, 1u})
          any |= at_node(k, [&](Node& node) { return node.n[n] > 1 && (node.n[n] = plain, true); });
    return any;
  }

  Recipe best_;
  const std::function<bool(const Recipe&)>& fails_;
  Clock::time_point end_;
};

}  // namespace

Recipe shrink(Recipe recipe, const std::function<bool(const Recipe&)>& fails, double seconds) {
  return Shrinker(std::move(recipe), fails, seconds).run();
}

}  // namespace kiln::fuzz
