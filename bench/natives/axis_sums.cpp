// Native sum_axis0 and sum_axis1: the input is extents[0] rows of extents[1] columns. Kernels named _16 want 16
// columns.
#include <utility>

#include "natives/natives.h"
#include "natives/sums.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T>
struct Matrix {
  const T* x;
  T* out;
  int64_t rows, columns;
  int threads;

  explicit Matrix(const NativeCall& call)
      : x(static_cast<const T*>(call.inputs[0])),
        out(static_cast<T*>(call.outputs[0])),
        rows(call.extents[0]),
        columns(call.extents[1]),
        threads(call.threads) {}
};

// ---- Along the rows -------------------------------------------------------------------------------------------------

// Each row by itself; where there are too few of them for the threads, each row on all threads.
template <class T, int bytes>
void rows_vector(const NativeCall& call) {
  const Matrix<T> m(call);
  if (m.threads > 1 && m.rows < 4 * m.threads) {
    for (int64_t row = 0; row < m.rows; ++row) {
      const SumTerm<T> term{m.x + row * m.columns};
      m.out[row] = reduce_parts<T>(m.columns, m.threads,
                                   [=](int64_t begin, int64_t end) { return accumulate<T, bytes>(begin, end, term); });
    }
    return;
  }
  parallel_parts<1>(m.rows, m.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row)
      m.out[row] = accumulate<T, bytes>(0, m.columns, SumTerm<T>{m.x + row * m.columns});
  });
}

// Adds pairs of neighbouring groups of `group` lanes: the sums of a's pairs and those of b's by turns. After doing so
// with 1, 2, 4, ... lanes on as many vectors as there are lanes, lane k is the sum of vector k.
template <int group, bool odd>
constexpr int picked(int lane, int lanes) {
  return (lane / group % 2) * lanes + lane / (2 * group) * (2 * group) + lane % group + (odd ? group : 0);
}
template <int group, class V, int... lane>
inline __attribute__((always_inline)) V add_pairs(V a, V b, std::integer_sequence<int, lane...>) {
  constexpr int lanes = sizeof...(lane);
  return __builtin_shufflevector(a, b, picked<group, false>(lane, lanes)...) +
         __builtin_shufflevector(a, b, picked<group, true>(lane, lanes)...);
}

// The sums of `count` vectors' groups of `count` lanes, taken from row(first), row(first + 1), ...
template <int count, class V, int lanes, class Row>
inline __attribute__((always_inline)) V fold(int first, Row row) {
  if constexpr (count == 1)
    return row(first);
  else
    return add_pairs<count / 2>(fold<count / 2, V, lanes>(first, row),
                                fold<count / 2, V, lanes>(first + count / 2, row),
                                std::make_integer_sequence<int, lanes>{});
}

// 16 columns: a row is one register or a few that are added; as many rows as lanes become one vector of sums.
template <class T, int bytes>
void rows_16(const NativeCall& call) {
  using V = Vector<T, bytes>;
  constexpr int lanes = bytes / sizeof(T), parts = 16 / lanes;
  const Matrix<T> m(call);
  parallel_parts<lanes>(m.rows, m.threads, [=](int64_t begin, int64_t end, int) {
    int64_t first = begin;
    for (; first + lanes <= end; first += lanes) {
      const T* block = m.x + first * 16;
      store(m.out + first, fold<lanes, V, lanes>(0, [=](int row) __attribute__((always_inline)) {
              V sum = load<V>(block + row * 16);
              for (int part = 1; part < parts; ++part) sum += load<V>(block + row * 16 + part * lanes);
              return sum;
            }));
    }
    for (; first < end; ++first) m.out[first] = accumulate<T, bytes>(0, 16, SumTerm<T>{m.x + first * 16});
  });
}

// ---- Along the columns ----------------------------------------------------------------------------------------------

// Adds rows [begin, end) of the columns [from, to) to the sums there.
template <class T>
inline void add_rows_plain(const Matrix<T>& m, int64_t begin, int64_t end, int64_t from, int64_t to, T* sums) {
  for (int64_t row = begin; row < end; ++row) {
    const T* __restrict x = m.x + row * m.columns;
    T* __restrict out = sums;
#pragma omp simd
    for (int64_t column = from; column < to; ++column) out[column] += x[column];
  }
}

// Four rows to a sweep, so that a sum is read and written once for four additions; a strip of columns at a time, so
// that its sums stay in the first cache.
template <class T, int bytes>
inline void add_rows_by_four(const Matrix<T>& m, int64_t begin, int64_t end, int64_t from, int64_t to, T* sums) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T), strip = 8192 / sizeof(T);
  for (int64_t left = from; left < to; left += strip) {
    const int64_t right = left + strip < to ? left + strip : to;
    int64_t row = begin;
    for (; row + 4 <= end; row += 4) {
      const T* x0 = m.x + row * m.columns;
      const T *x1 = x0 + m.columns, *x2 = x1 + m.columns, *x3 = x2 + m.columns;
      int64_t column = left;
      for (; column + lanes <= right; column += lanes)
        store(sums + column, load<V>(sums + column) + ((load<V>(x0 + column) + load<V>(x1 + column)) +
                                                       (load<V>(x2 + column) + load<V>(x3 + column))));
      for (; column < right; ++column) sums[column] += (x0[column] + x1[column]) + (x2[column] + x3[column]);
    }
    add_rows_plain(m, row, end, left, right, sums);
  }
}

// Eight vectors of columns stay in registers for all of the rows.
template <class T, int bytes>
inline void add_rows_in_registers(const Matrix<T>& m, int64_t begin, int64_t end, int64_t from, int64_t to, T* sums) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  int64_t column = from;
  for (; column + 8 * lanes <= to; column += 8 * lanes) {
    V sum[8];
    for (int k = 0; k < 8; ++k) sum[k] = load<V>(sums + column + k * lanes);
    for (int64_t row = begin; row < end; ++row)
      for (int k = 0; k < 8; ++k) sum[k] += load<V>(m.x + row * m.columns + column + k * lanes);
    for (int k = 0; k < 8; ++k) store(sums + column + k * lanes, sum[k]);
  }
  add_rows_plain(m, begin, end, column, to, sums);
}

// 16 columns: eight accumulators, several rows in flight.
template <class T, int bytes>
inline void add_rows_of_16(const Matrix<T>& m, int64_t begin, int64_t end, int64_t, int64_t, T* sums) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  constexpr int parts = 16 / lanes, flight = 8 / parts;
  V sum[flight][parts] = {};
  int64_t row = begin;
  for (; row + flight <= end; row += flight)
    for (int f = 0; f < flight; ++f)
      for (int part = 0; part < parts; ++part) sum[f][part] += load<V>(m.x + (row + f) * 16 + part * lanes);
  for (int part = 0; part < parts; ++part) {
    for (int f = 1; f < flight; ++f) sum[0][part] += sum[f][part];
    store(sums + part * lanes, load<V>(sums + part * lanes) + sum[0][part]);
  }
  add_rows_plain(m, row, end, 0, 16, sums);
}

// Threads divide the columns where each gets enough of them, else the rows, and then their partial sums are added.
template <class T, void (*add_rows)(const Matrix<T>&, int64_t, int64_t, int64_t, int64_t, T*)>
void columns_with(const NativeCall& call) {
  const Matrix<T> m(call);
  if (m.threads <= 1 || m.columns >= 1024 * m.threads) {
    parallel_parts(m.columns, m.threads, [=](int64_t from, int64_t to, int) {
      __builtin_memset(m.out + from, 0, (to - from) * sizeof(T));
      add_rows(m, 0, m.rows, from, to, m.out);
    });
    return;
  }
  constexpr int64_t apart = 256 / sizeof(T);  // partial sums of two threads are on no common line
  const int64_t pitch = (m.columns + apart - 1) / apart * apart + apart;
  T* partials = new T[pitch * m.threads]();
  parallel_parts<1>(m.rows, m.threads, [=](int64_t begin, int64_t end, int thread) {
    add_rows(m, begin, end, 0, m.columns, partials + thread * pitch);
  });
  for (int64_t column = 0; column < m.columns; ++column) {
    T total = partials[column];
    for (int thread = 1; thread < m.threads; ++thread) total += partials[thread * pitch + column];
    m.out[column] = total;
  }
  delete[] partials;
}

// clang-format off
#define NATIVE_ROWS(dtype, T, bits, bytes)                                                                       \
  {"sum_axis1", bits "-bit, 8 accumulators", dtype, rows_vector<T, bytes>},                                      \
  {"sum_axis1_16", bits "-bit, rows in registers", dtype, rows_16<T, bytes>},                                    \
  {"sum_axis0", bits "-bit, four rows to a sweep", dtype, columns_with<T, add_rows_by_four<T, bytes>>},          \
  {"sum_axis0", bits "-bit, columns in registers", dtype, columns_with<T, add_rows_in_registers<T, bytes>>},     \
  {"sum_axis0_16", bits "-bit, 8 accumulators", dtype, columns_with<T, add_rows_of_16<T, bytes>>},

const NativeKernel rows[] = {
    {"sum_axis0", "loop", "f32", columns_with<float, add_rows_plain<float>>},
    {"sum_axis0", "loop", "f64", columns_with<double, add_rows_plain<double>>},
    NATIVE_ROWS("f32", float, "256", 32)
    NATIVE_ROWS("f64", double, "256", 32)
    NATIVE_512(NATIVE_ROWS("f32", float, "512", 64))
    NATIVE_512(NATIVE_ROWS("f64", double, "512", 64))
};
// clang-format on

}  // namespace

NativeKernels axis_sum_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
