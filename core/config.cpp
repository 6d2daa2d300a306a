// Every KILN_* variable of the environment, read once.
#include "core/config.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace kiln {

namespace {

#ifdef KILN_VERIFY
constexpr bool verify_by_default = true;
#else
constexpr bool verify_by_default = false;
#endif

// nullptr if it is empty or not set.
const char* variable(const char* name) {
  const char* value = ::secure_getenv(name);
  return value && *value ? value : nullptr;
}

bool is_set(const char* name) {
  const char* value = variable(name);
  return value && std::string_view(value) != "0";
}

int positive_number(const char* text) {
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  return end == text || *end != '\0' || number <= 0 ? 0 : static_cast<int>(std::min<long>(number, INT_MAX));
}

std::optional<std::uint64_t> size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return {};
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return value;
  const int letter = std::toupper(static_cast<unsigned char>(unit[0]));
  const int shift = letter == 'K' ? 10 : letter == 'M' ? 20 : letter == 'G' ? 30 : 0;
  if (unit.size() != 1 || shift == 0 || value > (UINT64_MAX >> shift)) return {};
  return value << shift;
}

std::string home_directory() {
  if (const char* home = variable("HOME")) return home;
  passwd entry{};
  passwd* found = nullptr;
  char text[4096];
  if (::getpwuid_r(::geteuid(), &entry, text, sizeof text, &found) != 0 || found == nullptr) return {};
  return found->pw_dir;
}

std::string cache_directory() {
  const char* on = variable("KILN_DISK_CACHE");
  if (on && std::string_view(on) == "0") return {};
  if (const char* directory = variable("KILN_CACHE_DIR")) return directory;
  if (const char* cache = variable("XDG_CACHE_HOME"); cache && *cache == '/') return std::string(cache) + "/kiln";
  const std::string home = home_directory();
  return home.empty() ? home : home + "/.cache/kiln";
}

}  // namespace

Config read_environment() {
  Config c;
  c.disable_jit = is_set("KILN_DISABLE_JIT");
  c.check = is_set("KILN_CHECK");
  if (variable("KILN_BOUNDS_CHECK")) c.bounds_check = is_set("KILN_BOUNDS_CHECK");
  c.verify = verify_by_default || is_set("KILN_VERIFY");
  c.quick = is_set("KILN_QUICK_COMPILE");
  c.strict = is_set("KILN_STRICT");
  c.synchronize = is_set("KILN_SYNCHRONIZE");
  if (const char* level = variable("KILN_LOG")) c.log_level = level;
  if (const char* threads = variable("KILN_NUM_THREADS")) c.threads = positive_number(threads);
  c.cache_directory = cache_directory();
  if (const char* library = variable("KILN_CUDA_DRIVER")) c.cuda_driver = library;
  if (const char* library = variable("KILN_NVRTC")) c.nvrtc = library;
  if (const char* bytes = variable("KILN_CACHE_SIZE")) c.cache_bytes = size(bytes).value_or(c.cache_bytes);
  if (const char* units = variable("KILN_GPU_UNITS")) c.gpu_units = static_cast<unsigned>(positive_number(units));
  if (const char* bytes = variable("KILN_GPU_KEEP")) c.gpu_kept_bytes = size(bytes).value_or(c.gpu_kept_bytes);
  return c;
}

const Config& config() {
  // Never torn down: kernels may run while globals are destroyed.
  static const Config& values = *new Config(read_environment());
  return values;
}

}  // namespace kiln
