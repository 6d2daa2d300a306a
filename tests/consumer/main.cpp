// A user's program against the installed Kiln: one compiled function, its result checked.
#include "shared_kernel.h"

#include <cstdio>

#ifdef KILN_CONSUMER_OTHER_LLVM
bool other_llvm_compiles();  // other_llvm.cpp
#endif

static bool kiln_computes(kiln::DType dtype) {
  static auto add = kiln::jit([](kiln::Array a, kiln::Array b) { return a + 2 * b; });
  kiln::Array a = kiln::arange(1000).astype(dtype);
  kiln::Array result = add(a, a);
  kiln::Array expected = (kiln::arange(1000) * 3).astype(dtype);
  return kiln::allclose(result, expected).as_bool() && result.dtype() == dtype;
}

static bool files_share_a_kernel() {
  const kiln::Array a = kiln::arange(5).astype(kiln::f64);
  const bool same = kiln::allclose(scaled(a, 3.0), scaled_elsewhere(a, 3.0)).as_bool();
  const bool once = scaled.specializations().size() == 1;
  return same && once && kiln::allclose(scaled.with({.interpret = true})(a, 2.0), a + a).as_bool();
}

int main() {
  bool passed = files_share_a_kernel();
#ifdef KILN_CONSUMER_OTHER_LLVM
  passed = other_llvm_compiles() && passed;
#endif
  passed = kiln_computes(kiln::f64) && kiln_computes(kiln::i64) && passed;
#ifdef KILN_CONSUMER_OTHER_LLVM
  passed = other_llvm_compiles() && kiln_computes(kiln::f32) && passed;
#endif
  std::printf("kiln %s: %s\n", kiln::version(), passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}
