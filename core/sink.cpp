// For each temporary: the loop that fills it, the loads that read it, and whether the one can move into the others.
#include "core/sink.h"

#include "core/rewrite.h"
#include "core/visit.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

constexpr std::int64_t small_reader = 2048;  // elements that may be computed once more
constexpr std::size_t most_small = 2;        // loads of so many
constexpr std::size_t most_loads = 8;

/// Where a statement stands.
struct Position {
  BlockId block = none;
  std::size_t statement = 0;
};

/// The load that reads a temporary.
struct Reader {
  Position at;
  std::size_t around = 0;     // the statement, of the block that fills the temporary, that the load is in
  std::vector<LoopId> loops;  // around the load, within that block, outermost first
  bool repeats = false;       // a while is among what is around it
};

class Sinker {
 public:
  explicit Sinker(Program& program)
      : program_(program), builder_(program), memory_(program), named_(named_roots(program)) {}

  void run() {
    // What a temporary was computed from may be a temporary that can move now.
    for (bool again = true; again;) {
      again = false;
      drop_temporaries(program_, named_, 0, [&](BlockId block, std::size_t at) {
        const bool moves = moved(block, at);
        again = again || moves;
        return moves;
      });
    }
  }

 private:
  /// Moves what fills the temporary that statement `at` of the block allocates to where it is read.
  bool moved(BlockId id, std::size_t at) {
    const RootId temporary = program_.blocks[id].statements[at].target;
    const std::optional<std::size_t> filler = filling(id, at, temporary);
    if (!filler) return false;
    const std::vector<Reader> readers = readers_of(id, *filler, temporary);
    if (readers.empty() || !keeps_its_operands(id, *filler, readers.back().around)) return false;
    // One takes all; what others read again is little.
    const Reader* all = nullptr;
    std::size_t small = 0;
    for (const Reader& reader : readers) {
      if (is_small(reader)) {
        ++small;
      } else if (all == nullptr) {
        if (!reads_once(reader, temporary)) return false;
        all = &reader;
      } else if (!reads_the_same(*all, reader)) {
        return false;
      }
    }
    if (small > (all == nullptr ? 1 : most_small)) return false;
    if (all == nullptr && !reads_once(readers[0], temporary)) return false;
    // The last one first: what is moved there changes no place before it.
    for (std::size_t k = readers.size(); k-- > 0;) move(statements(id)[*filler], readers[k]);
    statements(id).erase(statements(id).begin() + static_cast<std::ptrdiff_t>(*filler));
    return true;
  }

  std::vector<Statement>& statements(BlockId block) { return program_.blocks[block].statements; }

  /// The loop, after the allocation, whose iterations each store one element of the whole temporary and do nothing
  /// else.
  std::optional<std::size_t> filling(BlockId id, std::size_t at, RootId temporary) {
    for (std::size_t k = at + 1; k < statements(id).size(); ++k) {
      const Statement& s = statements(id)[k];
      const Effects does = effects(program_, s);
      const bool uses = std::any_of(does.accesses.begin(), does.accesses.end(),
                                    [&](const Access& access) { return access.root == temporary; });
      if (!uses) continue;
      if (s.kind == Kind::loop && program_.loops[s.target].parallel && fills(s, temporary)) return k;
      return std::nullopt;
    }
    return std::nullopt;
  }

  bool fills(const Statement& loop, RootId temporary) {
    const std::vector<Statement>& body = program_.blocks[loop.body].statements;
    for (std::size_t k = 0; k < body.size(); ++k) {
      const Statement& s = body[k];
      if (k + 1 == body.size())
        return s.kind == Kind::store && s.target == temporary && s.checked == 0 && stores_all(s, loop.target);
      if (s.kind != Kind::evaluate) return false;
      const Node& node = program_[s.value];
      const bool plain = node.op == Op::load && node.operands[0] == none && !node.tentative && node.checked == 0 &&
                         node.id != temporary;
      if (!plain) return false;
    }
    return false;
  }

  bool stores_all(const Statement& store, LoopId loop) {
    const std::vector<LoopDimension>& dimensions = program_.loops[loop].dimensions;
    const Root& root = program_.roots[store.target];
    if (store.flat || dimensions.size() != root.rank || store.index_count != root.rank) return false;
    for (std::uint32_t k = 0; k < store.index_count; ++k) {
      const Node index = program_[program_.indices[store.first_index + k]];
      const LoopDimension d = dimensions[k];
      const bool whole = builder_.constant_value(d.begin) == 0 && builder_.constant_value(d.step) == 1 &&
                         builder_.same(d.end, root.extents[k]);
      if (index.op != Op::index || index.id != loop || index.axis != k || !whole) return false;
    }
    return true;
  }

  /// The loads behind the filling loop that are all else there is of the temporary, in program order; none if there is
  /// more.
  std::vector<Reader> readers_of(BlockId id, std::size_t filler, RootId temporary) {
    std::vector<Reader> found;
    for (std::size_t k = filler + 1; k < statements(id).size(); ++k) {
      std::vector<LoopId> loops;
      if (!find_readers(id, k, k, temporary, loops, false, found)) return {};
    }
    return found;
  }

  /// Looks at one statement and what is in it; false if the temporary is used in another way than a few loads.
  bool find_readers(BlockId block, std::size_t index, std::size_t around, RootId temporary, std::vector<LoopId>& loops,
                    bool repeats, std::vector<Reader>& found) {
    const Statement s = statements(block)[index];
    const bool writes = s.kind == Kind::store || s.kind == Kind::update || s.kind == Kind::allocate;
    if (writes && s.target == temporary) return false;
    if (s.kind == Kind::evaluate && program_[s.value].op == Op::load && program_[s.value].id == temporary) {
      const Node& load = program_[s.value];
      if (found.size() == most_loads || load.operands[0] != none || load.tentative || load.checked != 0 || load.flat)
        return false;
      found.push_back({{block, index}, around, loops, repeats});
      return true;
    }
    if (s.kind == Kind::loop) loops.push_back(s.target);
    BlockId blocks[2];
    for (int b = 0, count = nested_blocks(s, blocks); b < count; ++b)
      for (std::size_t k = 0; k < statements(blocks[b]).size(); ++k)
        if (!find_readers(blocks[b], k, around, temporary, loops, repeats || s.kind == Kind::while_, found))
          return false;
    if (s.kind == Kind::loop) loops.pop_back();
    return true;
  }

  /// Whether both load the same element, as an expression that mentions an array twice does.
  bool reads_the_same(const Reader& a, const Reader& b) {
    const Node &x = program_[statements(a.at.block)[a.at.statement].value],
               &y = program_[statements(b.at.block)[b.at.statement].value];
    bool same = a.at.block == b.at.block;
    for (std::uint32_t k = 0; k < x.count; ++k)
      same = same && program_.indices[x.axis + k] == program_.indices[y.axis + k];
    return same;
  }

  /// Whether the load, in one loop, reads few elements.
  bool is_small(const Reader& reader) {
    if (reader.repeats || reader.loops.size() != 1 || program_.loops[reader.loops[0]].dimensions.size() != 1)
      return false;
    const LoopDimension d = program_.loops[reader.loops[0]].dimensions[0];
    return builder_.constant_value(d.step) == 1 &&
           builder_.less_equal_known(d.end, builder_.add(d.begin, builder_.integer(small_reader)));
  }

  /// Whether the load reads no element twice: each dimension of each loop around it moves an index of its own, or
  /// chooses the part that a loop inside it is over. And whether it pays: in a sequential loop of the user's there may
  /// be no lanes, so that it must then read a part of lower rank.
  bool reads_once(const Reader& reader, RootId temporary) {
    if (reader.repeats) return false;
    const Node load = program_[statements(reader.at.block)[reader.at.statement].value];
    std::size_t dimensions = 0;
    bool parallel = true;
    for (const LoopId loop : reader.loops) {
      parallel = parallel && (program_.loops[loop].parallel || program_.loops[loop].from_array);
      for (std::uint32_t d = 0; d < program_.loops[loop].dimensions.size(); ++d, ++dimensions)
        if (!moves_alone(load, reader.loops, builder_.index(loop, d)) && !chooses_part(load, reader.loops, loop, d))
          return false;
    }
    return parallel || dimensions < program_.roots[temporary].rank;
  }

  /// Whether one of the load's indices is c·index plus what no loop around it changes, c not 0.
  bool moves_alone(const Node& load, const std::vector<LoopId>& loops, NodeId index) {
    for (std::uint32_t k = 0; k < load.count; ++k) {
      const Sum sum = builder_.sum(program_.indices[load.axis + k]);
      bool moves = false, alone = true;
      for (const Sum::Term& term : sum.terms) {
        if (term.factors.size() == 1 && term.factors[0] == index)
          moves = true;
        else
          for (const NodeId factor : term.factors) alone = alone && is_fixed(factor, loops);
      }
      if (moves && alone) return true;
    }
    return false;
  }

  /// Whether dimension `d` of the loop is the number of a part, c elements long, of what a loop inside it moves over.
  bool chooses_part(const Node& load, const std::vector<LoopId>& loops, LoopId loop, std::uint32_t d) {
    const NodeId part = builder_.index(loop, d);
    for (const LoopId inner : loops) {
      const std::vector<LoopDimension> dimensions = program_.loops[inner].dimensions;
      for (std::uint32_t k = 0; k < dimensions.size(); ++k) {
        if (inner == loop || builder_.constant_value(dimensions[k].step) != 1 ||
            !moves_alone(load, loops, builder_.index(inner, k)))
          continue;
        const std::int64_t step = builder_.constant_value(program_.loops[loop].dimensions[d].step).value_or(0);
        std::int64_t length = 0;
        bool alone = true;
        for (const Sum::Term& term : Sum(builder_.sum(dimensions[k].begin)).terms) {
          if (term.factors.size() == 1 && term.factors[0] == part)
            length = term.coefficient;
          else
            for (const NodeId factor : term.factors) alone = alone && is_fixed(factor, loops);
        }
        if (!alone || step != 1 || length <= 0) continue;
        if (builder_.less_equal_known(dimensions[k].end, builder_.add(dimensions[k].begin, builder_.integer(length))))
          return true;
      }
    }
    return false;
  }

  bool is_fixed(NodeId id, const std::vector<LoopId>& loops) const {
    const Node& node = program_[id];
    if (!is_pure(node.op)) return false;
    if (node.op == Op::index) return std::find(loops.begin(), loops.end(), node.id) == loops.end();
    const int count = operand_count(node);
    for (int k = 0; k < count; ++k)
      if (!is_fixed(node.operands[k], loops)) return false;
    return true;
  }

  /// Whether nothing writes what the filling loop reads, from there to the end of the statement that reads its
  /// elements.
  bool keeps_its_operands(BlockId id, std::size_t filler, std::size_t around) {
    std::vector<RootId> operands;
    for (const Statement& s : statements(statements(id)[filler].body))
      if (s.kind == Kind::evaluate) operands.push_back(program_[s.value].id);
    for (std::size_t k = filler + 1; k <= around; ++k) {
      for (const Access& access : effects(program_, statements(id)[k]).accesses)
        for (const RootId operand : operands)
          if (access.write && memory_.may_alias(access.root, operand)) return false;
    }
    return true;
  }

  void move(const Statement loop, const Reader& reader) {
    const NodeId read = statements(reader.at.block)[reader.at.statement].value;
    const Node load = program_[read];
    Rewriter at_reader(builder_);
    for (std::uint32_t k = 0; k < load.count; ++k)
      at_reader.replace(builder_.index(loop.target, k), program_.indices[load.axis + k]);
    std::vector<Statement> moved;
    NodeId value = none;
    for (const Statement& s : std::vector<Statement>(statements(loop.body))) {
      if (s.kind == Kind::store) {
        value = at_reader(s.value);
        break;
      }
      Node copy = program_[s.value];
      std::vector<NodeId> indices;
      for (std::uint32_t k = 0; k < copy.count; ++k) indices.push_back(at_reader(program_.indices[copy.axis + k]));
      copy.axis = static_cast<std::uint32_t>(program_.indices.size());
      program_.indices.insert(program_.indices.end(), indices.begin(), indices.end());
      Statement evaluate = s;
      evaluate.value = program_.append(copy);
      at_reader.replace(s.value, evaluate.value);
      moved.push_back(evaluate);
    }
    value = builder_.convert(value, load.type);
    auto& readers = statements(reader.at.block);
    readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(reader.at.statement));
    readers.insert(readers.begin() + static_cast<std::ptrdiff_t>(reader.at.statement), moved.begin(), moved.end());
    Rewriter everywhere(builder_);
    everywhere.replace(read, value);
    everywhere.block(0);
    everywhere.rest();
  }

  Program& program_;
  Builder builder_;
  Memory memory_;
  std::vector<bool> named_;
};

}  // namespace

void sink(Program& program) { Sinker(program).run(); }

}  // namespace kiln::ir
