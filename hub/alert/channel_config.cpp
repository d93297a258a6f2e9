#include "hub/alert/channel_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

using ChannelKind = ChannelConfig::Kind;

constexpr std::size_t most_secret_bytes = 4096;
constexpr std::size_t most_recipients = 50;
constexpr std::size_t most_setting_bytes = 2048;

constexpr std::array channel_kinds{ChannelKind::telegram, ChannelKind::webhook, ChannelKind::ntfy,   ChannelKind::smtp,
                                   ChannelKind::discord,  ChannelKind::slack,   ChannelKind::apprise};

/// One [[channel]] table: what was asked for is known, the rest is an unknown key.
class Table {
 public:
  Table(const toml::table& table, const std::string& file, const std::map<std::string, std::string>& environment)
      : table_(table), file_(file), environment_(environment) {}

  void named(std::string name) { name_ = std::move(name); }

  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view key, std::string_view problem) const {
    const auto* const node = table_.get(key);
    const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
    const auto whom = name_.empty() ? std::string("a channel") : fmt::format("channel '{}'", name_);
    return fail(Error::Kind::invalid, fmt::format("{}:{}: {}: {}: {}", file_, line, whom, key, problem));
  }

  Result<std::string> text(std::string_view key, std::string fallback) {
    const auto* const node = known(key);
    if (node == nullptr) return fallback;
    const auto value = node->value_exact<std::string>();
    if (!value) return wrong(key, "expected a text in quotes");
    if (value->size() > NoticeTemplate::most_bytes) return wrong(key, fmt::format("expected at most {} bytes", NoticeTemplate::most_bytes));
    return *value;
  }

  Result<std::string> needed(std::string_view key, std::string_view expected) {
    auto value = text(key, "");
    if (value && value->empty()) return wrong(key, fmt::format("is missing: expected {}", expected));
    return value;
  }

  Result<bool> flag(std::string_view key) {
    const auto* const node = known(key);
    if (node == nullptr) return false;
    const auto value = node->value_exact<bool>();
    if (!value) return wrong(key, "expected true or false");
    return *value;
  }

  Result<std::optional<std::int64_t>> number(std::string_view key, std::int64_t least, std::int64_t most) {
    const auto* const node = known(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < least || *value > most) return wrong(key, fmt::format("expected a number from {} to {}", least, most));
    return value;
  }

  /// A chat is a number for most people and "@name" for channels.
  Result<std::string> text_or_number(std::string_view key, std::string_view expected) {
    const auto* const node = known(key);
    if (node != nullptr && node->is_integer()) return std::to_string(*node->value<std::int64_t>());
    return needed(key, expected);
  }

  Result<std::vector<std::string>> list(std::string_view key, std::string_view expected) {
    std::vector<std::string> values;
    const auto* const node = known(key);
    if (node != nullptr && node->is_string()) values.push_back(*node->value<std::string>());
    if (node != nullptr && node->is_array()) {
      for (const auto& item : *node->as_array()) values.push_back(item.value_exact<std::string>().value_or(""));
    }
    const bool empty = std::ranges::any_of(values, [](const std::string& each) { return each.empty(); });
    if (values.empty() || empty || values.size() > most_recipients) return wrong(key, fmt::format("expected {}", expected));
    return values;
  }

  /// KEY, KEY_file or KEY_env; empty: none of them.
  Result<std::string> secret(std::string_view key) {
    const auto file_key = fmt::format("{}_file", key);
    const auto env_key = fmt::format("{}_env", key);
    auto value = text(key, "");
    auto path = text(file_key, "");
    auto variable = text(env_key, "");
    if (!value) return value;
    if (!path) return path;
    if (!variable) return variable;
    const auto given = (value->empty() ? 0 : 1) + (path->empty() ? 0 : 1) + (variable->empty() ? 0 : 1);
    if (given > 1) return wrong(key, fmt::format("expected only one of {}, {} and {}", key, file_key, env_key));
    if (!path->empty()) value = read_file(file_key, *path);
    if (!variable->empty()) value = read_variable(env_key, *variable);
    if (value && value->size() > most_secret_bytes) return wrong(key, fmt::format("expected at most {} bytes", most_secret_bytes));
    if (value && std::ranges::any_of(*value, [](char c) { return static_cast<unsigned char>(c) < 0x20U; })) {
      return wrong(key, "holds a control character: expected one line");
    }
    return value;
  }

  Result<std::string> needed_secret(std::string_view key, std::string_view expected) {
    auto value = secret(key);
    if (value && value->empty()) return wrong(key, fmt::format("is missing: expected {} (or {}_file, {}_env)", expected, key, key));
    return value;
  }

  Result<void> no_others() const {
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      return wrong(key.str(), fmt::format("is not known: expected {}", fmt::join(known_, ", ")));
    }
    return {};
  }

 private:
  const toml::node* known(std::string_view key) {
    if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
    return table_.get(key);
  }

  /// A name without a folder is one of the hub's credentials: what systemd hands its unit, else the folder beside the file.
  [[nodiscard]] std::string place_of(const std::string& name) const {
    if (name.find('/') != std::string::npos) return name;
    const auto given = environment_.find("CREDENTIALS_DIRECTORY");
    if (given != environment_.end() && !given->second.empty()) return fmt::format("{}/vpn-sentinel_{}", given->second, name);
    return (std::filesystem::path(file_).parent_path() / "hub.credentials" / name).string();
  }

  Result<std::string> read_file(std::string_view key, const std::string& name) const {
    const auto path = place_of(name);
    std::ifstream in(path, std::ios::binary);
    std::string value(most_secret_bytes + 1, '\0');
    in.read(value.data(), static_cast<std::streamsize>(value.size()));
    if (!in.is_open() || in.bad()) return wrong(key, fmt::format("'{}' cannot be read", path));
    value.resize(static_cast<std::size_t>(in.gcount()));
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    if (value.empty()) return wrong(key, fmt::format("'{}' is empty", path));
    return value;
  }

  Result<std::string> read_variable(std::string_view key, const std::string& variable) const {
    const auto found = environment_.find(variable);
    if (found == environment_.end() || found->second.empty()) return wrong(key, fmt::format("'{}' is not in the environment", variable));
    return found->second;
  }

  const toml::table& table_;
  const std::string& file_;
  const std::map<std::string, std::string>& environment_;
  std::string name_;
  std::vector<std::string> known_;
};

/// Takes over a value; false: it is wrong, and `problem` says why.
template <typename T, typename Into>
bool take(Result<T> value, Into& into, Result<void>& problem) {
  if (!value) {
    problem = fail(value.error());
    return false;
  }
  into = std::move(*value);
  return true;
}

/// The path of a URL may be all the secret there is: messages name its beginning only.
Result<void> check_url(const Table& table, const std::string& url) {
  if (url.size() > most_setting_bytes) return table.wrong("url", fmt::format("expected at most {} bytes", most_setting_bytes));
  if (const auto parsed = HttpUrl::parse(url); !parsed)
    return table.wrong("url", "expected a URL such as https://example.org/…, without user");
  return {};
}

Result<void> read_url(Table& table, ChannelConfig& channel) {
  Result<void> problem;
  if (!take(table.needed_secret("url", "where to send, such as https://example.org/…"), channel.url, problem)) return problem;
  return check_url(table, channel.url);
}

Result<void> read_telegram(Table& table, ChannelConfig& channel) {
  Result<void> problem;
  const bool good = take(table.needed_secret("token", "the token of the bot"), channel.secret, problem) &&
                    take(table.text_or_number("chat", "a chat's number or @name"), channel.chat, problem) &&
                    take(table.number("topic", 1, INT64_MAX), channel.thread, problem) &&
                    take(table.text("url", "https://api.telegram.org"), channel.url, problem);
  return good ? check_url(table, channel.url) : problem;
}

Result<void> read_webhook(Table& table, ChannelConfig& channel) {
  auto problem = read_url(table, channel);
  if (!problem) return problem;
  if (!take(table.secret("secret"), channel.secret, problem)) return problem;
  if (!take(table.text("content_type", channel.content_type), channel.content_type, problem)) return problem;
  const bool plain =
      !channel.content_type.empty() && std::ranges::all_of(channel.content_type, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!plain) return table.wrong("content_type", "expected a media type such as application/json");
  return {};
}

Result<void> read_ntfy(Table& table, ChannelConfig& channel) {
  Result<void> problem;
  std::string token;
  std::string password;
  const bool good = take(table.text("url", "https://ntfy.sh"), channel.url, problem) &&
                    take(table.needed("topic", "a topic's name"), channel.topic, problem) && take(table.secret("token"), token, problem) &&
                    take(table.text("user", ""), channel.user, problem) && take(table.secret("password"), password, problem);
  if (!good) return problem;
  if (channel.user.empty() != password.empty()) return table.wrong("user", "user and password go together: set both or neither");
  if (!token.empty() && !password.empty()) return table.wrong("token", "expected either a token, or user and password");
  const bool topic = channel.topic.size() <= 64 && std::ranges::all_of(channel.topic, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                     });
  if (!topic) return table.wrong("topic", "expected 1-64 characters out of A-Z a-z 0-9 - _");
  channel.secret = token.empty() ? password : token;
  return check_url(table, channel.url);
}

Result<void> read_tls(Table& table, ChannelConfig& channel) {
  const auto word = table.text("tls", "starttls");
  if (!word) return fail(word.error());
  if (*word != "starttls" && *word != "tls" && *word != "none")
    return table.wrong("tls", fmt::format("'{}': expected starttls, tls or none", *word));
  channel.tls = *word == "starttls" ? ChannelConfig::Tls::starttls : *word == "tls" ? ChannelConfig::Tls::tls : ChannelConfig::Tls::none;
  return {};
}

bool is_mail_address(std::string_view text) {
  if (text.ends_with('>')) text = text.substr(text.rfind('<') == std::string_view::npos ? text.size() : text.rfind('<') + 1);
  if (text.ends_with('>')) text.remove_suffix(1);
  const auto at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= 254 &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '"' && c != ',' && c != ';'; });
}

bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20U; });
}

Result<void> check_mail_addresses(const Table& table, const ChannelConfig& channel) {
  constexpr auto expected = "expected an address such as alerts@example.org or \"Name <alerts@example.org>\"";
  if (!is_mail_address(channel.from) || !is_one_line(channel.from))
    return table.wrong("from", fmt::format("'{}': {}", channel.from, expected));
  for (const auto& recipient : channel.recipients) {
    if (!is_mail_address(recipient) || !is_one_line(recipient)) return table.wrong("to", fmt::format("'{}': {}", recipient, expected));
  }
  return {};
}

Result<void> read_smtp(Table& table, ChannelConfig& channel) {
  Result<void> problem = read_tls(table, channel);
  if (!problem) return problem;
  std::string host;
  std::optional<std::int64_t> port;
  const bool good = take(table.needed("host", "the name of the mail server"), host, problem) &&
                    take(table.number("port", 1, 65535), port, problem) && take(table.text("user", ""), channel.user, problem) &&
                    take(table.secret("password"), channel.secret, problem) &&
                    take(table.needed("from", "the sender's address"), channel.from, problem) &&
                    take(table.list("to", fmt::format("1-{} addresses", most_recipients)), channel.recipients, problem);
  if (!good) return problem;
  if (channel.user.empty() != channel.secret.empty()) return table.wrong("user", "user and password go together: set both or neither");
  const bool is_name = host.size() <= 255 && std::ranges::all_of(host, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                                c == '_' || c == ':' || c == '[' || c == ']';
                       });
  if (!is_name) return table.wrong("host", "expected a name or an address, without port");
  if (channel.tls == ChannelConfig::Tls::none && !channel.user.empty()) {
    return table.wrong("tls", "with user and password: expected starttls or tls, else the password could be read on the way");
  }
  const bool is_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  const auto usual = channel.tls == ChannelConfig::Tls::tls ? 465 : channel.tls == ChannelConfig::Tls::none ? 25 : 587;
  channel.url = fmt::format("{}://{}{}{}:{}", channel.tls == ChannelConfig::Tls::tls ? "smtps" : "smtp", is_v6 ? "[" : "", host,
                            is_v6 ? "]" : "", port.value_or(usual));
  return check_mail_addresses(table, channel);
}

Result<void> read_apprise(Table& table, ChannelConfig& channel) {
  auto problem = read_url(table, channel);
  if (problem) take(table.text("tags", ""), channel.tags, problem);
  return problem;
}

Result<void> read_kind(Table& table, ChannelConfig& channel) {
  switch (channel.kind) {
    case ChannelKind::telegram:
      return read_telegram(table, channel);
    case ChannelKind::webhook:
      return read_webhook(table, channel);
    case ChannelKind::ntfy:
      return read_ntfy(table, channel);
    case ChannelKind::smtp:
      return read_smtp(table, channel);
    case ChannelKind::apprise:
      return read_apprise(table, channel);
    case ChannelKind::discord:
    case ChannelKind::slack:
      break;
  }
  return read_url(table, channel);
}

Result<void> read_head(Table& table, ChannelConfig& channel) {
  Result<void> problem;
  if (!take(table.needed("name", "1-32 of a-z, 0-9 and -"), channel.name, problem)) return problem;
  if (!is_valid_channel_name(channel.name)) {
    return table.wrong("name", fmt::format("'{}': expected 1-32 of a-z, 0-9 and -", shortened(channel.name, 40)));
  }
  table.named(channel.name);
  const auto word = table.needed("kind", "telegram, webhook, ntfy, smtp, discord, slack or apprise");
  if (!word) return fail(word.error());
  const auto* const kind = std::ranges::find_if(channel_kinds, [&word](ChannelKind each) { return to_string(each) == *word; });
  if (kind == channel_kinds.end()) {
    return table.wrong("kind",
                       fmt::format("'{}': expected telegram, webhook, ntfy, smtp, discord, slack or apprise", shortened(*word, 40)));
  }
  channel.kind = *kind;
  return {};
}

Result<void> read_rest(Table& table, ChannelConfig& channel) {
  Result<void> problem;
  std::optional<std::int64_t> timeout;
  std::string words;
  const bool good = take(table.flag("privacy"), channel.privacy, problem) && take(table.flag("quiet"), channel.quiet, problem) &&
                    take(table.text("template", ""), words, problem) && take(table.text("ca_file", ""), channel.ca_file, problem) &&
                    take(table.number("timeout_s", 1, 14), timeout, problem);
  if (!good) return problem;
  if (timeout) channel.timeout = std::chrono::seconds{*timeout};
  if (!words.empty()) {
    auto parsed = NoticeTemplate::parse(words);
    if (!parsed) return table.wrong("template", parsed.error().message);
    channel.text_template = std::move(*parsed);
  }
  if (!channel.ca_file.empty() && !std::ifstream(channel.ca_file)) {
    return table.wrong("ca_file", fmt::format("'{}': expected a readable PEM file", channel.ca_file));
  }
  return table.no_others();
}

Result<ChannelConfig> read_channel(Table table) {
  ChannelConfig channel;
  auto done =
      read_head(table, channel).and_then([&] { return read_kind(table, channel); }).and_then([&] { return read_rest(table, channel); });
  if (!done) return fail(done.error());
  return channel;
}

}  // namespace

Result<std::vector<ChannelConfig>> parse_channels(const toml::table& document, const std::string& file,
                                                  const std::map<std::string, std::string>& environment) {
  std::vector<ChannelConfig> channels;
  const auto* const node = document.get("channel");
  if (node == nullptr) return channels;
  const auto* const array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table) || array->size() > most_channels) {
    return fail(Error::Kind::invalid, fmt::format("{}:{}: channels are written as [[channel]] tables, at most {}", file,
                                                  node->source().begin.line, most_channels));
  }
  for (const auto& item : *array) {
    auto channel = read_channel(Table(*item.as_table(), file, environment));
    if (!channel) return fail(channel.error());
    if (std::ranges::find(channels, channel->name, &ChannelConfig::name) != channels.end()) {
      return fail(Error::Kind::invalid,
                  fmt::format("{}:{}: channel '{}': there is another one of that name", file, item.source().begin.line, channel->name));
    }
    channels.push_back(std::move(*channel));
  }
  return channels;
}

std::vector<std::string> names_of(const std::vector<ChannelConfig>& channels) {
  std::vector<std::string> names;
  names.reserve(channels.size());
  for (const auto& channel : channels) names.push_back(channel.name);
  return names;
}

}  // namespace vpn_sentinel
