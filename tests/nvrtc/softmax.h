// A softmax of rows as a loop in a loop, which several tests compile.
#pragma once

#include <kiln/kiln.h>

namespace kiln::test {

inline constexpr auto softmax = [](Array a) {
  Array out = empty({a.shape(0), a.shape(1)}, a.dtype());
  for (Value i : prange(a.shape(0))) {
    Array row = a(i, _);
    Array e = exp(row - max(row));
    out(i, _) = e / sum(e);
  }
  return out;
};

}  // namespace kiln::test
