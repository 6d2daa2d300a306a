// Measures the errors of the functions, in the default mode and in the precise one, against references of higher
// precision; prints them as docs/reference/accuracy.md, or compares them with the bounds of the operation table.
#include "tests/accuracy/arguments.h"
#include "tests/accuracy/reference.h"

#include <kiln/kiln.h>

#include <gnu/libc-version.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace kiln;
using namespace kiln::accuracy;

// ---- the functions --------------------------------------------------------------------------------------------------

struct Function {
  const char* name;
  int arity;
  double bound;
  Array (*call)(bool precise, const Array& x, const Array& y);
};

#define UNARY(name, ulp)                                           \
  {#name, 1, ulp, [](bool precise, const Array& x, const Array&) { \
     static const auto f = jit([](Array a) { return name(a); });   \
     return f.with({.precise = precise})(x);                       \
   }},
#define BINARY(name, ulp)                                                    \
  {#name, 2, ulp, [](bool precise, const Array& x, const Array& y) {         \
     static const auto f = jit([](Array a, Array b) { return name(a, b); }); \
     return f.with({.precise = precise})(x, y);                              \
   }},
#define IF_1(name, ulp) UNARY(name, ulp)
#define IF_2(name, ulp) BINARY(name, ulp)
#define IF_3(name, ulp)

// All functions of the table; those that are exact are left out below.
const Function table[] = {
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) IF_##arity(name, ulp)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
};

// ---- measuring ------------------------------------------------------------------------------------------------------

struct Worst {
  double ulp = 0;
  double x = 0, y = 0;

  void take(double error, double at_x, double at_y) {
    if (error > ulp) *this = {error, at_x, at_y};
  }
};

struct Measured {
  std::uint64_t count = 0;
  Worst worst[2];  // default, precise
};

// Compares one block of results with the references, on all cores.
template <class T>
void measure(const Function& f, const Arguments<T>& arguments, Measured& measured) {
  const Array x = array(arguments.x), y = f.arity == 2 ? array(arguments.y) : x;
  const Array of_default = f.call(false, x, y), of_precise = f.call(true, x, y);
  const auto found = of_default.template read<T>(), precise = of_precise.template read<T>();
  const std::size_t size = arguments.x.size();
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Measured> parts(threads);
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      for (std::size_t k = size * t / threads; k < size * (t + 1) / threads; ++k) {
        const T a = arguments.x[k], b = f.arity == 2 ? arguments.y[k] : T(0);
        const auto exact = reference(f.name, a, b);
        parts[t].worst[0].take(error_in_ulp(found[k], exact), a, b);
        parts[t].worst[1].take(error_in_ulp(precise[k], exact), a, b);
      }
    });
  for (std::thread& each : running) each.join();
  for (const Measured& part : parts)
    for (int mode = 0; mode < 2; ++mode) {
      const Worst& w = part.worst[mode];
      measured.worst[mode].take(w.ulp, w.x, w.y);
    }
  measured.count += size;
}

struct Settings {
  std::uint64_t f32 = std::uint64_t{1} << 24, f64 = std::uint64_t{1} << 21;
  bool every = false, check = false;
  std::vector<std::string> only;
};

template <class T>
Measured measure(const Function& f, std::uint64_t count, bool every) {
  constexpr std::size_t block = 1 << 18;
  Measured m;
  measure(f, special_arguments<T>(f.arity), m);
  if constexpr (sizeof(T) == 4) {
    if (every && f.arity == 1) {
      for (std::uint64_t k = 0; k < (std::uint64_t{1} << 32) / block; ++k) measure(f, every_argument(k, block), m);
      return m;
    }
  }
  for (std::uint64_t k = 0; k * block < count; ++k)
    measure(f, hashed_arguments<T>(f.name, f.arity, k, static_cast<std::size_t>(std::min<std::uint64_t>(block, count))),
            m);
  return m;
}

// ---- reporting ------------------------------------------------------------------------------------------------------

std::string ulps(double x) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(x < 1 ? 3 : 2) << x;
  return out.str();
}

std::string at(const Function& f, const Worst& w, int digits) {
  std::ostringstream out;
  out << std::setprecision(digits) << w.x;
  if (f.arity == 2) out << ", " << w.y;
  return out.str();
}

std::string million(std::uint64_t count) {
  if (count == (std::uint64_t{1} << 32)) return "all";
  std::ostringstream out;
  out << std::setprecision(3) << static_cast<double>(count) / 1e6 << " M";
  return out.str();
}

void print_head(const Settings& s) {
  std::cout << R"(# Accuracy

The largest errors measured, in units in the last place (ulp) of the exact result; half a ulp is what correct rounding
costs. Written by `scripts/accuracy`, which measures them on the machine at hand: each function at hashed arguments of all
magnitudes and at each of the 300 numbers on both sides of zeros, ends of ranges, halves and multiples of pi/2. f32 is
compared with f64 functions, f64 with functions of 113 bits. `+ - * / sqrt fma` and all that is not in the table are
correctly rounded or exact; `logaddexp` and `logaddexp2` are sums, exact to 8 ulp of the larger term.

*Default* is what a call uses that asks for nothing: the vector functions of glibc's libmvec, else SLEEF's. *Precise* is
`JitOptions{.precise = true}`: every function within 1 ulp. An f32 function is then the f64 one, rounded; an f64 function is
SLEEF's, or glibc's of f64 or of long double where SLEEF's is not fit. In each mode an argument has one result, whatever the
vector width and the number of threads. *Bound* is what the operation table promises in the default mode and the tests demand.

)";
  std::cout << "Measured with glibc " << gnu_get_libc_version() << " on " << last_call().vector_bits
            << "-bit vectors; f32 at "
            << (s.every ? "every number (functions of one argument)" : million(s.f32) + " numbers") << ", f64 at "
            << million(s.f64) << " numbers each.\n\n"
            << "| function | bound | f32 | f64 | f32 precise | f64 precise | f64's worst argument |\n"
            << "|---|---|---|---|---|---|---|\n";
}

int run(const Settings& settings) {
  bool good = true;
  bool first = true;
  for (const Function& f : table) {
    // logaddexp and logaddexp2 are sums of two terms, exact to their bound in units of the larger one; the angle of a
    // real number is 0 or pi.
    const std::string_view name = f.name;
    if (f.bound == 0 || name.starts_with("logaddexp") || name == "angle") continue;
    if (!settings.only.empty() && std::find(settings.only.begin(), settings.only.end(), f.name) == settings.only.end())
      continue;
    const Measured single = measure<float>(f, settings.f32, settings.every);
    const Measured wide = measure<double>(f, settings.f64, false);
    if (!settings.check) {
      if (std::exchange(first, false)) print_head(settings);
      std::cout << "| `" << f.name << "` | " << f.bound << " | " << ulps(single.worst[0].ulp) << " | "
                << ulps(wide.worst[0].ulp) << " | " << ulps(single.worst[1].ulp) << " | " << ulps(wide.worst[1].ulp)
                << " | " << at(f, wide.worst[0], 17) << " |" << std::endl;
    }
    const auto demand = [&](const Worst& w, double bound, const char* what, int digits) {
      if (w.ulp <= bound) return;
      good = false;
      std::cerr << f.name << " of " << what << ": " << w.ulp << " ulp at " << at(f, w, digits) << ", more than "
                << bound << std::endl;
    };
    demand(single.worst[0], f.bound, "f32", 9);
    demand(wide.worst[0], f.bound, "f64", 17);
    demand(single.worst[1], 1, "f32, precise", 9);
    demand(wide.worst[1], 1, "f64, precise", 17);
  }
  if (settings.check && good) std::cout << "all functions stay within their bounds" << std::endl;
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Errors of the functions in units in the last place"};
  app.add_option("--f32", settings.f32, "how many hashed arguments of f32");
  app.add_option("--f64", settings.f64, "how many hashed arguments of f64");
  app.add_flag("--every", settings.every, "every number of f32 for functions of one argument");
  app.add_flag("--check", settings.check, "print nothing but errors beyond the bounds");
  app.add_option("function", settings.only, "only these functions");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
