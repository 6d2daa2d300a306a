// The Mandelbrot set by hand: a thread per pixel, blocks of 32 by 8 pixels, whose steps are alike. No header is
// included, so that NVRTC takes the text, too.

namespace {

template <class T>
__device__ __forceinline__ void pixel(T* image, T xmin, T xmax, T ymin, T ymax, int side) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column >= side || row >= side) return;
  const T cr = xmin + (xmax - xmin) * T(column) / T(side), ci = ymin + (ymax - ymin) * T(row) / T(side);
  T zr = 0, zi = 0;
  int steps = 0;
  while (zr * zr + zi * zi < T(4) && steps < 200) {
    const T t = zr * zr - zi * zi + cr;
    zi = T(2) * zr * zi + ci;
    zr = t;
    ++steps;
  }
  image[(long long)row * side + column] = T(steps);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    mandelbrot_f32(float* image, float xmin, float xmax, float ymin, float ymax, int side) {
  pixel(image, xmin, xmax, ymin, ymax, side);
}
extern "C" __global__ void __launch_bounds__(256)
    mandelbrot_f64(double* image, double xmin, double xmax, double ymin, double ymax, int side) {
  pixel(image, xmin, xmax, ymin, ymax, side);
}
