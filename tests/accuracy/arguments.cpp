// Arguments from a hash of their number.
#include "tests/accuracy/arguments.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace kiln::accuracy {

namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// splitmix64
std::uint64_t hash(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// In [0, 1).
double fraction(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// Any sign, an exponent between `low` and `high`, a hashed mantissa.
template <class T>
T with_exponent(std::uint64_t bits, int low, int high) {
  const auto exponent = low + static_cast<int>(hash(bits) % static_cast<std::uint64_t>(high - low + 1));
  const auto x = static_cast<T>(std::ldexp(1 + fraction(hash(bits + 1)), exponent));
  return (bits & 1) != 0 ? -x : x;
}

template <class T>
T argument(std::uint64_t number) {
  const std::uint64_t bits = hash(number);
  switch (number % 4) {
    case 0: return std::bit_cast<T>(static_cast<Bits<T>>(bits));  // all magnitudes alike
    case 1: return static_cast<T>(2 * fraction(bits) - 1);
    case 2: return with_exponent<T>(bits, -20, 10);
    default: return with_exponent<T>(bits, -4, 4);
  }
}

// The second argument: of pow most often one that gives a finite result, of the others of a magnitude near x's.
template <class T>
T second_argument(std::string_view name, T x, std::uint64_t number) {
  const std::uint64_t bits = hash(~number);
  if (number % 8 == 0) return std::bit_cast<T>(static_cast<Bits<T>>(bits));
  if (name == "pow") {
    const double limit =
        std::numeric_limits<T>::max_exponent * std::log(2.0) / std::fabs(std::log(std::fabs(double{x})));
    const double y = (2 * fraction(bits) - 1) * 1.05 * limit;
    return static_cast<T>(number % 8 < 3 || x < 0 ? std::nearbyint(y) : y);
  }
  int exponent = 0;
  std::frexp(x, &exponent);
  const int away = static_cast<int>(hash(bits) % 61) - 30;
  const auto y = static_cast<T>(std::ldexp(1 + fraction(bits), exponent + away));
  return (bits & 1) != 0 ? -y : y;
}

}  // namespace

template <class T>
Arguments<T> hashed_arguments(std::string_view name, int arity, std::uint64_t block, std::size_t size) {
  Arguments<T> all;
  for (std::size_t k = 0; k < size; ++k) {
    const std::uint64_t number = block * size + k;
    all.x.push_back(argument<T>(number));
    if (arity == 2) all.y.push_back(second_argument<T>(name, all.x.back(), number));
  }
  return all;
}

template <class T>
Arguments<T> special_arguments(int arity) {
  using Limits = std::numeric_limits<T>;
  constexpr int places = 300;
  std::vector<double> points = {
      0, Limits::min(), Limits::max(), Limits::denorm_min(), Limits::epsilon(), 0.25, 0.5, 1, 1.5, 2, 3, 4,
      // where exp, exp2, sinh, erfc overflow or vanish
      std::log(double{Limits::max()}), -std::log(double{Limits::denorm_min()}), double{Limits::max_exponent},
      -double{Limits::min_exponent} + Limits::digits, 10, 22, 26.5, 27.2, 0x1p23, 0x1p52};
  for (int k = 1; k <= 40; ++k) points.push_back(k * 1.5707963267948966);
  for (const int k : {100, 1000, 100'000, 10'000'000}) points.push_back(k * 1.5707963267948966);
  Arguments<T> all;
  for (const double point : points)
    for (const double sign : {1.0, -1.0}) {
      T up = static_cast<T>(sign * point), down = up;
      for (int k = 0; k < places; ++k) {
        all.x.push_back(up);
        all.x.push_back(down);
        up = std::nextafter(up, Limits::infinity());
        down = std::nextafter(down, -Limits::infinity());
      }
    }
  all.x.push_back(Limits::quiet_NaN());
  if (arity == 2)
    for (std::size_t k = 0; k < all.x.size(); ++k) all.y.push_back(all.x[hash(k) % all.x.size()]);
  return all;
}

Arguments<float> every_argument(std::uint64_t block, std::size_t size) {
  Arguments<float> all;
  for (std::size_t k = 0; k < size; ++k)
    all.x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(block * size + k)));
  return all;
}

template Arguments<float> hashed_arguments(std::string_view, int, std::uint64_t, std::size_t);
template Arguments<double> hashed_arguments(std::string_view, int, std::uint64_t, std::size_t);
template Arguments<float> special_arguments(int);
template Arguments<double> special_arguments(int);

}  // namespace kiln::accuracy
