#include "nilus/base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>

#include "nilus/base/redact.h"

namespace nilus {
namespace {

std::atomic<LogLevel> current_level{LogLevel::kWarning};

// Where formatted lines go: standard error, or whoever asked for them.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void Redirect(void (*write)(void*, std::string_view), void* context) {
    std::lock_guard lock(mutex_);
    write_ = write;
    context_ = context;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (write_ != nullptr) {
      write_(context_, {line.data(), line.size()});
    } else {
      std::fwrite(line.data(), 1, line.size(), stderr);
    }
  }
  void flush_() override { std::fflush(stderr); }

 private:
  void (*write_)(void*, std::string_view) = nullptr;
  void* context_ = nullptr;
};

struct Logger {
  std::shared_ptr<LineSink> sink = std::make_shared<LineSink>();
  spdlog::logger logger{"nilus", sink};
  Logger() {
    logger.set_level(spdlog::level::debug);  // filtered by current_level, before formatting
    logger.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  }
};

Logger& TheLogger() {
  static Logger* logger = new Logger;  // never destroyed: threads may log during exit
  return *logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void SetLogLevel(LogLevel level) { current_level.store(level, std::memory_order_relaxed); }
LogLevel CurrentLogLevel() { return current_level.load(std::memory_order_relaxed); }
void SetLogOutput(void (*write)(void*, std::string_view), void* context) { TheLogger().sink->Redirect(write, context); }
void LogLine(LogLevel level, std::string_view message) { TheLogger().logger.log(ToSpdlog(level), Redact(message)); }

}  // namespace nilus
