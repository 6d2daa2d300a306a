// Every KILN_* variable of the environment, read once.
#include "core/config.h"

#include <cstdlib>
#include <cstring>

namespace kiln {

namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value && std::strcmp(value, "0") != 0;
}

#ifdef KILN_VERIFY
constexpr bool verify_by_default = true;
#else
constexpr bool verify_by_default = false;
#endif

}  // namespace

const Config& config() {
  static const Config values = [] {
    const char* level = std::getenv("KILN_LOG");
    return Config{is_set("KILN_DISABLE_JIT"), verify_by_default || is_set("KILN_VERIFY"), level ? level : "warn"};
  }();
  return values;
}

}  // namespace kiln
