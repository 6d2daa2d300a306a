// Compiles Programs made by hand in several ways and compares each with the interpreter, bit for bit.
#pragma once

#include "core/host_ops.h"
#include "core/interpret.h"
#include "cpu/loader.h"
#include "cpu/plugin.h"
#include "cpu/target.h"
#include "cpu/vector_math.h"
#include "tests/unit/made_program.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <kiln/error.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>

namespace kiln::testing {

using Plugin = void (*)(const on_cpu::CompileRequest&, on_cpu::CompileResult&);

inline Plugin plugin() {
  static const Plugin found = [] {
    void* library = ::dlopen(KILN_BUILD_FOLDER "/lib/libkiln-llvm.so", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw RuntimeError(::dlerror());
    return reinterpret_cast<Plugin>(::dlsym(library, "kiln_llvm_plugin"));
  }();
  return found;
}

struct Data {
  DType dtype;
  std::vector<std::int64_t> extents, strides;
  std::vector<std::byte> bytes;
  std::int64_t offset = 0;  // elements, of index 0

  template <class T>
  static Data of(DType dtype, const std::vector<T>& values, std::vector<std::int64_t> extents = {},
                 std::vector<std::int64_t> strides = {}, std::int64_t offset = 0) {
    Data d{dtype, std::move(extents), std::move(strides), {}, offset};
    if (d.extents.empty()) d.extents = {static_cast<std::int64_t>(values.size())};
    if (d.strides.empty()) {
      std::int64_t step = 1;
      for (std::size_t k = d.extents.size(); k-- > 0;) {
        d.strides.insert(d.strides.begin(), step);
        step *= d.extents[k];
      }
    }
    const auto* from = reinterpret_cast<const std::byte*>(values.data());
    d.bytes.assign(from, from + values.size() * sizeof(T));
    return d;
  }
};

// A job in pieces, not in order, as threads may do it.
inline void run_in_pieces(Frame* frame, std::uint32_t, LoopBody body, void* captures, std::int64_t count,
                          std::int64_t) noexcept {
  const std::int64_t cuts[] = {0, count / 3, count / 2, count};
  for (const int piece : {2, 0, 1})
    if (cuts[piece] < cuts[piece + 1]) body(frame, captures, cuts[piece], cuts[piece + 1], piece);
}

struct Outcome {
  std::int32_t status = 0;
  std::vector<Data> data;
  std::vector<ResultSlot> results;
  std::vector<std::vector<std::byte>> made;  // result arrays
};

inline Outcome run(const Program& program, const std::vector<Data>& data, const std::vector<detail::Number16>& scalars,
                   const std::function<std::int32_t(Frame&)>& entry) {
  Outcome outcome;
  outcome.data = data;
  Call call;
  call.services.parallel = run_in_pieces;
  for (Data& d : outcome.data) {
    detail::Layout layout;
    layout.data = d.bytes.data() + d.offset * static_cast<std::int64_t>(d.dtype.size());
    std::copy(d.extents.begin(), d.extents.end(), layout.extents);
    std::copy(d.strides.begin(), d.strides.end(), layout.strides);
    call.layouts.push_back(layout);
  }
  call.scalars = scalars;
  outcome.status = entry(call.prepare(program));
  outcome.results = call.results;
  for (std::size_t k = 0; k < program.results.size(); ++k) {
    if (!program.results[k].is_array || outcome.status != 0) continue;
    std::int64_t count = 1;
    for (int axis = 0; axis < program.results[k].rank; ++axis) count *= call.results[k].extents[axis];
    const std::byte* from = call.results[k].data;
    const auto size = static_cast<std::int64_t>(program.roots[program.results[k].root].dtype.size());
    outcome.made.emplace_back(from, from + count * size);
  }
  return outcome;
}

inline bool same(const std::byte* a, const std::byte* b, DType dtype) {
  const DType part = part_dtype(dtype);
  const std::size_t size = part.size();
  for (std::size_t at = 0; at < dtype.size(); at += size) {
    if (std::memcmp(a + at, b + at, size) == 0) continue;
    if (!part.is_floating()) return false;
    if (!std::isnan(read_element(a + at, part).re) || !std::isnan(read_element(b + at, part).re)) return false;
  }
  return true;
}

inline void expect_same(const std::vector<std::byte>& a, const std::vector<std::byte>& b, DType dtype,
                        const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  int shown = 0;
  for (std::size_t k = 0; k < a.size() / dtype.size() && shown < 4; ++k) {
    const std::byte *x = a.data() + k * dtype.size(), *y = b.data() + k * dtype.size();
    if (same(x, y, dtype)) continue;
    ++shown;
    const detail::Number16 got = read_element(x, dtype), expected = read_element(y, dtype);
    const bool whole = dtype.is_bool() || dtype.is_integer();
    ADD_FAILURE() << what << ", element " << k << ": got " << (whole ? static_cast<double>(got.i) : got.re) << " "
                  << got.im << "i, expected " << (whole ? static_cast<double>(expected.i) : expected.re) << " "
                  << expected.im << "i";
  }
}

struct Compiled {
  on_cpu::CompileResult result;
  std::unique_ptr<on_cpu::LoadedObject> object;
  EntryPoint entry = nullptr;

  Compiled(const Program& program, int vector_bits, bool want_text = false) {
    const on_cpu::Target target = on_cpu::host_target_with_vector_bits(vector_bits);
    on_cpu::CompileRequest request{&program, &target, want_text, want_text};
    plugin()(request, result);
    object = on_cpu::LoadedObject::load(result.object, on_cpu::resolve_math_symbol);
    entry = reinterpret_cast<EntryPoint>(object->find("kiln_entry"));
  }
};

// Compiles with three vector widths, one and two vectors in flight, alone and distributed; each gives what the
// interpreter gives.
inline void check(Program program, const std::vector<Data>& data, const std::vector<detail::Number16>& scalars = {}) {
  const Outcome expected = run(program, data, scalars, [&](Frame& frame) { return interpret(program, frame); });
  for (const int bits : {128, 256, 512}) {
    for (const bool distribute : {false, true}) {
      for (const std::uint8_t vectors : {1, 2}) {
        std::string way =
            std::to_string(bits) + " bits, " + std::to_string(vectors) + (distribute ? " distributed" : "");
        for (Loop& loop : program.loops) {
          if (!loop.parallel) continue;
          loop.vectors = vectors;
          loop.distribute = distribute;
        }
        const char* show = std::getenv("KILN_SHOW");
        const Compiled compiled(program, bits, show != nullptr);
        if (show != nullptr)
          std::printf("==== %s\n%s\n%s\n", way.c_str(), compiled.result.ir.c_str(), compiled.result.assembly.c_str());
        const Outcome got = run(program, data, scalars, [&](Frame& frame) { return compiled.entry(&frame); });
        ASSERT_EQ(got.status, expected.status) << way;
        for (std::size_t k = 0; k < data.size(); ++k)
          expect_same(got.data[k].bytes, expected.data[k].bytes, data[k].dtype, way + ", array " + std::to_string(k));
        for (std::size_t k = 0; k < expected.made.size(); ++k)
          expect_same(got.made[k], expected.made[k], f32, way + ", result array " + std::to_string(k));
        for (std::size_t k = 0; k < program.results.size(); ++k) {
          if (program.results[k].is_array) continue;
          const DType dtype = program[program.results[k].value].type.dtype;
          const auto *a = reinterpret_cast<const std::byte*>(&got.results[k].number),
                     *b = reinterpret_cast<const std::byte*>(&expected.results[k].number);
          const auto size = static_cast<std::ptrdiff_t>(dtype.is_complex() ? 16 : 8);
          expect_same({a, a + size}, {b, b + size},
                      dtype.is_complex()    ? c128
                      : dtype.is_floating() ? f64
                                            : i64,
                      way + ", result " + std::to_string(k));
        }
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

inline std::mt19937& random_engine() {
  static std::mt19937 engine(4711);
  return engine;
}

template <class T>
std::vector<T> random_values(std::size_t count, double low = -3, double high = 3) {
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> values(count);
  for (T& x : values) x = static_cast<T>(uniform(random_engine()));
  return values;
}

inline detail::Number16 real_number(double x) {
  detail::Number16 number;
  number.re = x;
  return number;
}
inline detail::Number16 whole_number(std::int64_t x) {
  detail::Number16 number;
  number.i = x;
  return number;
}

inline constexpr DType all_dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64, c64, c128};

// Numbers that are special for the dtype, and others.
inline std::vector<detail::Number16> numbers_of(DType dtype, std::size_t count) {
  std::vector<detail::Number16> numbers;
  if (dtype.is_complex()) {
    const auto re = numbers_of(part_dtype(dtype), count), im = numbers_of(part_dtype(dtype), count);
    for (std::size_t k = 0; k < count; ++k) {
      numbers.push_back(re[k]);
      numbers.back().im = im[k].re;
    }
    return numbers;
  }
  std::uniform_real_distribution<double> uniform(-8, 8);
  for (std::size_t k = 0; k < count; ++k) {
    detail::Number16 x;
    if (dtype.is_floating()) {
      constexpr double special[] = {0.0,       -0.0, 1,    -1,    0.5,   -2.5, 3.5,   INFINITY,
                                    -INFINITY, NAN,  1e-7, 65519, 65520, 3e38, 1e-40, -1e300};
      const std::size_t which = random_engine()() % 24;
      x = convert(real_number(which < std::size(special) ? special[which] : uniform(random_engine())), f64, dtype);
    } else {
      constexpr std::int64_t special[] = {0,         1,         -1,        2,         3,    7,   31, 64,
                                          INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -128, 127, 255};
      const std::size_t which = random_engine()() % 20;
      x = convert(whole_number(which < std::size(special) ? special[which]
                                                          : static_cast<std::int64_t>(random_engine()()) - (1 << 30)),
                  i64, dtype);
    }
    numbers.push_back(x);
  }
  return numbers;
}

inline Data data_of(DType dtype, const std::vector<detail::Number16>& numbers) {
  Data d = Data::of(dtype, std::vector<std::uint8_t>(numbers.size() * dtype.size()),
                    {static_cast<std::int64_t>(numbers.size())}, {1});
  for (std::size_t k = 0; k < numbers.size(); ++k) write_element(d.bytes.data() + k * dtype.size(), dtype, numbers[k]);
  return d;
}

}  // namespace kiln::testing
