// The Program that a function gives today beside the one that was compiled.
#include "core/frozen.h"

#include "core/error_text.h"

#include <kiln/error.h>

#include <algorithm>
#include <bit>
#include <string_view>

namespace kiln::detail {

namespace {

bool same(const ir::Node& a, const ir::Node& b) {
  return a.op == b.op && a.type == b.type && std::equal(a.operands, a.operands + 3, b.operands) && a.id == b.id &&
         a.axis == b.axis && a.count == b.count && a.number.i == b.number.i &&
         std::bit_cast<std::int64_t>(a.number.im) == std::bit_cast<std::int64_t>(b.number.im);
}

// The line of the first node that differs; no line if none does. One body traced twice numbers its nodes alike.
Location first_difference(const ir::Program& then, const ir::Program& now) {
  const std::size_t common = std::min(then.nodes.size(), now.nodes.size());
  for (std::size_t k = 0; k < common; ++k)
    if (!same(then.nodes[k], now.nodes[k])) return now.locations[now.nodes[k].location];
  if (now.nodes.size() > common) return now.locations[now.nodes[common].location];
  if (then.nodes.size() > common) return then.locations[then.nodes[common].location];
  return {};
}

// The first line of the text that differs.
std::string_view different_line(std::string_view text, std::string_view other) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (other.substr(std::min(begin, other.size()), end - begin) != text.substr(begin, end - begin)) {
      begin = std::min(text.find_first_not_of(' ', begin), end);
      return text.substr(begin, end - begin);
    }
    begin = end + 1;
  }
  return "nothing";
}

}  // namespace

void check_frozen(Function& function, const JitOptions& options, const Argument* arguments, int count,
                  const GatheredCall& call, const Variant& v) {
  const auto now = prepare(function, options, arguments, count, call, v.generic);
  const std::string then_text = ir::print(v.traced), now_text = ir::print(now->traced);
  if (then_text == now_text) return;
  const Location line = first_difference(v.traced, now->traced);
  throw UsageError(text("this function computes something else than when it was compiled (\"",
                        different_line(then_text, now_text), "\" then, \"", different_line(now_text, then_text),
                        "\" now): it reads a C++ variable from outside, which is frozen at the first call; pass it as "
                        "an argument"),
                   line.line() ? line : function.where);
}

}  // namespace kiln::detail
