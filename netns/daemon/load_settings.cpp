#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "netns/daemon/settings.hpp"

namespace vpn_sentinel {
namespace {

/// Names that the Python original's documents mention but nothing ever read, and what to use instead (empty: nothing).
struct IgnoredName {
  std::string_view name;
  std::string_view instead;
};
constexpr IgnoredName ignored_names[]{
    {"VPN_SENTINEL_SERVER_DASHBOARD_ENABLED", "VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED"},
    {"VPN_SENTINEL_WEB_DASHBOARD_ENABLED", "VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED"},
    {"VPN_SENTINEL_ALLOWED_IPS", "VPN_SENTINEL_SERVER_ALLOWED_IPS"},
    {"VPN_SENTINEL_SERVER_PORT", "VPN_SENTINEL_SERVER_API_PORT"},
    {"VPN_SENTINEL_SERVER_URL", "VPN_SENTINEL_URL"},
    {"VPN_SENTINEL_TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"},
    {"VPN_SENTINEL_TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN"},
    {"VPN_SENTINEL_TELEGRAM_CHAT_ID", "TELEGRAM_CHAT_ID"},
    {"VPN_SENTINEL_DB_PATH", "VPN_SENTINEL_DATA_DIR"},
    {"VPN_SENTINEL_SERVER_ALERT_THRESHOLD_MINUTES", ""},
    {"VPN_SENTINEL_SERVER_CHECK_INTERVAL_MINUTES", ""},
    {"VPN_SENTINEL_SERVER_RATE_LIMIT_REQUESTS", "VPN_SENTINEL_SERVER_RATE_LIMIT"},
};

constexpr std::size_t most_file_bytes = std::size_t{1024} * 1024;

/// At most `most_file_bytes` + 1, so that a file without end (a device) is seen as too long and no more of it is read.
Result<std::string> read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(most_file_bytes + 1, '\0');
  // Unlike an iterator, read() turns the stream buffer's exception (a folder) into a bad stream.
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad()) return fail(Error::Kind::not_found, "cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most_file_bytes) return fail(Error::Kind::invalid, "larger than 1 MiB");
  return text;
}

Result<std::string> read_secret_file(std::string_view name, const std::string& path) {
  auto text = read_whole(path);
  if (!text) {
    const auto* const verb = text.error().kind == Error::Kind::invalid ? "is " : "";
    return fail(text.error().kind, fmt::format("{} = '{}': the file {}{}", name, path, verb, text.error().message));
  }
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (text->empty()) return fail(Error::Kind::invalid, fmt::format("{} = '{}': the file is empty", name, path));
  return text;
}

/// A TOML value as the text that a flag would carry; nullopt for tables and dates.
std::optional<std::string> as_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const auto* const array = node.as_array();
  if (!array) return std::nullopt;
  std::string list;
  for (const auto& item : *array) {
    const auto text = item.is_array() ? std::nullopt : as_text(item);
    if (!text) return std::nullopt;
    list += (list.empty() ? "" : ",") + *text;
  }
  return list;
}

class Loader {
 public:
  Loader(std::span<const SettingRow> rows, std::string file) : rows_(rows), file_(std::move(file)), loaded_{Settings(rows), {}, {}} {}

  Result<LoadedSettings> run(const std::map<std::string, std::string>& flags, const std::map<std::string, std::string>& environment,
                             bool file_must_exist) {
    auto result = read_file(file_must_exist)
                      .and_then([&] { return apply_table(loaded_.global, document_, false); })
                      .and_then([&] { return apply_credentials(environment); })
                      .and_then([&] { return apply_environment(environment); })
                      .and_then([&] { return apply_flags(flags); })
                      .and_then([&] { return apply_targets(); });
    if (!result) return fail(result.error());
    return std::move(loaded_);
  }

 private:
  Result<void> read_file(bool must_exist) {
    if (file_.empty()) return {};
    std::error_code ignored;
    // Only "does not exist" is fine for the default path: a file that may not be read must not silently count as none.
    if (!must_exist && std::filesystem::status(file_, ignored).type() == std::filesystem::file_type::not_found) return {};
    const auto text = read_whole(file_);
    if (!text && text.error().kind == Error::Kind::invalid) return fail(Error::Kind::invalid, fmt::format("{}: larger than 1 MiB", file_));
    if (!text) return fail(Error::Kind::not_found, fmt::format("{}: the configuration file cannot be read", file_));
    auto parsed = toml::parse(*text, file_);
    if (!parsed) {
      const auto& where = parsed.error().source().begin;
      return fail(Error::Kind::invalid,
                  fmt::format("{}:{}:{}: {}", file_, where.line, where.column, std::string_view(parsed.error().description())));
    }
    document_ = std::move(parsed).table();
    return {};
  }

  Result<void> apply_table(Settings& settings, const toml::table& table, bool in_target) {
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      if (name == "target" && !in_target) continue;
      if (auto result = apply_entry(settings, name, node, in_target); !result) return result;
    }
    return {};
  }

  Result<void> apply_entry(Settings& settings, std::string_view name, const toml::node& node, bool in_target) {
    const auto origin = fmt::format("{}:{}", file_, node.source().begin.line);
    const auto* const row = row_for(name);
    if (!row)
      return fail(Error::Kind::invalid, fmt::format("{}: '{}' is no setting; see --print-sample-config for all names", origin, name));
    if (in_target && !row->per_target) {
      return fail(Error::Kind::invalid,
                  fmt::format("{}: '{}' cannot differ between targets; move it above the first [[target]]", origin, name));
    }
    const auto text = as_text(node);
    if (!text) {
      return fail(Error::Kind::invalid, fmt::format("{}: '{}' must be a text, a number, true, false or a list of those", origin, name));
    }
    if (name == row->key) return settings.set(row->key, *text, origin);
    auto secret = read_secret_file(name, *text);
    return secret ? settings.set(row->key, *secret, origin) : Result<void>{fail(secret.error())};
  }

  /// The row that `name` belongs to: by its key, or by "KEY_file" for a secret.
  [[nodiscard]] const SettingRow* row_for(std::string_view name) const {
    const auto row = std::ranges::find_if(rows_, [name](const SettingRow& candidate) {
      return name == candidate.key || (candidate.type == SettingRow::Type::secret && name == fmt::format("{}_file", candidate.key));
    });
    return row == rows_.end() ? nullptr : &*row;
  }

  /// systemd.exec(5): what LoadCredential= and SetCredential= give a unit lies below CREDENTIALS_DIRECTORY, one file each. The commands of
  /// whoever may read the folder that the units take it from find it there: "hub.credentials" beside "hub.toml".
  Result<void> apply_credentials(const std::map<std::string, std::string>& environment) {
    const auto given = environment.find("CREDENTIALS_DIRECTORY");
    if (given != environment.end() && !given->second.empty()) return apply_credentials(given->second, "vpn-sentinel_");
    if (file_.empty()) return {};
    const auto folder = std::filesystem::path(file_).replace_extension("credentials").string();
    return access(folder.c_str(), X_OK) == 0 ? apply_credentials(folder, "") : Result<void>{};
  }

  Result<void> apply_credentials(const std::string& folder, std::string_view prefix) {
    for (const auto& row : rows_) {
      if (row.type != SettingRow::Type::secret) continue;
      const auto name = fmt::format("{}{}", prefix, row.key);
      const auto path = fmt::format("{}/{}", folder, name);
      std::error_code ignored;
      if (std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found) continue;
      const auto origin = fmt::format("credential {}", prefix.empty() ? path : name);
      const auto text = read_secret_file(origin, path);
      if (!text) return fail(text.error());
      if (auto result = loaded_.global.set(row.key, *text, origin); !result) return result;
    }
    return {};
  }

  Result<void> apply_environment(const std::map<std::string, std::string>& environment) {
    for (const auto& row : rows_) {
      for (const auto name : {row.alias, row.environment}) {  // the full name wins over its alias
        const auto found = name.empty() ? environment.end() : environment.find(std::string(name));
        // Compose files hand over unset variables as empty ones: empty means "not set".
        if (found == environment.end() || found->second.empty()) continue;
        if (auto result = set_global(row, found->second, fmt::format("environment {}", name)); !result) return result;
      }
      if (row.type != SettingRow::Type::secret || row.environment.empty()) continue;
      const auto file = environment.find(fmt::format("{}_FILE", row.environment));
      if (file == environment.end() || file->second.empty()) continue;
      auto text = read_secret_file(file->first, file->second);
      if (!text) return fail(text.error());
      if (auto result = set_global(row, *text, fmt::format("file {}", file->second)); !result) return result;
    }
    for (const auto& ignored : ignored_names) {
      const auto found = environment.find(std::string(ignored.name));
      const bool honoured =
          std::ranges::any_of(rows_, [&](const auto& row) { return ignored.name == row.environment || ignored.name == row.alias; });
      if (found == environment.end() || found->second.empty() || honoured) continue;
      loaded_.warnings.push_back(ignored.instead.empty() ? fmt::format("{} has no effect", ignored.name)
                                                         : fmt::format("{} has no effect; use {}", ignored.name, ignored.instead));
    }
    return {};
  }

  Result<void> apply_flags(const std::map<std::string, std::string>& flags) {
    for (const auto& [key, text] : flags) {
      const auto row = std::ranges::find(rows_, key, &SettingRow::key);
      if (row == rows_.end()) return fail(Error::Kind::invalid, fmt::format("--{} is no flag", key));
      std::string flag(key);
      std::ranges::replace(flag, '_', '-');
      if (auto result = set_global(*row, text, fmt::format("flag --{}", flag)); !result) return result;
    }
    return {};
  }

  Result<void> set_global(const SettingRow& row, const std::string& text, const std::string& origin) {
    if (row.names_target) target_named_by_ = origin;
    return loaded_.global.set(row.key, text, origin);
  }

  /// A target's table wins over everything global: it is the more specific word. But who names another target asks for that one.
  Result<void> apply_targets() {
    const auto* const node = document_.get("target");
    if (!node) return {};
    const auto* const array = node->as_array();
    if (!array || !array->is_homogeneous(toml::node_type::table)) {
      return fail(Error::Kind::invalid, fmt::format("{}: targets are written as [[target]] tables", file_));
    }
    if (!target_named_by_.empty()) {
      loaded_.warnings.push_back(fmt::format("the [[target]] tables of {} have no effect: {} names the target", file_, target_named_by_));
      return {};
    }
    for (const auto& item : *array) {
      Settings target = loaded_.global;
      if (auto result = apply_table(target, *item.as_table(), true); !result) return result;
      loaded_.targets.push_back(std::move(target));
    }
    return {};
  }

  std::span<const SettingRow> rows_;
  std::string file_;
  toml::table document_;
  std::string target_named_by_;  ///< the flag or environment variable; empty: none
  LoadedSettings loaded_;
};

}  // namespace

Result<LoadedSettings> load_settings(std::span<const SettingRow> rows, const std::map<std::string, std::string>& flags,
                                     const std::map<std::string, std::string>& environment, const std::string& file, bool file_must_exist) {
  return Loader(rows, file).run(flags, environment, file_must_exist);
}

std::map<std::string, std::string> read_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace vpn_sentinel
