// The first steps: one function for several dtypes, a broadcasting scalar function, and what was compiled.
#include <kiln/kiln.h>

#include <iostream>

using namespace kiln;

namespace tutorial {

// Loops, scalars and whole-array expressions mix freely.
auto a_plus_tr_tanh_a = jit([](Array a) {
  Var trace = 0.0;
  for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
  return a + trace;
});

// A function of scalars becomes a function of arrays.
auto clipped = vectorize([](Value x, Value lo, Value hi) { return where(x < lo, lo, where(x > hi, hi, x)); });

}  // namespace tutorial

int main() {
  const Array a = arange(16).reshape({4, 4});
  const Array b = tutorial::a_plus_tr_tanh_a(a);              // compiled for i64
  const Array c = tutorial::a_plus_tr_tanh_a(a.astype(f32));  // a second specialization, for f32
  std::cout << "a + trace(tanh(a)) of i64 is " << b.dtype() << ":\n" << b << "\n\n";
  std::cout << "and of f32 is " << c.dtype() << ":\n" << c << "\n\n";
  std::cout << "clipped to 3 … 9:\n" << tutorial::clipped(a, 3, 9) << "\n\n";

  const Specializations all = tutorial::a_plus_tr_tanh_a.specializations();
  for (int k = 0; k < all.size(); ++k)
    std::cout << all[k].signature << ": " << all[k].reason << ", compiled in "
              << all[k].trace_ms + all[k].passes_ms + all[k].codegen_ms << " ms\n";

  const bool same = allclose(b, c).as_bool();
  std::cout << "the two agree: " << (same ? "yes" : "no") << "\n";
  return same ? 0 : 1;
}
