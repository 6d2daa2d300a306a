// Reordering and merging the dimensions of a parallel loop nest.
#include "core/nest.h"

#include "core/rewrite.h"

#include <algorithm>
#include <utility>

namespace kiln::ir {

using Kind = Statement::Kind;

Nest::Nest(Builder& builder, Statement& statement)
    : builder_(builder), program_(builder.program()), statement_(statement) {
  collect(statement.body, 1);
}

void Nest::collect(BlockId block, int weight) {
  constexpr int inside_loop = 8;
  const auto& statements = program_.blocks[block].statements;
  for (std::size_t k = 0; k < statements.size(); ++k) {
    const Statement& s = statements[k];
    if (s.kind == Kind::evaluate && program_[s.value].op == Op::load) places_.push_back({s.value, none, 0, weight});
    if (s.kind == Kind::store || s.kind == Kind::update) places_.push_back({none, block, k, weight});
    if (s.kind == Kind::update && part_dtype(program_.roots[s.target].dtype).is_floating()) ordered_ = true;
    if (s.kind == Kind::reduce && s.loop == loop()) reduces_ = ordered_ = true;
    const bool loops = s.kind == Kind::loop || s.kind == Kind::while_;
    BlockId blocks[2];
    for (int b = 0, count = nested_blocks(s, blocks); b < count; ++b)
      collect(blocks[b], loops ? weight * inside_loop : weight);
  }
}

Access Nest::access(const Place& place) const {
  Access access;
  if (place.load != none) {
    const Node& node = program_[place.load];
    access.root = node.id;
    access.first_index = node.axis;
    access.count = node.count;
    access.flat = node.flat;
    access.checked = node.checked;
    access.read = true;
  } else {
    const Statement& s = program_.blocks[place.block].statements[place.statement];
    access.root = s.target;
    access.first_index = s.first_index;
    access.count = s.index_count;
    access.flat = s.flat;
    access.checked = s.checked;
    access.write = true;
  }
  return access;
}

bool Nest::is_index(NodeId id, std::uint32_t dimension) const {
  const Node& node = program_[id];
  return node.op == Op::index && node.id == loop() && node.axis == dimension;
}

// Whether a node is computed from a dimension's index. Loads count as what their indices are: those are asked
// separately.
bool Nest::depends(NodeId id, std::uint32_t dimension) const {
  if (is_index(id, dimension)) return true;
  const Node& node = program_[id];
  for (int k = 0, count = operand_count(node); k < count; ++k)
    if (depends(node.operands[k], dimension)) return true;
  return false;
}

Nest::Movement Nest::movement(const Access& access, std::uint32_t dimension) {
  Movement result;
  for (std::uint32_t axis = 0; axis < access.count; ++axis) {
    const Sum sum = builder_.sum(program_.indices[access.first_index + axis]);
    std::int64_t step = 0;
    bool known = true;
    for (const Sum::Term& term : sum.terms) {
      const bool is_own = term.factors.size() == 1 && is_index(term.factors[0], dimension);
      if (is_own) step += term.coefficient;
      for (NodeId factor : term.factors)
        known = known && (is_own || !(depends(factor, dimension) || !is_pure(program_[factor].op)));
    }
    if (known && step == 0) continue;
    if (!known || result.kind != Movement::Kind::none) return {Movement::Kind::unknown, 0, 0};
    result = {Movement::Kind::axis, axis, step};
  }
  return result;
}

void Nest::rename_reductions(BlockId block, LoopId from, LoopId to) {
  for (Statement& s : program_.blocks[block].statements) {
    if (s.kind == Kind::reduce && s.loop == from) s.loop = to;
    BlockId blocks[2];
    for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k) rename_reductions(blocks[k], from, to);
  }
}

// A loop with other dimensions in this one's place: `indices` are what the old dimensions' indices become (none: not
// used).
LoopId Nest::replace_loop(std::vector<LoopDimension> dimensions, const std::vector<NodeId>& indices) {
  const LoopId old = loop(), fresh = static_cast<LoopId>(program_.loops.size() - 1);
  program_.loops[fresh].dimensions = std::move(dimensions);
  Rewriter rewriter(builder_);
  for (std::uint32_t k = 0; k < indices.size(); ++k)
    if (indices[k] != none) rewriter.replace(builder_.index(old, k), indices[k]);
  rewriter.block(statement_.body);
  rewriter.rest();
  rename_reductions(statement_.body, old, fresh);
  statement_.target = fresh;
  return fresh;
}

void Nest::move_last(std::uint32_t dimension) {
  std::vector<LoopDimension> dimensions = program_.loops[loop()].dimensions;
  const LoopId fresh = static_cast<LoopId>(program_.loops.size());
  program_.loops.push_back(Loop(program_.loops[loop()]));
  std::rotate(dimensions.begin() + dimension, dimensions.begin() + dimension + 1, dimensions.end());
  std::vector<NodeId> indices;
  for (std::uint32_t k = 0; k < dimensions.size(); ++k) {
    const auto last = static_cast<std::uint32_t>(dimensions.size() - 1);
    indices.push_back(builder_.index(fresh, k == dimension ? last : k > dimension ? k - 1 : k));
  }
  replace_loop(std::move(dimensions), indices);
}

// Whether the index of a dimension is used by anything but the indices of accesses.
bool Nest::used_by_statements(BlockId block, std::uint32_t dimension) const {
  for (const Statement& s : program_.blocks[block].statements) {
    bool used = false;
    const auto use = [&](NodeId node) { used = used || depends(node, dimension); };
    if (s.kind == Kind::evaluate) {
      if (program_[s.value].op == Op::load && program_[s.value].operands[0] != none) use(program_[s.value].operands[0]);
    } else {
      Statement without_indices = s;
      without_indices.index_count = 0;
      for_each_mention(program_, without_indices, use);
    }
    if (used) return true;
    BlockId blocks[2];
    for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k)
      if (used_by_statements(blocks[k], dimension)) return true;
  }
  return false;
}

// Whether an access uses dimensions d and d + 1 in no way, or as the indices of two neighbouring axes, the second over
// its extent. One that is compared axis by axis keeps its axes.
bool Nest::merges_in(const Access& access, std::uint32_t dimension, const Equalities& equalities, bool& used) const {
  used = false;
  for (std::uint32_t axis = 0; axis < access.count; ++axis) {
    const NodeId index = program_.indices[access.first_index + axis];
    if (!depends(index, dimension) && !depends(index, dimension + 1)) continue;
    if (used || access.flat || access.checked != 0 || axis + 1 >= access.count || !is_index(index, dimension))
      return false;
    if (!is_index(program_.indices[access.first_index + axis + 1], dimension + 1)) return false;
    const NodeId end = program_.loops[loop()].dimensions[dimension + 1].end;
    if (!equalities.equal(builder_, builder_.extent(access.root, axis + 1), end)) return false;
    used = true;
    ++axis;
  }
  return true;
}

std::vector<bool> Nest::mergeable(const Equalities& equalities) {
  const auto is_plain = [&](std::uint32_t k) {
    const LoopDimension& d = program_.loops[loop()].dimensions[k];
    return builder_.constant_value(d.begin) == 0 && builder_.constant_value(d.step) == 1 &&
           !used_by_statements(statement_.body, k);
  };
  std::vector<bool> plain, result;
  for (std::uint32_t k = 0; k < rank(); ++k) plain.push_back(is_plain(k));
  for (std::uint32_t k = 0; k + 1 < rank(); ++k) {
    bool merges = plain[k] && plain[k + 1], used = false;
    for (const Place& place : places_) merges = merges && merges_in(access(place), k, equalities, used);
    result.push_back(merges);
  }
  return result;
}

std::vector<RootId> Nest::merged_roots(std::uint32_t dimension) {
  std::vector<RootId> roots;
  for (const Place& place : places_) {
    const Access a = access(place);
    for (std::uint32_t axis = 0; axis < a.count; ++axis)
      if (depends(program_.indices[a.first_index + axis], dimension)) {
        if (std::find(roots.begin(), roots.end(), a.root) == roots.end()) roots.push_back(a.root);
        break;
      }
  }
  return roots;
}

// One linear index in place of all: each axis' index times the C-contiguous stride; of merged axes only the last
// counts.
void Nest::flatten(const Place& place, const std::vector<std::uint32_t>& group, LoopId fresh) {
  const Access a = access(place);
  bool merged = false;
  NodeId linear = builder_.integer(0), stride = builder_.integer(1);
  std::uint32_t inner = none;  // the dimension that indexes the axis after this one
  for (std::uint32_t axis = a.count; axis-- > 0;) {
    NodeId index = program_.indices[a.first_index + axis];
    const Node node = program_[index];
    const std::uint32_t own = node.op == Op::index && node.id == loop() ? node.axis : none;
    const bool continues = own != none && own + 1 == inner && group[own] == group[inner];
    if (own != none) index = builder_.index(fresh, group[own]);
    merged |= continues;
    if (!continues) linear = builder_.add(linear, builder_.mul(index, stride));
    stride = builder_.mul(stride, builder_.extent(a.root, axis));
    inner = own;
  }
  if (!merged) return;
  const auto first = static_cast<std::uint32_t>(program_.indices.size());
  program_.indices.push_back(linear);
  if (place.load != none) {
    Node& load = program_[place.load];
    load.flat = true;
    load.axis = first;
    load.count = 1;
  } else {
    Statement& s = program_.blocks[place.block].statements[place.statement];
    s.flat = true;
    s.first_index = first;
    s.index_count = 1;
  }
}

void Nest::merge(const std::vector<bool>& with_next) {
  const LoopId fresh = static_cast<LoopId>(program_.loops.size());
  program_.loops.push_back(Loop(program_.loops[loop()]));
  const std::vector<LoopDimension> old = program_.loops[loop()].dimensions;
  std::vector<LoopDimension> dimensions;
  std::vector<std::uint32_t> group;
  for (std::size_t k = 0; k < old.size(); ++k) {
    if (k > 0 && with_next[k - 1]) {
      // A negative extent is an empty one: two of them must not make a full one.
      const NodeId outer = builder_.max(dimensions.back().end, builder_.integer(0));
      dimensions.back().end = builder_.mul(outer, builder_.max(old[k].end, builder_.integer(0)));
    } else {
      dimensions.push_back(old[k]);
    }
    group.push_back(static_cast<std::uint32_t>(dimensions.size() - 1));
  }
  for (const Place& place : places_) flatten(place, group, fresh);
  // Merged dimensions are mentioned nowhere any more; the others keep their indices under new numbers.
  std::vector<NodeId> indices;
  for (std::size_t k = 0; k < old.size(); ++k) {
    const bool merged = (k > 0 && with_next[k - 1]) || (k < with_next.size() && with_next[k]);
    indices.push_back(merged ? none : builder_.index(fresh, group[k]));
  }
  replace_loop(std::move(dimensions), indices);
}

}  // namespace kiln::ir
