// A parallel loop nest as schedule sees it: its accesses, and how they change when its dimensions are reordered or
// merged.
#pragma once

#include "core/effects.h"
#include "core/equalities.h"

#include <vector>

namespace kiln::ir {

/// Where a load, store or update of a nest's body stands.
struct Place {
  NodeId load = none;    // a load
  BlockId block = none;  // else a statement
  std::size_t statement = 0;
  int weight = 1;  // more inside sequential loops
  bool writes() const { return load == none; }
};

class Nest {
 public:
  /// `statement` is the loop's; it changes with the nest.
  Nest(Builder& builder, Statement& statement);

  LoopId loop() const { return statement_.target; }
  std::size_t rank() const { return program_.loops[statement_.target].dimensions.size(); }
  const std::vector<Place>& places() const { return places_; }
  Access access(const Place& place) const;

  /// How an access moves when the index of a dimension grows by 1: not at all, along one axis by `step`, or in an
  /// unknown way.
  struct Movement {
    enum class Kind : std::uint8_t { none, axis, unknown };
    Kind kind = Kind::none;
    std::uint32_t axis = 0;
    std::int64_t step = 0;
  };
  Movement movement(const Access& access, std::uint32_t dimension);

  bool reduces() const { return reduces_; }
  /// Whether the order of iterations shows in the result: reductions over the nest, updates of floats.
  bool is_ordered() const { return ordered_; }

  /// Moves a dimension to the end.
  void move_last(std::uint32_t dimension);

  /// For each dimension but the last: whether it merges with the next one as far as the accesses' indices go.
  std::vector<bool> mergeable(const Equalities& equalities);
  /// The roots that must be contiguous for dimensions `dimension` and the next to merge.
  std::vector<RootId> merged_roots(std::uint32_t dimension);
  /// Merges each marked dimension with the next; accesses that use merged dimensions become flat.
  void merge(const std::vector<bool>& with_next);

 private:
  void collect(BlockId block, int weight);
  bool is_index(NodeId id, std::uint32_t dimension) const;
  bool depends(NodeId id, std::uint32_t dimension) const;
  bool used_by_statements(BlockId block, std::uint32_t dimension) const;
  bool merges_in(const Access& access, std::uint32_t dimension, const Equalities& equalities, bool& used) const;
  void flatten(const Place& place, const std::vector<std::uint32_t>& group, LoopId fresh);
  LoopId replace_loop(std::vector<LoopDimension> dimensions, const std::vector<NodeId>& indices);
  void rename_reductions(BlockId block, LoopId from, LoopId to);

  Builder& builder_;
  Program& program_;
  Statement& statement_;
  std::vector<Place> places_;
  bool reduces_ = false, ordered_ = false;
};

}  // namespace kiln::ir
