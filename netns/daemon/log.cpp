#include "netns/daemon/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <shared_mutex>
#include <vector>

namespace vpn_sentinel {
namespace {

/// Those who watch, and the lock under which they are called.
struct Watchers {
  std::shared_mutex mutex;
  std::vector<const LogObserver*> all;
};

Watchers& watchers() {
  static Watchers them;
  return them;
}

void tell_watchers(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  auto& them = watchers();
  const std::shared_lock lock(them.mutex);
  for (const auto* observer : them.all) (*observer)(level, event, fields);
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

/// One line stays one line: a value from outside cannot forge a second one.
void append_value(std::string& line, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"=\\\t\r\n") == std::string_view::npos;
  if (!plain) line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      line += c;
    }
  }
  if (!plain) line += '"';
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warning" || text == "warn") return LogLevel::warning;
  if (text == "error") return LogLevel::error;
  return fail(Error::Kind::invalid, fmt::format("'{}': expected debug, info, warning or error", text));
}

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

void init_log(LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>("vpn-sentinel", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  set_log_level(level);
}

void set_log_level(LogLevel level) { spdlog::set_level(to_spdlog(level)); }

LogWatch::LogWatch(LogObserver observer) : observer_(std::move(observer)) {
  auto& them = watchers();
  const std::unique_lock lock(them.mutex);
  them.all.push_back(&observer_);
}

LogWatch::~LogWatch() {
  auto& them = watchers();
  const std::unique_lock lock(them.mutex);
  std::erase(them.all, &observer_);
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const auto spdlog_level = to_spdlog(level);
  if (!spdlog::should_log(spdlog_level)) return;
  tell_watchers(level, event, {fields.begin(), fields.size()});
  std::string line = fmt::format("event={}", event);
  for (const auto& field : fields) {
    line += fmt::format(" {}=", field.key);
    append_value(line, field.value);
  }
  spdlog::log(spdlog_level, "{}", line);
}

}  // namespace vpn_sentinel
