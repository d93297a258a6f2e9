/// Log lines of the daemons: `2026-11-21T10:15:30.123Z INFO event=… key=value` on standard error; colour on a terminal only. Libraries do
/// not log; they return errors.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class LogLevel { debug, info, warning, error };

/// "debug", "info", "warning", "error".
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);
[[nodiscard]] std::string_view to_string(LogLevel level);

void init_log(LogLevel level);
void set_log_level(LogLevel level);

/// A value of a log line: anything that fmt prints. Quoted when it holds spaces, quotes or '='; control characters are escaped.
struct LogField {
  std::string_view key;
  std::string value;
  template <typename T>
  LogField(std::string_view name, const T& item) : key(name), value(fmt::format("{}", item)) {}
};

/// Sees each line that is written, before it is written, on the thread that writes it. It must not log.
using LogObserver = std::function<void(LogLevel level, std::string_view event, std::span<const LogField> fields)>;

/// Calls the observer as long as it lives; afterwards nobody is inside it.
class LogWatch {
 public:
  explicit LogWatch(LogObserver observer);
  ~LogWatch();
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

 private:
  const LogObserver observer_;
};

/// `event` is a stable word such as tunnel_changed; a field named hint tells the user what to do.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace vpn_sentinel
