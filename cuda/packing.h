// Which elements a thread that does several neighbouring iterations of a loop loads and stores at once.
#pragma once

#include "core/ir.h"

#include <vector>

namespace kiln::on_cuda {

/// `items` neighbouring iterations along a loop's last dimension, done by one thread. Of an access in `loads` and
/// `stores` their elements are neighbours in memory: one access of up to 16 bytes has them all.
struct Packing {
  int items = 1;
  int vectors = 1;  // packs of each access in flight
  int cost = 0;     // of an item, as of the table of operations
  std::vector<ir::NodeId> loads;
  std::vector<const ir::Statement*> stores;
  /// One item at a time.
  void give_up() {
    items = vectors = 1;
    loads.clear();
    stores.clear();
  }
  bool any() const { return !loads.empty() || !stores.empty(); }
};

/// Whether a loop's body is statements one after the other, of which none can fail or is atomic.
bool is_straight(const ir::Program& program, const ir::Statement& loop);

/// Without packs where they would not help: the body is not straight, computes much for each element, or reads or
/// writes elements that lie apart.
Packing packing_of(const ir::Program& program, const ir::Statement& loop);

/// The same of the items of a loop around it, which does every turn of `loop` for all of them.
Packing packing_of(const ir::Program& program, const ir::Statement& loop, const ir::Statement& around);

/// The same of a loop whose turns one thread does one after the other, whatever else they load.
Packing packing_of_turns(const ir::Program& program, const ir::Statement& loop);

/// Whether a pack's elements are as far from those of the next iteration of a loop around it as these from the next.
bool packs_step(const ir::Program& program, const ir::Statement& loop, const ir::Statement& around,
                const Packing& packing);

/// The loop inside another one, where all else there is statements one after the other, of which none before the loop
/// stores; null where it is not so.
const ir::Statement* only_loop_of(const ir::Program& program, const ir::Statement& outer);

/// Whether the elements along an axis of a root are known to be neighbours in memory.
bool has_unit_stride(const ir::Program& program, ir::RootId root, std::uint32_t axis);

}  // namespace kiln::on_cuda
