// The host's exp, log, pow …: one element through the very functions generated code calls.
#include "core/host_ops.h"
#include "cpu/vector_math.h"

#include <kiln/error.h>

#include <array>
#include <string>

namespace kiln {
namespace {

constexpr int operations = 256;  // of which few are functions; an Op is one byte

struct Functions {
  std::array<const on_cpu::VectorFunction*, operations> f32{}, f64{};

  explicit Functions(bool precise) {
    for (int k = static_cast<int>(ir::Op::pow); k < ir::op_count(); ++k) {
      const char* name = ir::row(static_cast<ir::Op>(k)).name;
      f32[k] = on_cpu::find_vector_function(name, false, 256, precise);
      f64[k] = on_cpu::find_vector_function(name, true, 256, precise);
    }
  }
};

}  // namespace

double vector_math(ir::Op op, bool is_f64, double x, double y, bool precise) {
  static const Functions of_default(false), of_precise(true);
  const Functions& functions = precise ? of_precise : of_default;
  const on_cpu::VectorFunction* function = (is_f64 ? functions.f64 : functions.f32)[static_cast<std::size_t>(op)];
  if (function == nullptr) throw InternalError(std::string("no vector function computes ") + ir::row(op).name);
  if (function->is_f64) {
    const double result = on_cpu::call_math_scalar(*function, x, y);
    return is_f64 ? result : static_cast<float>(result);
  }
  return on_cpu::call_math_scalar(*function, static_cast<float>(x), static_cast<float>(y));
}

}  // namespace kiln
