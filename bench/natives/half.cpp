// Native chain6 on f16 and bf16 (inputs a, b, c, d), rounded after every operation: computed in f32 and converted, or
// in f16 itself where the machine can.
#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

using Bits = std::uint16_t;

// Each format: vectors of numbers in f32 that are loaded, rounded after an operation, and stored. Sums and products of
// two such numbers, rounded to f32 and then to 16 bits, are as if rounded once. Here are no NaNs and no infinities.
struct F16By256 {
  using V = Float8;
  static constexpr int64_t lanes = 8;
  static V widened(__m128i bits) { return (V)_mm256_cvtph_ps(bits); }
  static __m128i narrowed(V x) { return _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
  static V loaded(const Bits* from) { return widened(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }
  static V rounded(V x) { return widened(narrowed(x)); }
  template <bool streaming>
  static void write(Bits* to, V x) {
    if constexpr (streaming)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to), narrowed(x));
    else
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), narrowed(x));
  }
};

// The upper half of an f32: adding just under half a unit, and the last bit that stays, rounds to the nearest even.
struct Bf16By256 {
  using V = Float8;
  static constexpr int64_t lanes = 8;
  static V loaded(const Bits* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return (V)_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16);
  }
  static __m256i raised(V x) {
    const __m256i bits = (__m256i)x;
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
  }
  static V rounded(V x) { return (V)_mm256_and_si256(raised(x), _mm256_set1_epi32(int(0xffff0000))); }
  template <bool streaming>
  static void write(Bits* to, V x) {
    const __m256i upper = _mm256_srli_epi32(raised(x), 16);
    const __m128i bits = _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
    if constexpr (streaming)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to), bits);
    else
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bits);
  }
};

#ifdef __AVX512F__
template <bool streaming>
inline void write_256(Bits* to, __m256i bits) {
  if constexpr (streaming)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), bits);
  else
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bits);
}
inline __m256i load_256(const Bits* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

struct F16By512 {
  using V = Float16;
  static constexpr int64_t lanes = 16;
  static V widened(__m256i bits) { return (V)_mm512_cvtph_ps(bits); }
  static __m256i narrowed(V x) { return _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static V loaded(const Bits* from) { return widened(load_256(from)); }
  static V rounded(V x) { return widened(narrowed(x)); }
  template <bool streaming>
  static void write(Bits* to, V x) {
    write_256<streaming>(to, narrowed(x));
  }
};

inline Float16 upper_half(__m256i bits) { return (Float16)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16); }

struct Bf16By512 {
  using V = Float16;
  static constexpr int64_t lanes = 16;
  static V loaded(const Bits* from) { return upper_half(load_256(from)); }
  static __m512i raised(V x) {
    const __m512i bits = (__m512i)x;
    const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
  }
  static V rounded(V x) { return (V)_mm512_and_si512(raised(x), _mm512_set1_epi32(int(0xffff0000))); }
  template <bool streaming>
  static void write(Bits* to, V x) {
    write_256<streaming>(to, _mm512_cvtepi32_epi16(_mm512_srli_epi32(raised(x), 16)));
  }
};

#ifdef __AVX512BF16__
// The machine's own conversion.
struct ConvertedBf16 {
  using V = Float16;
  static constexpr int64_t lanes = 16;
  static __m256i narrowed(V x) { return (__m256i)_mm512_cvtneps_pbh((__m512)x); }
  static V loaded(const Bits* from) { return upper_half(load_256(from)); }
  static V rounded(V x) { return upper_half(narrowed(x)); }
  template <bool streaming>
  static void write(Bits* to, V x) {
    write_256<streaming>(to, narrowed(x));
  }
};
#endif

#ifdef __AVX512FP16__
// Arithmetic in f16: every operation rounds by itself.
struct ComputedF16 {
  typedef _Float16 V __attribute__((vector_size(64)));
  static constexpr int64_t lanes = 32;
  static V loaded(const Bits* from) { return load<V>(from); }
  static V rounded(V x) { return x; }
  template <bool streaming>
  static void write(Bits* to, V x) {
    if constexpr (streaming)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)x);
    else
      store(to, x);
  }
};
#endif
#endif

template <class Format>
inline __attribute__((always_inline)) typename Format::V chain6(const Bits* a, const Bits* b, const Bits* c,
                                                                const Bits* d) {
  using V = typename Format::V;
  const V va = Format::loaded(a), vb = Format::loaded(b), vd = Format::loaded(d);
  const V sum = Format::rounded(va + vb);
  const V product = Format::rounded(sum * Format::loaded(c));
  const V difference = Format::rounded(product - vd);
  const V left = Format::rounded(difference * va), right = Format::rounded(vb * vd);
  return left + right;  // rounded when it is written
}

template <class Format, bool streaming>
void chain6_half(const NativeCall& call) {
  constexpr int64_t lanes = Format::lanes, flight = 2;
  const Bits* in[4];
  for (int k = 0; k < 4; ++k) in[k] = static_cast<const Bits*>(call.inputs[k]);
  Bits* out = static_cast<Bits*>(call.outputs[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
    int64_t i = begin;
    for (; i + lanes * flight <= end; i += lanes * flight)
      for (int f = 0; f < flight; ++f) {
        const int64_t at = i + f * lanes;
        Format::template write<streaming>(out + at, chain6<Format>(in[0] + at, in[1] + at, in[2] + at, in[3] + at));
      }
    for (; i < end; i += lanes) {
      const int64_t count = end - i < lanes ? end - i : lanes;
      Bits last[5][lanes] = {};
      for (int k = 0; k < 4; ++k) __builtin_memcpy(last[k], in[k] + i, count * sizeof(Bits));
      Format::template write<false>(last[4], chain6<Format>(last[0], last[1], last[2], last[3]));
      __builtin_memcpy(out + i, last[4], count * sizeof(Bits));
    }
    if constexpr (streaming) _mm_sfence();
  });
}

// clang-format off
#define NATIVE_ROWS(dtype, text, Format)                                  \
  {"chain6", text, dtype, chain6_half<Format, false>},                    \
  {"chain6", text ", streaming", dtype, chain6_half<Format, true>},

const NativeKernel rows[] = {
    NATIVE_ROWS("f16", "256-bit", F16By256)
    NATIVE_ROWS("bf16", "256-bit", Bf16By256)
#ifdef __AVX512F__
    NATIVE_ROWS("f16", "512-bit", F16By512)
    NATIVE_ROWS("bf16", "512-bit", Bf16By512)
#ifdef __AVX512BF16__
    NATIVE_ROWS("bf16", "512-bit, converted", ConvertedBf16)
#endif
#ifdef __AVX512FP16__
    NATIVE_ROWS("f16", "512-bit, computed in f16", ComputedF16)
#endif
#endif
};
// clang-format on

}  // namespace

NativeKernels half_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
