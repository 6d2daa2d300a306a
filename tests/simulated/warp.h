// What the lanes of a warp exchange.
#pragma once

#include "tests/simulated/module.h"

namespace kiln::simulated {

struct WarpRequest {
  WarpOperation operation = WarpOperation::synchronize;
  unsigned line = 0;
  unsigned mask = 0;
  unsigned long long value = 0;  // replaced by the result
  int argument = 0;
  int width = 32;

  // Whether both wait for the same exchange.
  bool meets(const WarpRequest& other) const {
    return operation == other.operation && line == other.line && mask == other.mask;
  }
};

const char* name_of(WarpOperation operation);

// Replaces the values of all lanes that take part; the others are null.
void exchange(WarpRequest* const (&lanes)[32]);

}  // namespace kiln::simulated
