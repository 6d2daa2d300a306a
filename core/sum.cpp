// Sums, differences and products of canonical sums, modulo 2^64.
#include "core/sum.h"

#include <algorithm>
#include <utility>

namespace kiln::ir {

namespace {

constexpr std::size_t most_terms = 32;  // products are multiplied out up to here

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t wrapping_multiply(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

// Sorts terms, joins equal ones and drops those that vanish.
void canonicalise(Sum& sum) {
  std::sort(sum.terms.begin(), sum.terms.end(),
            [](const Sum::Term& a, const Sum::Term& b) { return a.factors < b.factors; });
  std::vector<Sum::Term> joined;
  for (Sum::Term& term : sum.terms) {
    if (!joined.empty() && joined.back().factors == term.factors) {
      joined.back().coefficient = wrapping_add(joined.back().coefficient, term.coefficient);
    } else {
      joined.push_back(std::move(term));
    }
  }
  std::erase_if(joined, [](const Sum::Term& term) { return term.coefficient == 0; });
  sum.terms = std::move(joined);
}

}  // namespace

Sum scaled(const Sum& a, std::int64_t factor) {
  Sum result = a;
  result.constant = wrapping_multiply(result.constant, factor);
  for (Sum::Term& term : result.terms) term.coefficient = wrapping_multiply(term.coefficient, factor);
  std::erase_if(result.terms, [](const Sum::Term& term) { return term.coefficient == 0; });
  return result;
}

Sum plus(const Sum& a, const Sum& b) {
  Sum result = a;
  result.constant = wrapping_add(result.constant, b.constant);
  result.terms.insert(result.terms.end(), b.terms.begin(), b.terms.end());
  canonicalise(result);
  return result;
}

std::optional<Sum> times(const Sum& a, const Sum& b) {
  if (a.is_constant()) return scaled(b, a.constant);
  if (b.is_constant()) return scaled(a, b.constant);
  if ((a.terms.size() + 1) * (b.terms.size() + 1) > most_terms) return std::nullopt;
  Sum result = plus(scaled(a, b.constant), scaled(b, a.constant));
  result.constant = wrapping_multiply(a.constant, b.constant);
  for (const Sum::Term& x : a.terms) {
    for (const Sum::Term& y : b.terms) {
      if (x.factors.size() + y.factors.size() > max_rank) return std::nullopt;
      Sum::Term term{x.factors, wrapping_multiply(x.coefficient, y.coefficient)};
      term.factors.insert(term.factors.end(), y.factors.begin(), y.factors.end());
      std::sort(term.factors.begin(), term.factors.end());
      result.terms.push_back(std::move(term));
    }
  }
  canonicalise(result);
  return result;
}

}  // namespace kiln::ir
