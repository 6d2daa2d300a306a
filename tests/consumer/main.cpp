// A user's program against the installed Kiln: one compiled function, its result checked.
#include <kiln/kiln.h>

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

int main() {
  bool passed = true;
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
