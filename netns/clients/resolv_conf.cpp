#include "netns/clients/resolv_conf.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::size_t longest_zone = 15;
constexpr std::size_t longest_word = 253;  ///< of a domain name
constexpr std::size_t most_search_domains = 64;
constexpr std::size_t most_options = 32;

/// RES_MAXRETRANS, RES_MAXRETRY and RES_MAXNDOTS of resolv.h.
constexpr int most_seconds = 30;
constexpr int most_attempts = 5;
constexpr int most_dots = 15;

std::string_view without_end(std::string_view text, std::string_view stops) { return text.substr(0, text.find_first_of(stops)); }

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.push_back(without_end(text, blanks));
    text.remove_prefix(words.back().size());
  }
}

std::string shown(std::string_view text, std::size_t most) { return without_control_characters(text.substr(0, most)); }

/// As atoi(3), which glibc uses: digits up to the first other character. Beyond `most` counts as `most`.
int number_of(std::string_view text, int most) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc{} || value < 0) return 0;
  return std::min(value, most);
}

/// "127.1" and "0x7f.1" are addresses as well: glibc reads IPv4 with inet_aton(3).
std::optional<IpAddress> old_form(std::string_view text) {
  constexpr std::size_t longest = 40;
  if (text.empty() || text.size() > longest || text.find_first_not_of("0123456789abcdefABCDEFxX.") != std::string_view::npos)
    return std::nullopt;
  in_addr raw{};
  if (::inet_aton(std::string(text).c_str(), &raw) == 0) return std::nullopt;
  const auto number = ntohl(raw.s_addr);
  const auto byte = [number](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
  return IpAddress::v4({byte(24), byte(16), byte(8), byte(0)});
}

class Reader {
 public:
  void take(std::string_view line) {
    if (line.starts_with('#') || line.starts_with(';')) return take_comment(line.substr(1));
    // The keyword is in the first column, and a blank follows it.
    const auto keyword = without_end(line, blanks);
    if (keyword.size() == line.size()) return;
    const auto rest = line.substr(keyword.size());
    if (keyword == "nameserver") return take_server(rest);
    if (keyword == "search") return take_search(words_of(rest));
    if (keyword == "domain") {
      auto names = words_of(rest);
      if (names.size() > 1) names.resize(1);
      return take_search(names);
    }
    if (keyword == "options") take_options(rest);
  }

  ResolvConf conf;

 private:
  void take_server(std::string_view rest) {
    const auto begin = rest.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return;
    const auto word = without_end(rest.substr(begin), " \t#;");
    const auto server = parse_name_server(word);
    if (!server) {
      if (conf.bad_servers.size() < most_listed_servers) conf.bad_servers.push_back(shown(word, 64));
    } else if (conf.servers.size() < most_name_servers) {
      conf.servers.push_back(*server);
    } else if (conf.not_used.size() < most_listed_servers) {
      conf.not_used.push_back(*server);
    }
  }

  void take_search(const std::vector<std::string_view>& names) {
    if (names.empty()) return;
    conf.search.clear();
    for (const auto name : names) {
      if (conf.search.size() < most_search_domains) conf.search.push_back(shown(name, longest_word));
    }
  }

  void take_options(std::string_view rest) {
    for (const auto word : words_of(rest)) {
      const auto value = [&](std::string_view name) { return word.substr(name.size()); };
      if (word.starts_with("ndots:")) {
        conf.ndots = number_of(value("ndots:"), most_dots);
      } else if (word.starts_with("timeout:")) {
        conf.timeout = std::chrono::seconds{number_of(value("timeout:"), most_seconds)};
      } else if (word.starts_with("attempts:")) {
        conf.attempts = number_of(value("attempts:"), most_attempts);
      } else if (word == "rotate") {
        conf.rotate = true;
      } else if (word == "use-vc") {
        conf.use_tcp = true;
      } else if (word == "edns0") {
        conf.edns0 = true;
      } else if (word == "trust-ad") {
        conf.trust_ad = true;
      } else if (conf.other_options.size() < most_options) {
        conf.other_options.push_back(shown(word, 64));
      }
    }
  }

  void take_comment(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return;
    text.remove_prefix(begin);
    constexpr std::string_view servers = "ExtServers:";
    constexpr std::string_view base = "Based on host file:";
    if (text.starts_with(servers)) {
      conf.maker = ResolvConfMaker::docker;
      take_forwarded(text.substr(servers.size()));
    } else if (text.starts_with(base)) {
      conf.maker = ResolvConfMaker::docker;
      const auto path = words_of(text.substr(base.size()));
      if (path.empty()) return;
      const bool quoted = path.front().size() > 1 && path.front().starts_with('\'') && path.front().ends_with('\'');
      conf.based_on = shown(quoted ? path.front().substr(1, path.front().size() - 2) : path.front(), longest_word);
    } else if (text.find("man:systemd-resolved(8)") != std::string_view::npos) {
      conf.maker = ResolvConfMaker::systemd_resolved;
    }
  }

  void take_forwarded(std::string_view text) {
    const auto open = text.find('[');
    if (open == std::string_view::npos) return;
    for (auto word : words_of(without_end(text.substr(open + 1), "]"))) {
      ForwardedServer item;
      if (word.starts_with("host(") && word.ends_with(')')) {
        item.from_host = true;
        word = word.substr(5, word.size() - 6);
      }
      const auto server = parse_name_server(word);
      if (!server || conf.forwarded.size() == most_listed_servers) continue;
      item.server = *server;
      conf.forwarded.push_back(std::move(item));
    }
  }
};

}  // namespace

bool ResolvConf::has_host_forward() const noexcept { return std::ranges::any_of(forwarded, &ForwardedServer::from_host); }

std::optional<NameServer> parse_name_server(std::string_view text) {
  const auto zone_at = text.find('%');
  const auto address = IpAddress::parse(text.substr(0, zone_at));
  if (!address) {
    const auto old = old_form(text);
    return old ? std::optional(NameServer{*old, {}}) : std::nullopt;
  }
  NameServer server{*address, {}};
  if (zone_at == std::string_view::npos) return server;
  if (address->is_v4()) return std::nullopt;
  // glibc uses a server with a zone that does not exist as one without.
  const auto zone = text.substr(zone_at + 1);
  if (zone.size() <= longest_zone && zone.find_first_of("/% \t") == std::string_view::npos) server.zone = without_control_characters(zone);
  return server;
}

ResolvConf parse_resolv_conf(std::string_view text) {
  Reader reader;
  if (text.size() > longest_resolv_conf) {
    text = text.substr(0, longest_resolv_conf);
    reader.conf.cut = true;
  }
  for (std::size_t lines = 0; !text.empty(); ++lines) {
    if (lines == most_resolv_conf_lines) {
      reader.conf.cut = true;
      break;
    }
    const auto line = without_end(text, "\n");
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    reader.take(line);
  }
  return std::move(reader.conf);
}

}  // namespace vpn_sentinel
