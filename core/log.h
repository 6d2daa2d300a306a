// Kiln's own logger: lines on the error stream, as many as KILN_LOG asks for (warnings and errors by default).
#pragma once

#include <cstdint>
#include <string_view>

namespace kiln {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// Whether such a line would be written; ask first where making the message costs anything.
bool is_logged(LogLevel level) noexcept;
/// Writes a line, if its level is asked for. Never throws: a log that fails is no log.
void log(LogLevel level, std::string_view message) noexcept;
/// Writes a line, whatever is asked for.
void log_always(LogLevel level, std::string_view message) noexcept;

}  // namespace kiln
