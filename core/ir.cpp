// Appending to a Program, and to its messages.
#include "core/ir.h"

#include "core/error_text.h"
#include "core/frame.h"

namespace kiln::ir {

NodeId Program::append(const Node& node) {
  nodes.push_back(node);
  return static_cast<NodeId>(nodes.size() - 1);
}

BlockId Program::new_block() {
  blocks.emplace_back();
  return static_cast<BlockId>(blocks.size() - 1);
}

void Message::append(const Program& program, NodeId number) {
  if (number == none || (!program.is_constant(number) && shown.size() == most_shown)) {
    text += 'n';
  } else if (program.is_constant(number)) {
    append_text(text, program[number].number.i);
  } else {
    text += "{}";
    shown.push_back(number);
  }
}

void Message::append(const Program& program, DType dtype, const NodeId* extents, int rank) {
  append_text(text, dtype);
  text += " array of shape ";
  append_shape(program, extents, rank);
}

void Message::append_shape(const Program& program, const NodeId* extents, int rank) {
  text += '(';
  for (int k = 0; k < rank; ++k) {
    text += k != 0 ? ", " : "";
    append(program, extents[k]);
  }
  text += rank == 1 ? ",)" : ")";
}

}  // namespace kiln::ir
