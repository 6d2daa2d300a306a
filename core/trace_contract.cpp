// Contraction of whole arrays while they are traced: the loop of a product and that of the sum are two, and form_fma
// (core/order.h) does not see the one from the other.
#include "core/access.h"
#include "core/trace.h"
#include "core/visit.h"

namespace kiln::detail {

using ir::NodeId;
using ir::none;

bool Tracing::Product::reads(const ir::Program& program, ir::RootId root) const {
  for (int k = 0; k < 2; ++k) {
    if (numbers[k] != none) continue;
    const ir::RootId own = ir::memory_of(program, arrays[k].root);
    const auto is_parameter = [&](ir::RootId r) { return program.roots[r].kind == ir::Root::Kind::parameter; };
    if (own == root || (is_parameter(own) && is_parameter(root))) return true;  // parameters may share memory
  }
  return false;
}

void Tracing::remember_product(const Array& result, const Symbol* symbols, const MixedOperand* operands,
                               const NodeId* numbers) {
  if (!program_.contract || (result.dtype() != f32 && result.dtype() != f64)) return;
  Product p{Access::symbol(result), scopes_.back().id, {}, {none, none}};
  for (int k = 0; k < 2; ++k)
    if (operands[k].array)
      p.arrays[k] = symbols[k];
    else
      p.numbers[k] = numbers[k];
  products_.push_back(std::move(p));
}

int Tracing::product_among(ir::Op op, const Symbol* symbols, const MixedOperand* operands, const NodeId* numbers,
                           DType dtype, Product& found) const {
  if (!program_.contract || (op != ir::Op::add && op != ir::Op::subtract)) return -1;
  for (int k = 0; k < 2; ++k) {
    if (!operands[k].array) {
      // The product of two numbers on the left: form_fma contracts that one.
      if (program_[numbers[k]].op == ir::Op::multiply && !build_.computed(numbers[k])) return -1;
      continue;
    }
    if (symbols[k].dtype != dtype) continue;
    for (const Product& p : products_)
      if (p.symbol == Access::symbol(*operands[k].array) && p.scope == scopes_.back().id) {
        found = p;
        return k;
      }
  }
  return -1;
}

NodeId Tracing::fused(ir::Op op, const Product& product, int at, NodeId rest, DType dtype, const ElementLoop& loop,
                      const NodeId* extents, int rank, const Location& where) {
  const Type type{dtype, Strength::strong};
  NodeId factors[2];
  for (int k = 0; k < 2; ++k)
    factors[k] = product.numbers[k] != none
                     ? product.numbers[k]
                     : build_.convert(load_broadcast(product.arrays[k], loop, extents, rank, where), type);
  if (op == ir::Op::subtract) {
    // As form_fma does it; a change of sign is exact.
    NodeId& changed = at == 0 ? rest : factors[0];
    changed = build_.node(ir::Op::negative, type, {changed});
  }
  return build_.node(ir::Op::fma, type, {factors[0], factors[1], rest});
}

}  // namespace kiln::detail
