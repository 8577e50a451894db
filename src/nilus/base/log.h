// The process's log: lines on standard error through spdlog, every message redacted (redact.h). Thread-safe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace nilus {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Sets what is shown; the default is kWarning until a command or a manifest's logLevel says otherwise.
void SetLogLevel(LogLevel level);
LogLevel CurrentLogLevel();

// Sends lines to `write` in place of standard error (the terminal's progress view draws around them); null restores.
void SetLogOutput(void (*write)(void* context, std::string_view line), void* context);

void LogLine(LogLevel level, std::string_view message);

template <typename... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  if (CurrentLogLevel() <= LogLevel::kDebug)
    LogLine(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  if (CurrentLogLevel() <= LogLevel::kInfo) LogLine(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogWarning(fmt::format_string<Args...> format, Args&&... args) {
  if (CurrentLogLevel() <= LogLevel::kWarning)
    LogLine(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  if (CurrentLogLevel() <= LogLevel::kError)
    LogLine(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace nilus
