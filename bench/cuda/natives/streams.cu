// Copy, triad and chain6 by hand: 16 bytes to a load and to a store, four of them in flight, a grid that fills the GPU
// once and strides over the arrays. No header is included, so that NVRTC takes the text, too.

namespace {

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

template <class Operation>
__device__ __forceinline__ float4 each(Operation f, float4 a, float4 b, float4 c, float4 d) {
  return make_float4(f(a.x, b.x, c.x, d.x), f(a.y, b.y, c.y, d.y), f(a.z, b.z, c.z, d.z), f(a.w, b.w, c.w, d.w));
}
template <class Operation>
__device__ __forceinline__ double2 each(Operation f, double2 a, double2 b, double2 c, double2 d) {
  return make_double2(f(a.x, b.x, c.x, d.x), f(a.y, b.y, c.y, d.y));
}

struct Copy {
  template <class T>
  __device__ T operator()(T a, T, T, T) const {
    return a;
  }
};
template <class T>
struct Triad {
  T s;
  __device__ T operator()(T b, T c, T, T) const { return b + s * c; }
};
struct Chain6 {
  template <class T>
  __device__ T operator()(T a, T b, T c, T d) const {
    return ((a + b) * c - d) * a + b * d;
  }
};

// Of the four inputs an operation looks at the first `used`.
template <int used, class T, class Operation>
__device__ __forceinline__ void stream(const T* a, const T* b, const T* c, const T* d, T* out, long long n,
                                       Operation f) {
  typedef typename Vector<T>::Type V;
  constexpr int in_flight = 4, width = 16 / sizeof(T);
  const T* const scalars[4] = {a, b, c, d};
  const V* const vectors[4] = {(const V*)a, (const V*)b, (const V*)c, (const V*)d};
  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, stride = (long long)gridDim.x * blockDim.x;
  const long long count = n / width;
  long long i = first;
  for (; i + (in_flight - 1) * stride < count; i += in_flight * stride) {
    V x[4][in_flight];
#pragma unroll
    for (int k = 0; k < in_flight; ++k)
#pragma unroll
      for (int input = 0; input < 4; ++input) x[input][k] = vectors[input < used ? input : 0][i + k * stride];
#pragma unroll
    for (int k = 0; k < in_flight; ++k) ((V*)out)[i + k * stride] = each(f, x[0][k], x[1][k], x[2][k], x[3][k]);
  }
  for (; i < count; i += stride)
    ((V*)out)[i] = each(f, vectors[0][i], vectors[used > 1 ? 1 : 0][i], vectors[used > 2 ? 2 : 0][i],
                        vectors[used > 3 ? 3 : 0][i]);
  for (long long j = count * width + first; j < n; j += stride)
    out[j] = f(scalars[0][j], scalars[used > 1 ? 1 : 0][j], scalars[used > 2 ? 2 : 0][j], scalars[used > 3 ? 3 : 0][j]);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    copy_f32(const float* __restrict__ a, float* __restrict__ out, long long n) {
  stream<1>(a, a, a, a, out, n, Copy());
}
extern "C" __global__ void __launch_bounds__(256)
    triad_f32(const float* __restrict__ b, const float* __restrict__ c, float* __restrict__ out, float s, long long n) {
  stream<2>(b, c, b, b, out, n, Triad<float>{s});
}
extern "C" __global__ void __launch_bounds__(256)
    chain6_f32(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ c,
               const float* __restrict__ d, float* __restrict__ out, long long n) {
  stream<4>(a, b, c, d, out, n, Chain6());
}
extern "C" __global__ void __launch_bounds__(256)
    copy_f64(const double* __restrict__ a, double* __restrict__ out, long long n) {
  stream<1>(a, a, a, a, out, n, Copy());
}
extern "C" __global__ void __launch_bounds__(256) triad_f64(const double* __restrict__ b, const double* __restrict__ c,
                                                            double* __restrict__ out, double s, long long n) {
  stream<2>(b, c, b, b, out, n, Triad<double>{s});
}
extern "C" __global__ void __launch_bounds__(256)
    chain6_f64(const double* __restrict__ a, const double* __restrict__ b, const double* __restrict__ c,
               const double* __restrict__ d, double* __restrict__ out, long long n) {
  stream<4>(a, b, c, d, out, n, Chain6());
}

// The smallest of launches: what a call of four or five arrays costs beside its work.
extern "C" __global__ void add3_f32(const float* a, const float* b, const float* c, float* out, long long n) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = a[i] + b[i] + c[i];
}
extern "C" __global__ void add4_f32(const float* a, const float* b, const float* c, const float* d, float* out,
                                    long long n) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = a[i] + b[i] + c[i] + d[i];
}
