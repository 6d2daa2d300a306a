// Kiln's own logger, made at its first line and never torn down: kernels may run while globals are destroyed.
#include "core/log.h"

#include "core/config.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace kiln {

namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: break;
  }
  return spdlog::level::err;
}

spdlog::level::level_enum asked_for() noexcept {
  const std::string_view name = config().log_level;
  if (name == "trace") return spdlog::level::trace;
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "error") return spdlog::level::err;
  if (name == "off") return spdlog::level::off;
  return spdlog::level::warn;
}

// Not in spdlog's registry: it would be shared with the user's own use of spdlog, and torn down with it.
spdlog::logger& logger() {
  static spdlog::logger& instance = [&]() -> spdlog::logger& {
    auto* made = new spdlog::logger("kiln", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);  // asked_for() has decided before
    made->set_pattern("[%n] [%l] %v");
    made->set_error_handler([](const std::string&) {});
    return *made;
  }();
  return instance;
}

}  // namespace

bool is_logged(LogLevel level) noexcept { return spdlog_level(level) >= asked_for(); }

void log(LogLevel level, std::string_view message) noexcept {
  if (is_logged(level)) log_always(level, message);
}

void log_always(LogLevel level, std::string_view message) noexcept try {
  logger().log(spdlog_level(level), spdlog::string_view_t(message.data(), message.size()));
} catch (...) {
}

}  // namespace kiln
