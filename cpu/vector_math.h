// The vector mathematics of the CPU: which library function computes which operation, the same one for every lane
// count.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace kiln::on_cpu {

// One function of glibc's libmvec, of SLEEF, or of plain libm.
struct VectorFunction {
  const char* op;       // C's name without suffix: "exp", "atan2"
  const char* symbol;   // what generated code calls; resolve_math_symbol knows its address
  const char* library;  // "libmvec.so.1", "libsleef.so.3" or "libm.so.6"; Kiln's own functions are libm's, rounded
  void* address;
  int lanes;  // lanes of one call; 1 for a scalar function
  int arity;  // 1 or 2
  bool is_f64;
  bool vector;      // false: a scalar function, to be called once per active lane
  double max_ulp;   // bound of the error, in units in the last place
  double harmless;  // argument (each of them) for lanes whose result is not used: libmvec computes lanes with
                    // special arguments one by one, and an inactive lane may hold anything
};

// The function that computes `op`, or nullptr if `op` is not in the table (square root, floor, and what else processors
// do themselves, is not).
//
// libmvec's functions differ in the last bit between register widths. An element's result must not depend on its
// position, the number of threads or the width in use, so one machine uses one function for an operation: the 512-bit
// one where generated code is 512 bits wide by default, the 256-bit one where the processor has AVX2, the 128-bit one
// elsewhere, whatever vector_bits is. Narrower code and scalars fill the other lanes with `harmless`.
//
// `precise`: one within 1 ulp. For f32 that is the function for f64 (is_f64 says so), whose result is to be rounded.
const VectorFunction* find_vector_function(std::string_view op, bool is_f64, int vector_bits, bool precise = false);

// All operations of the table, for tests and documentation.
std::span<const char* const> vector_function_names();

// The address of a symbol named in a VectorFunction, or of another function of libm; nullptr if there is none.
void* resolve_math_symbol(const char* symbol);

// One element, through the very function (and lane count) generated code uses, so that all bits agree. `y` is ignored
// by functions of one argument.
double call_math_scalar(const VectorFunction& function, double x, double y = 0);
float call_math_scalar(const VectorFunction& function, float x, float y = 0);
// The same by name; throws InternalError for an operation that is not in the table.
double call_math_scalar(std::string_view op, double x, double y = 0);
float call_math_scalar(std::string_view op, float x, float y = 0);

// out[i] = f(x[i]) or f(x[i], y[i]), bit for bit what the scalar calls give. `y` may be nullptr for one argument; `out`
// may be `x` or `y`.
void call_math_array(const VectorFunction& function, const double* x, const double* y, double* out, std::size_t size);
void call_math_array(const VectorFunction& function, const float* x, const float* y, float* out, std::size_t size);

}  // namespace kiln::on_cpu
