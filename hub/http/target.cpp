#include "hub/http/target.hpp"

#include <algorithm>

#include "netns/base/ip.hpp"
#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }

bool is_letter_or_digit(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

bool is_hex_digit(char c) { return (lower(c) >= 'a' && lower(c) <= 'f') || (c >= '0' && c <= '9'); }

/// reg-name of RFC 3986 3.2.2; IPv4 addresses are such names, too.
bool is_registered_name(std::string_view name) {
  constexpr std::string_view others = "-._~!$&'()*+,;=";
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%') {
      if (name.size() - i < 3 || !is_hex_digit(name[i + 1]) || !is_hex_digit(name[i + 2])) return false;
      i += 2;
    } else if (!is_letter_or_digit(name[i]) && others.find(name[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

/// ":80", or nothing; the number may be left out.
bool is_port_part(std::string_view text) {
  if (text.empty()) return true;
  constexpr std::size_t longest = 5;
  if (!text.starts_with(':') || text.size() > 1 + longest) return false;
  unsigned port = 0;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 0xffff;
}

/// "host:port" without the port; "[::1]:80" without the port, brackets kept.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    return close == std::string_view::npos ? host : host.substr(0, close + 1);
  }
  return host.substr(0, host.find(':'));
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

std::optional<Target> split_target(std::string_view text) {
  if (std::ranges::any_of(text, is_control)) return std::nullopt;
  if (text == "*") return Target{text, {}};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    const auto path = text.find_first_of("/?", scheme.size());
    if (path == std::string_view::npos) return Target{"/", {}};
    text.remove_prefix(path);
    break;
  }
  const auto mark = text.find('?');
  Target target{text.substr(0, mark), mark == std::string_view::npos ? std::string_view{} : text.substr(mark + 1)};
  if (target.path.empty() && mark != std::string_view::npos) target.path = "/";
  if (!target.path.starts_with('/')) return std::nullopt;
  while (target.path.starts_with("//")) target.path.remove_prefix(1);
  return target;
}

std::string_view query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) return pair.substr(equals + 1);
  }
  return {};
}

bool is_same_origin(std::string_view origin, std::string_view host) {
  const auto start = origin.find("://");
  if (start == std::string_view::npos || host.empty()) return false;
  return equal_ignoring_case(origin.substr(start + 3), host);
}

bool is_valid_host(std::string_view host) {
  const auto name = without_port(host);
  if (!is_port_part(host.substr(name.size()))) return false;
  if (!name.starts_with('[')) return is_registered_name(name);
  const auto address = name.ends_with(']') ? IpAddress::parse(name.substr(1, name.size() - 2)) : Result<IpAddress>(fail(Error{}));
  return address && !address->is_v4();
}

bool is_loopback_host(std::string_view host) {
  auto name = without_port(host);
  if (equal_ignoring_case(name, "localhost")) return true;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const auto address = IpAddress::parse(name);
  return address && address->is_loopback();
}

}  // namespace vpn_sentinel
