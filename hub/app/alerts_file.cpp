#include "hub/app/alerts_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/rule_config.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_alerts_bytes = 1024 * 1024;
constexpr std::array<std::string_view, 4> tables{"channel", "rule", "maintenance", "report"};

/// Nullopt: there is no such file.
Result<std::optional<std::string>> read_whole(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return fail(system_error(errno, fmt::format("{} cannot be read", path)));
  std::string text(most_alerts_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(system_error(errno, fmt::format("{} cannot be read", path)));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_alerts_bytes) return fail(Error::Kind::invalid, fmt::format("{}: larger than 1 MiB", path));
  return text;
}

Result<void> check_tables(const toml::table& document, const std::string& path) {
  for (const auto& [key, node] : document) {
    if (std::ranges::find(tables, key.str()) != tables.end()) continue;
    return fail(Error::Kind::invalid, fmt::format("{}:{}: {}: expected [[channel]], [[rule]], [[maintenance]] or [report]", path,
                                                  node.source().begin.line, std::string_view(key.str())));
  }
  return {};
}

bool holds_secret(const toml::table& document) {
  constexpr std::array<std::string_view, 3> secrets{"token", "secret", "password"};
  const auto* const channels = document.get_as<toml::array>("channel");
  if (channels == nullptr) return false;
  return std::ranges::any_of(*channels, [&](const toml::node& node) {
    const auto* const table = node.as_table();
    return table != nullptr && std::ranges::any_of(secrets, [&](std::string_view key) { return table->contains(key); });
  });
}

/// Everybody on this machine could send in the hub's name.
std::string warning_of(const toml::table& document, const std::string& path) {
  struct stat status {};
  const bool open = ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
  if (!open || !holds_secret(document)) return {};
  return fmt::format("{} holds secrets and everybody on this machine can read it: chmod 640, with the hub's user as its group", path);
}

}  // namespace

Result<AlertsFile> read_alerts_file(const std::string& path, bool must_exist, const std::map<std::string, std::string>& environment) {
  const auto text = path.empty() ? Result<std::optional<std::string>>(std::nullopt) : read_whole(path);
  if (!text) return fail(text.error());
  AlertsFile file;
  file.desk.rules.clear();
  if (!*text && must_exist) return fail(Error::Kind::not_found, fmt::format("{}: there is no such file", path));
  if (!*text) return file;
  const auto parsed = toml::parse(**text, path);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return fail(Error::Kind::invalid,
                fmt::format("{}:{}:{}: {}", path, where.line, where.column, std::string_view(parsed.error().description())));
  }
  if (auto done = check_tables(parsed.table(), path); !done) return fail(done.error());
  auto desk = parse_rules(parsed.table(), path);
  if (!desk) return fail(desk.error());
  file.desk = std::move(*desk);
  auto channels = parse_channels(parsed.table(), path, environment);
  if (!channels) return fail(channels.error());
  file.channels = std::move(*channels);
  file.warning = warning_of(parsed.table(), path);
  return file;
}

Result<void> check_channels(const DeskSettings& desk, const std::vector<std::string>& channels) {
  for (const auto& rule : desk.rules) {
    for (const auto* list : {&rule.channels, &rule.escalate_to}) {
      for (const auto& name : *list) {
        if (std::ranges::find(channels, name) != channels.end()) continue;
        return fail(Error::Kind::invalid, fmt::format("rule {}: channel = \"{}\": expected the name of a [[channel]]{}", rule.name, name,
                                                      channels.empty() ? "; there is none" : ""));
      }
    }
  }
  if (!desk.report) return {};
  for (const auto& name : desk.report->channels) {
    if (std::ranges::find(channels, name) != channels.end()) continue;
    return fail(Error::Kind::invalid, fmt::format("[report]: channels = \"{}\": expected the name of a [[channel]]", name));
  }
  return {};
}

}  // namespace vpn_sentinel
