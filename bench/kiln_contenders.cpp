// Kiln's side of the benchmark: all of its contenders, and what they share.
#include "bench/kiln_contenders.h"

namespace bench {

kiln::DType dtype_named(const std::string& name) {
  return name == "f32" ? kiln::f32 : name == "f64" ? kiln::f64 : kiln::i64;
}

kiln::Array borrowed(const View& view, std::initializer_list<std::int64_t> extents) {
  return kiln::borrow(const_cast<void*>(view.data), dtype_named(view.dtype), extents);
}

View view_of(const kiln::Array& array) {
  std::int64_t count = 1;
  for (int axis = 0; axis < array.rank(); ++axis) count *= array.extent(axis);
  const kiln::DType dtype = array.dtype();
  const void* data = dtype == kiln::f32   ? static_cast<const void*>(array.read<float>().data())
                     : dtype == kiln::f64 ? static_cast<const void*>(array.read<double>().data())
                                          : static_cast<const void*>(array.read<std::int64_t>().data());
  return {data, dtype.name(), count};
}

std::string last_call_in_words() {
  const kiln::LastCall call = kiln::last_call();
  return fmt::format("{} thread{}, {}-bit", call.threads, call.threads == 1 ? "" : "s", call.vector_bits);
}

void register_kiln_benches(Suite& suite) {
  suite.add_header("kiln", kiln::version());
  suite.add_header("kiln_compiler", KILN_COMPILER);
  suite.add_header("llvm", KILN_LLVM_VERSION);
  register_kiln_loops(suite);
  register_kiln_expressions(suite);
  register_kiln_calls(suite);
}

}  // namespace bench
