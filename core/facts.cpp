// Facts about a call's arguments.
#include "core/facts.h"

#include "core/access.h"
#include "core/error_text.h"
#include "core/host_ops.h"

namespace kiln::detail {

namespace {

struct Bytes {
  const std::byte *first, *last;
};

// The bytes between an array's first and last element in memory.
Bytes bytes_of(const Array& a) {
  const Layout& l = Access::layout(a);
  std::int64_t low = 0, high = 0;
  for (int k = 0; k < Access::rank(a); ++k) {
    if (l.extents[k] == 0) return {l.data, l.data};
    const std::int64_t reach = (l.extents[k] - 1) * l.strides[k];
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<std::int64_t>(a.dtype().size());
  return {l.data + low * size, l.data + (high + 1) * size};
}

std::size_t total_bytes(const CallArguments& arguments) {
  std::size_t total = 0;
  for (const Array* a : arguments.arrays)
    total += static_cast<std::size_t>(element_count(Access::extents(*a))) * a->dtype().size();
  return total;
}

}  // namespace

bool host_value(const ir::Program& p, ir::NodeId id, const CallArguments& arguments, std::int64_t& value) {
  const ir::Node& n = p[id];
  switch (n.op) {
    case ir::Op::constant: value = n.number.i; return !n.type.dtype.is_floating() && !n.type.dtype.is_complex();
    case ir::Op::scalar_argument:
      value = arguments.scalars[n.id].i;
      return !n.type.dtype.is_floating() && !n.type.dtype.is_complex();
    case ir::Op::extent:
    case ir::Op::stride: {
      const ir::Root& root = p.roots[n.id];
      if (root.kind != ir::Root::Kind::parameter) {
        if (n.op == ir::Op::stride) return false;
        return root.extents[n.axis] != id && host_value(p, root.extents[n.axis], arguments, value);
      }
      const Layout& l = Access::layout(*arguments.arrays[root.argument]);
      value = n.op == ir::Op::extent ? l.extents[n.axis] : l.strides[n.axis];
      return true;
    }
    case ir::Op::index:
    case ir::Op::read_variable:
    case ir::Op::load: return false;
    default: break;
  }
  Number16 operands[3];
  DType type = n.type.dtype;
  for (int k = 0; k < 3 && n.operands[k] != ir::none; ++k) {
    type = p[n.operands[k]].type.dtype;
    if (!host_value(p, n.operands[k], arguments, operands[k].i)) return false;
  }
  if (n.type.dtype.is_floating() || n.type.dtype.is_complex()) return false;
  const Number16 result =
      n.op == ir::Op::convert ? convert(operands[0], type, n.type.dtype) : evaluate(n.op, type, n.type.dtype, operands);
  value = result.i;
  return true;
}

bool holds(const Fact& f, const CallArguments& arguments, const ir::Program& program) {
  const auto array = [&](int k) -> const Array& { return *arguments.arrays[static_cast<std::size_t>(k)]; };
  switch (f.kind) {
    case Fact::Kind::extent_is_one: return Access::layout(array(f.argument)).extents[f.axis] == 1;
    case Fact::Kind::unit_stride: return Access::layout(array(f.argument)).strides[f.axis] == 1;
    case Fact::Kind::contiguous: return is_contiguous(array(f.argument));
    case Fact::Kind::overlap: {
      const Bytes a = bytes_of(array(f.argument)), b = bytes_of(array(f.axis));
      return a.first < b.last && b.first < a.last;
    }
    case Fact::Kind::large: return total_bytes(arguments) >= f.bytes;
    case Fact::Kind::extent_at_most:
      return Access::layout(array(f.argument)).extents[f.axis] <= static_cast<std::int64_t>(f.bytes);
    case Fact::Kind::condition:
    case Fact::Kind::fits: {
      std::int64_t value = 0;
      return host_value(program, f.node, arguments, value) && value != 0;
    }
  }
  return false;
}

std::string describe(const Fact& f) {
  const int array = f.argument, axis = f.axis;
  switch (f.kind) {
    case Fact::Kind::extent_is_one:
      return text("array ", array, " has ", f.answer ? "extent 1" : "an extent other than 1", " on axis ", axis);
    case Fact::Kind::unit_stride:
      return text("array ", array, f.answer ? " has stride 1 on axis " : " has a stride other than 1 on axis ", axis);
    case Fact::Kind::contiguous: return text("array ", array, f.answer ? " is contiguous" : " is not contiguous");
    case Fact::Kind::overlap:
      return text("arrays ", array, " and ", axis, f.answer ? " share memory" : " share no memory");
    case Fact::Kind::large: return text("the arrays hold ", f.answer ? "at least " : "less than ", f.bytes, " bytes");
    case Fact::Kind::extent_at_most:
      return text("array ", array, f.answer ? " has at most " : " has more than ", f.bytes, " elements on axis ", axis);
    case Fact::Kind::fits: return f.answer ? "a number fits its dtype" : "a number does not fit its dtype";
    case Fact::Kind::condition: return f.answer ? "a slice lies inside its axis" : "a slice reaches beyond its axis";
  }
  return {};
}

bool Facts::ask(Fact f, const ir::Program* program) {
  for (const Fact& known : consulted_)
    if (known.kind == f.kind && known.argument == f.argument && known.axis == f.axis && known.node == f.node &&
        known.bytes == f.bytes)
      return known.answer;
  static const ir::Program no_program;
  f.answer = holds(f, arguments_, program ? *program : no_program);
  consulted_.push_back(f);
  return f.answer;
}

bool Facts::extent_is_one(int argument, int axis) {
  return ask({.kind = Fact::Kind::extent_is_one,
              .argument = static_cast<std::uint8_t>(argument),
              .axis = static_cast<std::uint8_t>(axis)},
             nullptr);
}
bool Facts::unit_stride(int argument, int axis) {
  return !generic_ && ask({.kind = Fact::Kind::unit_stride,
                           .argument = static_cast<std::uint8_t>(argument),
                           .axis = static_cast<std::uint8_t>(axis)},
                          nullptr);
}
bool Facts::contiguous(int argument) {
  return !generic_ && ask({.kind = Fact::Kind::contiguous, .argument = static_cast<std::uint8_t>(argument)}, nullptr);
}
bool Facts::overlap(int a, int b) {
  return generic_ || ask({.kind = Fact::Kind::overlap,
                          .argument = static_cast<std::uint8_t>(a),
                          .axis = static_cast<std::uint8_t>(b)},
                         nullptr);
}
bool Facts::large(std::size_t bytes) { return !generic_ && ask({.kind = Fact::Kind::large, .bytes = bytes}, nullptr); }
bool Facts::extent_at_most(int argument, int axis, std::size_t most) {
  return !generic_ && ask({.kind = Fact::Kind::extent_at_most,
                           .argument = static_cast<std::uint8_t>(argument),
                           .axis = static_cast<std::uint8_t>(axis),
                           .bytes = most},
                          nullptr);
}
bool Facts::fits(const ir::Program& program, ir::NodeId node) {
  return ask({.kind = Fact::Kind::fits, .node = node}, &program);
}
bool Facts::condition(const ir::Program& program, ir::NodeId node, bool& known) {
  std::int64_t value = 0;
  known = !generic_ && host_value(program, node, arguments_, value);
  return known && ask({.kind = Fact::Kind::condition, .node = node}, &program);
}

}  // namespace kiln::detail
