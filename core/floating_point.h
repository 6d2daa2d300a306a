// The floating-point mode that everything of Kiln computes in, whatever its caller's is.
#pragma once

#include <xmmintrin.h>

namespace kiln {

/// While it lives this thread rounds to nearest, keeps denormals and masks every exception; then the caller's mode is
/// back.
class CanonicalFloatingPoint {
 public:
  CanonicalFloatingPoint() : saved_(_mm_getcsr()) {
    if ((saved_ & ~exceptions_seen) != canonical) _mm_setcsr(canonical);
  }
  // Also the exceptions that were seen meanwhile are not the caller's. Writing the register costs more than reading it.
  ~CanonicalFloatingPoint() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }
  CanonicalFloatingPoint(const CanonicalFloatingPoint&) = delete;
  CanonicalFloatingPoint& operator=(const CanonicalFloatingPoint&) = delete;

 private:
  static constexpr unsigned canonical = 0x1f80, exceptions_seen = 0x3f;
  unsigned saved_;
};

}  // namespace kiln
