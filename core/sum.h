// Sum: an i64 expression as a polynomial in one canonical form.
#pragma once

#include "core/ir.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace kiln::ir {

/// An i64 expression as a polynomial, modulo 2^64: `constant` plus terms, each a coefficient times a product of nodes
/// that are no sums themselves. Terms are sorted by their factors, factors by id, no coefficient is 0: equal sums
/// compare equal.
struct Sum {
  struct Term {
    std::vector<NodeId> factors;
    std::int64_t coefficient = 0;
    bool operator==(const Term&) const = default;
  };
  std::vector<Term> terms;
  std::int64_t constant = 0;

  bool is_constant() const { return terms.empty(); }
  bool operator==(const Sum&) const = default;
};

/// Sums, differences and products of canonical sums.
Sum scaled(const Sum& a, std::int64_t factor);
Sum plus(const Sum& a, const Sum& b);
std::optional<Sum> times(const Sum& a, const Sum& b);

}  // namespace kiln::ir
