/// Settings: one row each, and from the rows come flags, environment variables, the TOML file, --help, the sample file and the guide's
/// table. Order of precedence: flag, environment, credential of systemd (secrets only), file, default.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct SettingRow {
  enum class Type { text, boolean, integer, seconds, list, secret };
  std::string_view key;          ///< TOML key, like "api_key"; the flag is "--api-key"
  std::string_view environment;  ///< like "VPN_SENTINEL_API_KEY"
  Type type = Type::text;
  std::string_view default_value;  ///< as text; lists are comma-separated
  std::string_view help;           ///< one sentence, without a full stop
  long least = 0;                  ///< for integer and seconds
  long most = 0;                   ///< 0: no bound
  bool per_target = false;         ///< also allowed inside [[target]]
  std::string_view alias = {};     ///< a second environment name (the Python original's short form)
  bool names_target = false;       ///< says which target: by flag or environment it stands for the whole list of [[target]] tables
};

/// Where a value came from, for messages: "flag --interval", "environment VPN_SENTINEL_INTERVAL", "/etc/…/probe.toml", "default".
struct SettingValue {
  std::string text;
  std::string origin;
};

/// The values of one run. Every getter names a key of the table; asking for another key is a programming error (std::logic_error).
class Settings {
 public:
  explicit Settings(std::span<const SettingRow> rows);

  [[nodiscard]] const std::string& text(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] long integer(std::string_view key) const;
  /// Accepts "90", "1.5", "250ms", "30s", "5m", "2h".
  [[nodiscard]] std::chrono::milliseconds duration(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view key) const;
  [[nodiscard]] const std::string& origin(std::string_view key) const;
  /// As users know it: the variable of the environment.
  [[nodiscard]] std::string_view name(std::string_view key) const;
  /// False when the value is the default.
  [[nodiscard]] bool is_set(std::string_view key) const;

  /// Checks type and bounds; the Error says name, value, origin and what was expected.
  [[nodiscard]] Result<void> set(std::string_view key, std::string text, std::string origin);

 private:
  [[nodiscard]] const SettingRow& row(std::string_view key) const;
  [[nodiscard]] const SettingValue& value(std::string_view key) const;

  std::span<const SettingRow> rows_;
  std::map<std::string, SettingValue, std::less<>> values_;
};

/// The Error of a value that is refused: the setting's name, the value, where it came from, and what was expected.
[[nodiscard]] tl::unexpected<Error> wrong_setting(const Settings& settings, std::string_view key, std::string_view value,
                                                  std::string_view expected);

/// What a TOML file may hold beside the rows: [[target]] tables, each a copy of the settings with its own per_target values. Without
/// targets the global values are the one target. Whoever names a target by flag or environment means that one, not those of the file.
struct LoadedSettings {
  Settings global;
  std::vector<Settings> targets;
  std::vector<std::string> warnings;  ///< what has no effect, with what to use instead
};

/// `flags`: key -> text as given on the command line. `environment`: usually from environ. For secrets (and only those) KEY_FILE in
/// the environment and key_file in TOML name a file that holds the value, and a file "vpn-sentinel_KEY" in the environment's
/// CREDENTIALS_DIRECTORY is such a one; where there is no such folder it is KEY in hub.credentials beside hub.toml, as far as it can be
/// read. A file that does not exist is an error unless it is the default path.
[[nodiscard]] Result<LoadedSettings> load_settings(std::span<const SettingRow> rows, const std::map<std::string, std::string>& flags,
                                                   const std::map<std::string, std::string>& environment, const std::string& file,
                                                   bool file_must_exist);

/// The process's environment.
[[nodiscard]] std::map<std::string, std::string> read_environment();
/// A commented TOML file with every default.
[[nodiscard]] std::string sample_file(std::span<const SettingRow> rows);
/// A table in Markdown, for packaging/guides/settings.md.
[[nodiscard]] std::string markdown_table(std::span<const SettingRow> rows);

}  // namespace vpn_sentinel
