#include "netns/geo/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_trace_bytes = 4096;

/// The value of the first line that begins with `key=`.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == '=') return line.substr(key.size() + 1);
  }
  return std::nullopt;
}

/// True when a second line begins with `key=`: then it is not known which of them counts.
bool is_repeated(std::string_view text, std::string_view key) {
  const auto first = value_of(text, key);
  return first && value_of(text.substr(static_cast<std::size_t>(first->data() - text.data())), key).has_value();
}

std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

/// Names know no case, and a server may write a literal IPv6 address with brackets.
bool same_host(std::string_view left, std::string_view right) {
  return std::ranges::equal(without_brackets(left), without_brackets(right), [](char a, char b) { return lower(a) == lower(b); });
}

/// A short word in capitals, else nothing: it goes into reports and alerts.
std::string word(std::optional<std::string_view> value, std::size_t least, std::size_t most) {
  if (!value || value->size() < least || value->size() > most) return {};
  const bool clean = std::ranges::all_of(*value, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
  return clean ? std::string(*value) : std::string();
}

}  // namespace

Result<TraceAnswer> parse_trace(std::string_view text, std::string_view host) {
  if (text.size() > most_trace_bytes)
    return fail(Error::Kind::invalid, fmt::format("the reply has {} bytes, a trace has about 300", text.size()));
  if (const auto named = value_of(text, "h"); named && !same_host(*named, host)) {
    return fail(Error::Kind::invalid, fmt::format("'{}' was asked, but another host answered", host));
  }
  if (value_of(text, "warp").value_or("off") != "off") {
    return fail(Error::Kind::invalid, "the reply came through WARP, so its address is not the exit");
  }
  if (is_repeated(text, "ip")) return fail(Error::Kind::invalid, "the reply has more than one line ip=");
  const auto ip = value_of(text, "ip");
  if (!ip) return fail(Error::Kind::invalid, "the reply is no trace: it has no line ip=");
  const auto address = IpAddress::parse(*ip);
  if (!address) return fail(Error::Kind::invalid, "the reply's line ip= holds no IP address");
  return TraceAnswer{*address, word(value_of(text, "loc"), 2, 2), word(value_of(text, "colo"), 3, 4)};
}

}  // namespace vpn_sentinel
