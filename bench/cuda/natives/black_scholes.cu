// Prices of options by hand: a thread per option, the functions CUDA has. No header is included, so that NVRTC takes
// the text, too.

namespace {

__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(-x / 1.41421356237309504880f); }
__device__ __forceinline__ double normal_cdf(double x) { return 0.5 * erfc(-x / 1.41421356237309504880); }
__device__ __forceinline__ float root_of(float x) { return sqrtf(x); }
__device__ __forceinline__ double root_of(double x) { return sqrt(x); }
__device__ __forceinline__ float log_of(float x) { return logf(x); }
__device__ __forceinline__ double log_of(double x) { return log(x); }
__device__ __forceinline__ float exp_of(float x) { return expf(x); }
__device__ __forceinline__ double exp_of(double x) { return exp(x); }

// `drift` is the rate and half of the volatility's square.
template <class T>
__device__ __forceinline__ void prices(const T* spot, const T* strike, const T* years, T* call, T* put, T rate, T drift,
                                       T volatility, long long n) {
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
    const T s = spot[i], k = strike[i], t = years[i];
    const T root = root_of(t);
    const T d1 = (log_of(s / k) + drift * t) / (volatility * root);
    const T d2 = d1 - volatility * root;
    const T discounted = k * exp_of(-rate * t);
    call[i] = s * normal_cdf(d1) - discounted * normal_cdf(d2);
    put[i] = discounted * normal_cdf(-d2) - s * normal_cdf(-d1);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    black_scholes_f32(const float* __restrict__ spot, const float* __restrict__ strike, const float* __restrict__ years,
                      float* __restrict__ call, float* __restrict__ put, float rate, float drift, float volatility,
                      long long n) {
  prices(spot, strike, years, call, put, rate, drift, volatility, n);
}
extern "C" __global__ void __launch_bounds__(256)
    black_scholes_f64(const double* __restrict__ spot, const double* __restrict__ strike,
                      const double* __restrict__ years, double* __restrict__ call, double* __restrict__ put,
                      double rate, double drift, double volatility, long long n) {
  prices(spot, strike, years, call, put, rate, drift, volatility, n);
}
