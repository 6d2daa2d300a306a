// Kiln's side of the benchmark: all of its contenders, and what they share.
#include "bench/kiln_contenders.h"

namespace bench {

kiln::DType dtype_named(const std::string& name) {
  for (const kiln::DType dtype : {kiln::f16, kiln::bf16, kiln::f32, kiln::f64})
    if (name == dtype.name()) return dtype;
  return kiln::i64;
}

kiln::Array borrowed(const View& view, std::span<const std::int64_t> extents) {
  return kiln::borrow(const_cast<void*>(view.data), dtype_named(view.dtype), extents);
}

View view_of(const kiln::Array& array) {
  const std::span<const std::byte> bytes = array.read_bytes();
  return {bytes.data(), array.dtype().name(), std::int64_t(bytes.size() / array.dtype().size())};
}

void count_memory(Contender& contender) {
  const auto bytes = std::make_shared<double>(0);
  contender.before = [before = contender.before] {
    before();
    kiln::reset_high_water_mark();
  };
  contender.after = [bytes, after = contender.after] {
    after();
    const kiln::MemoryInfo memory = kiln::memory_info();
    *bytes = double(memory.high_water_mark - memory.bytes_in_use);
  };
  contender.bytes = [bytes] { return *bytes; };
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
  register_kiln_axes(suite);
  register_kiln_simulations(suite);
  register_kiln_calls(suite);
}

}  // namespace bench
