// Sums by hand, in whatever order is fastest: full, dot, along rows, along columns. No header is included, so that
// NVRTC takes the text, too.

namespace {

constexpr int threads = 256, in_flight = 4;

template <class T>
struct Vector;
template <>
struct Vector<float> {
  typedef float4 Type;
};
template <>
struct Vector<double> {
  typedef double2 Type;
};

__device__ __forceinline__ float total(float4 v) { return (v.x + v.y) + (v.z + v.w); }
__device__ __forceinline__ double total(double2 v) { return v.x + v.y; }
__device__ __forceinline__ float4 plus(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}
__device__ __forceinline__ double2 plus(double2 a, double2 b) { return make_double2(a.x + b.x, a.y + b.y); }
__device__ __forceinline__ float4 times(float4 a, float4 b) {
  return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}
__device__ __forceinline__ double2 times(double2 a, double2 b) { return make_double2(a.x * b.x, a.y * b.y); }
__device__ __forceinline__ void clear(float4& v) { v = make_float4(0, 0, 0, 0); }
__device__ __forceinline__ void clear(double2& v) { v = make_double2(0, 0); }

// The sum over the block, in its first thread.
template <class T>
__device__ T sum_of_block(T x, T* of_warps) {
  for (int half = 16; half > 0; half /= 2) x += __shfl_down_sync(0xffffffffu, x, half);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = x;
  __syncthreads();
  x = threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : T(0);
  if (threadIdx.x < 32)
    for (int half = 16; half > 0; half /= 2) x += __shfl_down_sync(0xffffffffu, x, half);
  __syncthreads();
  return x;
}

// What thread `first` of `stride` adds up of [0, n); of products where there is a second array.
template <bool product, class T>
__device__ __forceinline__ T sum_of_thread(const T* a, const T* b, long long n, long long first, long long stride) {
  typedef typename Vector<T>::Type V;
  constexpr int width = 16 / sizeof(T);
  const V* const x = (const V*)a;
  const V* const y = (const V*)b;
  const long long count = n / width;
  V sums[in_flight];
  for (int k = 0; k < in_flight; ++k) clear(sums[k]);
  long long i = first;
  for (; i + (in_flight - 1) * stride < count; i += in_flight * stride) {
#pragma unroll
    for (int k = 0; k < in_flight; ++k)
      sums[k] = plus(sums[k], product ? times(x[i + k * stride], y[i + k * stride]) : x[i + k * stride]);
  }
  for (; i < count; i += stride) sums[0] = plus(sums[0], product ? times(x[i], y[i]) : x[i]);
  T sum = total(plus(plus(sums[0], sums[1]), plus(sums[2], sums[3])));
  for (long long j = count * width + first; j < n; j += stride) sum += product ? a[j] * b[j] : a[j];
  return sum;
}

template <bool product, class T>
__device__ __forceinline__ void sum_of_array(const T* a, const T* b, T* partials, long long n) {
  __shared__ T of_warps[32];
  const T sum = sum_of_block(sum_of_thread<product>(a, b, n, (long long)blockIdx.x * blockDim.x + threadIdx.x,
                                                    (long long)gridDim.x * blockDim.x),
                             of_warps);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// A warp takes a short row, a block a long one.
template <class T>
__device__ __forceinline__ void sum_of_rows(const T* a, T* out, long long rows, long long columns, int by_warps) {
  __shared__ T of_warps[32];
  if (by_warps) {
    const int lane = threadIdx.x % 32;
    const long long warps = (long long)gridDim.x * (blockDim.x / 32);
    for (long long row = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; row < rows; row += warps) {
      T sum = sum_of_thread<false>(a + row * columns, a, columns, lane, 32);
      for (int half = 16; half > 0; half /= 2) sum += __shfl_down_sync(0xffffffffu, sum, half);
      if (lane == 0) out[row] = sum;
    }
  } else {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
      const T sum =
          sum_of_block(sum_of_thread<false>(a + row * columns, a, columns, threadIdx.x, blockDim.x), of_warps);
      if (threadIdx.x == 0) out[row] = sum;
    }
  }
}

// Rows of 16 numbers: four threads of f32, or eight of f64, to a row.
template <class T>
__device__ __forceinline__ void sum_of_rows_of_16(const T* a, T* out, long long rows) {
  typedef typename Vector<T>::Type V;
  constexpr int group = 16 * sizeof(T) / 16;
  const long long stride = (long long)gridDim.x * blockDim.x, count = (rows * group + 31) / 32 * 32;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
    T sum = i < rows * group ? total(((const V*)a)[i]) : T(0);
    for (int half = group / 2; half > 0; half /= 2) sum += __shfl_down_sync(0xffffffffu, sum, half, group);
    if (i < rows * group && i % group == 0) out[i / group] = sum;
  }
}

// A thread takes 16 bytes of columns and the rows of its slice; the slices' sums lie in rows of `partials`.
template <class T>
__device__ __forceinline__ void sum_of_columns(const T* a, T* partials, long long rows, long long columns,
                                               long long rows_of_slice) {
  typedef typename Vector<T>::Type V;
  constexpr int width = 16 / sizeof(T);
  const long long vectors = columns / width, column = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= vectors) return;
  const long long begin = blockIdx.y * rows_of_slice;
  const long long end = begin + rows_of_slice < rows ? begin + rows_of_slice : rows;
  const V* const x = (const V*)a + column;
  V sums[in_flight];
  for (int k = 0; k < in_flight; ++k) clear(sums[k]);
  long long row = begin;
  for (; row + in_flight <= end; row += in_flight) {
#pragma unroll
    for (int k = 0; k < in_flight; ++k) sums[k] = plus(sums[k], x[(row + k) * vectors]);
  }
  for (; row < end; ++row) sums[0] = plus(sums[0], x[row * vectors]);
  ((V*)partials)[blockIdx.y * vectors + column] = plus(plus(sums[0], sums[1]), plus(sums[2], sums[3]));
}

// Columns that are 16 altogether: the threads of a block walk over the rows as the memory lies, and meet at the end.
template <class T>
__device__ __forceinline__ void sum_of_16_columns(const T* a, T* partials, long long rows) {
  typedef typename Vector<T>::Type V;
  constexpr int group = 16 * sizeof(T) / 16, width = 16 / sizeof(T);
  __shared__ V sums[threads];
  const long long stride = (long long)gridDim.x * blockDim.x, count = rows * group;
  V own[in_flight];
  for (int k = 0; k < in_flight; ++k) clear(own[k]);
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i + (in_flight - 1) * stride < count; i += in_flight * stride) {
#pragma unroll
    for (int k = 0; k < in_flight; ++k) own[k] = plus(own[k], ((const V*)a)[i + k * stride]);
  }
  for (; i < count; i += stride) own[0] = plus(own[0], ((const V*)a)[i]);
  sums[threadIdx.x] = plus(plus(own[0], own[1]), plus(own[2], own[3]));
  __syncthreads();
  for (int half = threads / 2; half >= group; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] = plus(sums[threadIdx.x], sums[threadIdx.x + half]);
    __syncthreads();
  }
  if (threadIdx.x < group) ((V*)partials)[blockIdx.x * (16 / width) + threadIdx.x] = sums[threadIdx.x];
}

// The last step along columns: a thread adds up what the slices left of its column.
template <class T>
__device__ __forceinline__ void sum_of_slices(const T* partials, T* out, long long slices, long long columns) {
  const long long column = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  T sum = 0;
  for (long long slice = 0; slice < slices; ++slice) sum += partials[slice * columns + column];
  out[column] = sum;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) sum_f32(const float* __restrict__ a, float* partials, long long n) {
  sum_of_array<false>(a, a, partials, n);
}
extern "C" __global__ void __launch_bounds__(256)
    dot_f32(const float* __restrict__ a, const float* __restrict__ b, float* partials, long long n) {
  sum_of_array<true>(a, b, partials, n);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis1_f32(const float* __restrict__ a, float* out, long long rows, long long columns, int by_warps) {
  sum_of_rows(a, out, rows, columns, by_warps);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis1_16_f32(const float* __restrict__ a, float* out, long long rows) {
  sum_of_rows_of_16(a, out, rows);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis0_f32(const float* __restrict__ a, float* partials, long long rows, long long columns,
                  long long rows_of_slice) {
  sum_of_columns(a, partials, rows, columns, rows_of_slice);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis0_16_f32(const float* __restrict__ a, float* partials, long long rows) {
  sum_of_16_columns(a, partials, rows);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_slices_f32(const float* __restrict__ partials, float* out, long long slices, long long columns) {
  sum_of_slices(partials, out, slices, columns);
}
extern "C" __global__ void __launch_bounds__(256) sum_f64(const double* __restrict__ a, double* partials, long long n) {
  sum_of_array<false>(a, a, partials, n);
}
extern "C" __global__ void __launch_bounds__(256)
    dot_f64(const double* __restrict__ a, const double* __restrict__ b, double* partials, long long n) {
  sum_of_array<true>(a, b, partials, n);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis1_f64(const double* __restrict__ a, double* out, long long rows, long long columns, int by_warps) {
  sum_of_rows(a, out, rows, columns, by_warps);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis1_16_f64(const double* __restrict__ a, double* out, long long rows) {
  sum_of_rows_of_16(a, out, rows);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis0_f64(const double* __restrict__ a, double* partials, long long rows, long long columns,
                  long long rows_of_slice) {
  sum_of_columns(a, partials, rows, columns, rows_of_slice);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_axis0_16_f64(const double* __restrict__ a, double* partials, long long rows) {
  sum_of_16_columns(a, partials, rows);
}
extern "C" __global__ void __launch_bounds__(256)
    sum_slices_f64(const double* __restrict__ partials, double* out, long long slices, long long columns) {
  sum_of_slices(partials, out, slices, columns);
}
