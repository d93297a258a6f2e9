/// A settings table with one row of each type.
#pragma once

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "netns/base/random.hpp"
#include "netns/daemon/settings.hpp"

namespace vpn_sentinel::test {

inline constexpr std::array sample_rows{
    SettingRow{"url", "VPN_SENTINEL_URL", SettingRow::Type::text, "http://127.0.0.1:5000", "Base URL of the hub"},
    SettingRow{"interval", "VPN_SENTINEL_INTERVAL", SettingRow::Type::seconds, "15s", "Time between keepalives", 1, 3600, false,
               "INTERVAL"},
    SettingRow{"failures", "VPN_SENTINEL_FAILURES", SettingRow::Type::integer, "3", "Failures before it counts", 1, 100, true},
    SettingRow{"days", "VPN_SENTINEL_DAYS", SettingRow::Type::integer, "30", "Days without a bound", 0, 0},
    SettingRow{"insecure", "VPN_SENTINEL_ALLOW_INSECURE", SettingRow::Type::boolean, "false", "Do not check the certificate"},
    SettingRow{"resolvers", "VPN_SENTINEL_RESOLVERS", SettingRow::Type::list, "1.1.1.1:53,9.9.9.9:53", "DNS servers", 0, 0, true},
    SettingRow{"netns", "VPN_SENTINEL_NETNS", SettingRow::Type::text, "self", "Namespace to watch", 0, 0, true, "", true},
    SettingRow{"api_key", "VPN_SENTINEL_API_KEY", SettingRow::Type::secret, "", "Key of the hub"},
};

/// A file with `text` that goes with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) : path_(std::filesystem::temp_directory_path() / ("vpn-sentinel-" + random_hex(8))) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

using Variables = std::map<std::string, std::string>;

inline Result<LoadedSettings> load(const Variables& flags, const Variables& environment, const std::string& toml = "") {
  const TemporaryFile file(toml);
  return load_settings(sample_rows, flags, environment, file.path(), true);
}

/// The error of loading, or "loaded".
inline std::string error_of(const Result<LoadedSettings>& loaded) { return loaded ? "loaded" : loaded.error().message; }

}  // namespace vpn_sentinel::test
