#include "probe/app/setting_values.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "probe/app/probe_settings.hpp"

namespace vpn_sentinel {

tl::unexpected<Error> wrong_setting(const Settings& settings, std::string_view key, std::string_view value, std::string_view expected) {
  const auto rows = probe_setting_rows();
  const auto row = std::ranges::find(rows, key, &SettingRow::key);
  return fail(Error::Kind::invalid,
              fmt::format("{} = '{}' (from {}): expected {}", row->environment, value, settings.origin(key), expected));
}

bool is_http_url(std::string_view url) {
  return (url.starts_with("http://") && url.size() > 7) || (url.starts_with("https://") && url.size() > 8);
}

}  // namespace vpn_sentinel
