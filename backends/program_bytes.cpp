// A Program as bytes.
#include "backends/program_bytes.h"

#include <cstring>
#include <type_traits>

namespace kiln::backends {

namespace {

class Bytes {
 public:
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  void add(T x) {
    char raw[sizeof x];
    std::memcpy(raw, &x, sizeof x);
    out.append(raw, sizeof x);
  }
  void add(Type type) {
    add(type.dtype.code());
    add(type.strength);
  }
  void add(const detail::Number16& x) {
    add(x.i);
    add(x.im);
  }
  template <class T, std::size_t n>
  void add(const T (&list)[n], std::size_t count) {
    for (std::size_t k = 0; k < count && k < n; ++k) add(list[k]);
  }
  std::string out;
};

// Code that checks an access tells its line by number.
void add_check(Bytes& b, std::uint8_t checked, std::uint32_t location) {
  b.add(checked);
  if (checked != 0) b.add(location);
}

void add_node(Bytes& b, const ir::Node& n) {
  b.add(n.op);
  b.add(n.type);
  b.add(n.flat);
  b.add(n.operands, 3);
  b.add(n.id);
  b.add(n.axis);
  b.add(n.count);
  b.add(n.number);
  add_check(b, n.checked, n.location);
}

void add_root(Bytes& b, const ir::Root& r) {
  b.add(r.kind);
  b.add(r.dtype.code());
  b.add(r.rank);
  b.add(r.read_only);
  b.add(r.contiguous);
  b.add(r.unit_strides);
  b.add(r.may_overlap);
  b.add(r.argument);
  b.add(r.of);
  b.add(r.extents, r.rank);
}

void add_loop(Bytes& b, const ir::Loop& l) {
  b.add(l.parallel);
  b.add(l.from_array);
  b.add(l.has_break);
  b.add(l.role);
  b.add(l.distribute);
  b.add(l.vectors);
  b.add(l.streaming);
  b.add(l.if_large);
  b.add(l.memory_bound);
  b.add(l.short_rows);
  b.add(l.segment);
  b.add(l.dimensions.size());
  for (const ir::LoopDimension& d : l.dimensions) {
    b.add(d.begin);
    b.add(d.end);
    b.add(d.step);
  }
}

void add_statement(Bytes& b, const ir::Statement& s) {
  b.add(s.kind);
  b.add(s.op);
  b.add(s.flat);
  b.add(s.sharing);
  b.add(s.target);
  b.add(s.other);
  b.add(s.value);
  b.add(s.condition);
  b.add(s.expected);
  b.add(s.loop);
  b.add(s.first_index);
  b.add(s.index_count);
  b.add(s.body);
  b.add(s.otherwise);
  b.add(s.message);
  add_check(b, s.checked, s.location);
}

void add_result(Bytes& b, const ir::Result& r) {
  b.add(r.is_array);
  b.add(r.value);
  b.add(r.root);
  b.add(r.rank);
  b.add(r.offset);
  b.add(r.extents, r.rank);
  b.add(r.strides, r.rank);
}

}  // namespace

std::string program_bytes(const ir::Program& p) {
  Bytes b;
  b.add(p.nodes.size());
  for (const ir::Node& n : p.nodes) add_node(b, n);
  b.add(p.indices.size());
  for (ir::NodeId id : p.indices) b.add(id);
  b.add(p.roots.size());
  for (const ir::Root& r : p.roots) add_root(b, r);
  b.add(p.variables.size());
  for (const ir::Variable& v : p.variables) {
    b.add(v.type);
    b.add(v.block);
  }
  b.add(p.loops.size());
  for (const ir::Loop& l : p.loops) add_loop(b, l);
  b.add(p.blocks.size());
  for (const ir::Block& block : p.blocks) {
    b.add(block.statements.size());
    for (const ir::Statement& s : block.statements) add_statement(b, s);
  }
  b.add(p.results.size());
  for (const ir::Result& r : p.results) add_result(b, r);
  b.add(p.messages.size());
  for (const ir::Message& m : p.messages) {
    b.add(m.shown.size());
    for (ir::NodeId id : m.shown) b.add(id);
  }
  for (const Type& t : p.scalar_arguments) b.add(t);
  b.add(p.array_arguments);
  b.add(p.contract);
  b.add(p.fast_math.bits());
  b.add(p.precise);
  return std::move(b.out);
}

}  // namespace kiln::backends
