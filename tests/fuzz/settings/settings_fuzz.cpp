// Arbitrary bytes as a configuration file: of the hub, with everything that is checked before it starts, and of a program with targets.
// Checked beyond "does not crash": what is refused is explained, what is loaded has the types and bounds of its rows.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "hub/app/hub_settings.hpp"
#include "netns/base/fd.hpp"
#include "netns/daemon/settings.hpp"

using namespace vpn_sentinel;

namespace {

using Type = SettingRow::Type;

/// One row of each type that a target may have.
constexpr std::array rows{
    SettingRow{"netns", "", Type::text, "self", "Namespace", 0, 0, true, "", true},
    SettingRow{"interval", "", Type::seconds, "15s", "Time between keepalives", 1, 3600, true},
    SettingRow{"failures", "", Type::integer, "3", "Failures before it counts", 1, 100, true},
    SettingRow{"insecure", "", Type::boolean, "false", "Do not check the certificate", 0, 0, true},
    SettingRow{"resolvers", "", Type::list, "192.0.2.1", "DNS servers", 0, 0, true},
    SettingRow{"api_key", "", Type::secret, "", "Key of the hub"},
};

void require(bool holds) {
  if (!holds) std::abort();
}

void require_in_bounds(const Settings& settings, std::span<const SettingRow> all) {
  for (const auto& row : all) {
    require(!settings.origin(row.key).empty());
    if (row.type == Type::boolean) (void)settings.boolean(row.key);
    if (row.type == Type::list) (void)settings.list(row.key);
    if (row.type == Type::integer && row.most != 0)
      require(settings.integer(row.key) >= row.least && settings.integer(row.key) <= row.most);
    if (row.type == Type::seconds && row.most != 0) {
      const auto duration = settings.duration(row.key);
      require(duration >= std::chrono::seconds{row.least} && duration <= std::chrono::seconds{row.most});
    }
  }
}

void load_hub(const std::string& file) {
  const auto loaded = load_settings(hub_setting_rows(), {}, {}, file, true);
  if (!loaded) return require(!loaded.error().message.empty());
  require_in_bounds(loaded->global, hub_setting_rows());
  const auto config = make_hub_config(loaded->global, true);
  if (!config) return require(!config.error().message.empty());
  // Without a key whoever can reach the hub could report and read.
  for (const auto& endpoint : config->api_endpoints) require(!config->api_key.empty() || endpoint.address.is_loopback());
}

void load_targets(const std::string& file) {
  const auto loaded = load_settings(rows, {}, {}, file, true);
  if (!loaded) return require(!loaded.error().message.empty());
  require_in_bounds(loaded->global, rows);
  for (const auto& target : loaded->targets) require_in_bounds(target, rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Fd file(memfd_create("settings", MFD_CLOEXEC));
  require(file && write(file.get(), data, size) == static_cast<ssize_t>(size));
  const auto path = fmt::format("/proc/self/fd/{}", file.get());
  load_hub(path);
  load_targets(path);
  return 0;
}
