// European options: two results from one pass over three arrays, checked by put-call parity.
#include <kiln/kiln.h>

#include <iostream>
#include <numbers>
#include <tuple>

using namespace kiln;

namespace options {

Value normal_cdf(Value x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }

auto black_scholes = jit([](Array spot, Array strike, Array years, Value rate, Value volatility) {
  Array call = empty_like(spot), put = empty_like(spot);
  for (Value i : prange(spot.size())) {
    Value deviation = volatility * sqrt(years(i));
    Value d1 = (log(spot(i) / strike(i)) + (rate + volatility * volatility / 2.0) * years(i)) / deviation;
    Value d2 = d1 - deviation;
    Value discounted = strike(i) * exp(-rate * years(i));
    call(i) = spot(i) * normal_cdf(d1) - discounted * normal_cdf(d2);
    put(i) = discounted * normal_cdf(-d2) - spot(i) * normal_cdf(-d1);
  }
  return std::tuple(call, put);
});

auto parity_error = jit([](Array call, Array put, Array spot, Array strike, Array years, Value rate) {
  return max(abs(call - put - (spot - strike * exp(-rate * years))));
});

}  // namespace options

int main() {
  const std::int64_t n = 1'000'001;
  const double rate = 0.02, volatility = 0.3;
  const Array spot = linspace(60.0, 140.0, n), strike = full({n}, 100.0), years = linspace(0.25, 2.0, n);

  const auto [call, put] = options::black_scholes(spot, strike, years, rate, volatility);
  std::cout << "spot  " << spot(slice(_, _, n / 5)) << "\n";
  std::cout << "call  " << call(slice(_, _, n / 5)) << "\n";
  std::cout << "put   " << put(slice(_, _, n / 5)) << "\n";

  const double error = options::parity_error(call, put, spot, strike, years, rate).as_double();
  std::cout << "call - put differs from spot - discounted strike by at most " << error << "\n";
  return error < 1e-10 ? 0 : 1;
}
