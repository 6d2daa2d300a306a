// Every KILN_* variable of the environment, read once.
#include "core/config.h"

#include "core/log.h"

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

std::optional<int> positive_number(std::string_view text) {
  const std::string number(text);
  char* end = nullptr;
  const long value = std::strtol(number.c_str(), &end, 10);
  if (number.empty() || *end != '\0' || value <= 0) return {};
  return static_cast<int>(std::min<long>(value, INT_MAX));
}

std::optional<std::string> level(std::string_view text) {
  for (const char* known : {"trace", "debug", "info", "warn", "error", "off"})
    if (text == known) return known;
  return {};
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

// Reads variables that have to be something; one that is not is noted, and leaves the default.
class Reader {
 public:
  explicit Reader(Config& config) : config_(config) {}

  template <class T, class Into>
  void read(const char* name, std::optional<T> (*parse)(std::string_view), const char* wanted, Into& into) {
    const char* const value = variable(name);
    if (value == nullptr) return;
    if (const std::optional<T> parsed = parse(value))
      into = static_cast<Into>(*parsed);
    else
      config_.refused.push_back(std::string(name) + "=" + value + " counts as not set: it must be " + wanted);
  }

 private:
  Config& config_;
};

constexpr const char* a_number = "a positive number";
constexpr const char* a_size = "a number of bytes, or with a K, M or G";

}  // namespace

Config read_environment() {
  Config c;
  Reader reader(c);
  c.disable_jit = is_set("KILN_DISABLE_JIT");
  c.check = is_set("KILN_CHECK");
  if (variable("KILN_BOUNDS_CHECK")) c.bounds_check = is_set("KILN_BOUNDS_CHECK");
  c.verify = verify_by_default || is_set("KILN_VERIFY");
  c.quick = is_set("KILN_QUICK_COMPILE");
  c.strict = is_set("KILN_STRICT");
  c.synchronize = is_set("KILN_SYNCHRONIZE");
  reader.read("KILN_LOG", level, "trace, debug, info, warn, error or off", c.log_level);
  reader.read("KILN_NUM_THREADS", positive_number, a_number, c.threads);
  c.cache_directory = cache_directory();
  if (const char* library = variable("KILN_CUDA_DRIVER")) c.cuda_driver = library;
  if (const char* library = variable("KILN_NVRTC")) c.nvrtc = library;
  reader.read("KILN_CACHE_SIZE", size, a_size, c.cache_bytes);
  reader.read("KILN_GPU_UNITS", positive_number, a_number, c.gpu_units);
  reader.read("KILN_GPU_KEEP", size, a_size, c.gpu_kept_bytes);
  return c;
}

const Config& config() {
  // Never torn down: kernels may run while globals are destroyed.
  static const Config& values = [&]() -> const Config& {
    const Config& read = *new Config(read_environment());
    if (read.log_level != "error" && read.log_level != "off")
      for (const std::string& sentence : read.refused) log_always(LogLevel::warn, sentence);
    return read;
  }();
  return values;
}

}  // namespace kiln
