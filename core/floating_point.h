// The floating-point mode that everything of Kiln computes in, whatever its caller's is.
#pragma once

#include <xmmintrin.h>

namespace kiln {

/// Rounds to nearest, keeps denormals, masks every exception.
inline constexpr unsigned canonical_mxcsr = 0x1f80;

/// While it lives this thread has the canonical mode; then the caller's is back.
class CanonicalFloatingPoint {
 public:
  CanonicalFloatingPoint() : saved_(_mm_getcsr()) {
    if ((saved_ & ~exceptions_seen) != canonical_mxcsr) _mm_setcsr(canonical_mxcsr);
  }
  // Also the exceptions that were seen meanwhile are not the caller's. Writing the register costs more than reading it.
  ~CanonicalFloatingPoint() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }
  CanonicalFloatingPoint(const CanonicalFloatingPoint&) = delete;
  CanonicalFloatingPoint& operator=(const CanonicalFloatingPoint&) = delete;

 private:
  static constexpr unsigned exceptions_seen = 0x3f;
  unsigned saved_;
};

}  // namespace kiln
