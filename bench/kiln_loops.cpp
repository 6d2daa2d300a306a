// Kiln's contenders that are loops: tutorial, mandelbrot, Black-Scholes.
#include "bench/kiln_contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kernels::tutorial;
using kiln::Array;

void add_tutorial(Work& work) {
  const Array a = borrowed(work.input(0), {work.n(), work.n()});
  add_for_threads(work, "kiln", [a] { return tutorial(a); });
  if (work.n() <= 100) add_kiln(work, "interpreter", 1, [a, f = tutorial.with(interpreter_options)] { return f(a); });
}

template <class T>
void add_mandelbrot_of(Work& work) {
  const T xmin = T(work.scalar(0)), xmax = T(work.scalar(1)), ymin = T(work.scalar(2)), ymax = T(work.scalar(3));
  const auto picture = [=, n = work.n(), dtype = dtype_named(work.dtype())](const auto& function) {
    return [=, image = kiln::empty({n, n}, dtype)] {
      function(xmin, xmax, ymin, ymax, image);
      return image;
    };
  };
  add_for_threads(work, "kiln", picture(kernels::mandelbrot));
  add_for_threads(work, "kiln_fast", picture(kernels::mandelbrot.with(fast_options)));
}

void add_mandelbrot(Work& work) {
  if (work.dtype() == "f32")
    add_mandelbrot_of<float>(work);
  else
    add_mandelbrot_of<double>(work);
}

void add_black_scholes(Work& work) {
  const Array spot = borrowed(work.input(0)), strike = borrowed(work.input(1)), years = borrowed(work.input(2));
  const double rate = work.scalar(0), volatility = work.scalar(1);
  const auto prices = [=](const auto& function) {
    return [=] { return function(spot, strike, years, rate, volatility); };
  };
  add_for_threads(work, "kiln", prices(kernels::black_scholes));
  add_for_threads(work, "kiln_fast", prices(kernels::black_scholes.with(fast_options)));
}

}  // namespace

void register_kiln_loops(Suite& suite) {
  suite.extend("tutorial", add_tutorial);
  suite.extend("mandelbrot", add_mandelbrot);
  suite.extend("black_scholes", add_black_scholes);
}

}  // namespace bench
