// Accelerations of n bodies by hand: a thread per body, the others in tiles of shared memory. No header is included, so
// that NVRTC takes the text, too.

namespace {

constexpr int threads = 256;

__device__ __forceinline__ float root_of(float x) { return sqrtf(x); }
__device__ __forceinline__ double root_of(double x) { return sqrt(x); }

template <class T>
__device__ __forceinline__ void accelerations(const T* x, const T* y, const T* z, const T* mass, T* ax, T* ay, T* az,
                                              T softening, int n) {
  __shared__ T tile_x[threads], tile_y[threads], tile_z[threads], tile_mass[threads];
  const int i = blockIdx.x * threads + threadIdx.x, me = i < n ? i : n - 1;
  const T mine_x = x[me], mine_y = y[me], mine_z = z[me];
  T sum_x = 0, sum_y = 0, sum_z = 0;
  for (int first = 0; first < n; first += threads) {
    const int other = first + threadIdx.x;
    __syncthreads();
    tile_x[threadIdx.x] = other < n ? x[other] : T(0);
    tile_y[threadIdx.x] = other < n ? y[other] : T(0);
    tile_z[threadIdx.x] = other < n ? z[other] : T(0);
    tile_mass[threadIdx.x] = other < n ? mass[other] : T(0);
    __syncthreads();
#pragma unroll 8
    for (int j = 0; j < threads; ++j) {
      const T dx = tile_x[j] - mine_x, dy = tile_y[j] - mine_y, dz = tile_z[j] - mine_z;
      const T inverse = T(1) / root_of(dx * dx + dy * dy + dz * dz + softening);
      const T weight = tile_mass[j] * (inverse * inverse * inverse);
      sum_x += dx * weight;
      sum_y += dy * weight;
      sum_z += dz * weight;
    }
  }
  if (i < n) {
    ax[i] = sum_x;
    ay[i] = sum_y;
    az[i] = sum_z;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    nbody_f32(const float* __restrict__ x, const float* __restrict__ y, const float* __restrict__ z,
              const float* __restrict__ mass, float* ax, float* ay, float* az, float softening, int n) {
  accelerations(x, y, z, mass, ax, ay, az, softening, n);
}
extern "C" __global__ void __launch_bounds__(256)
    nbody_f64(const double* __restrict__ x, const double* __restrict__ y, const double* __restrict__ z,
              const double* __restrict__ mass, double* ax, double* ay, double* az, double softening, int n) {
  accelerations(x, y, z, mass, ax, ay, az, softening, n);
}
