#include "hub/http/client_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "hub/ingest/text.hpp"

namespace vpn_sentinel {
namespace {

constexpr unsigned mapped_bits = 96;
constexpr int most_proxies = 32;

bool is_mapped(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return !address.is_v4() && std::ranges::equal(address.bytes().first(prefix.size()), prefix);
}

/// "192.0.2.7", "192.0.2.7:1234", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:1234".
Result<IpAddress> parse_entry(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) return IpAddress::parse(text.substr(1, text.size() - 2));
  if (auto bare = IpAddress::parse(text)) return bare;
  return Endpoint::parse(text, 0).map([](const Endpoint& endpoint) { return endpoint.address; });
}

Error bad_entry(std::string_view entry) {
  std::string shown;
  for (const char c : entry.substr(0, 60)) shown += c >= ' ' && c < '\x7f' ? c : '?';
  return {Error::Kind::invalid, fmt::format("X-Forwarded-For: expected IP addresses separated by commas, got '{}'", shown)};
}

}  // namespace

IpAddress unmapped(const IpAddress& address) noexcept {
  if (!is_mapped(address)) return address;
  std::array<std::uint8_t, 4> last{};
  std::ranges::copy(address.bytes().last(last.size()), last.begin());
  return IpAddress::v4(last);
}

IpPrefix unmapped(const IpPrefix& prefix) noexcept {
  if (prefix.length() < mapped_bits || !is_mapped(prefix.address())) return prefix;
  return {unmapped(prefix.address()), prefix.length() - mapped_bits};
}

bool is_one_of(const IpAddress& address, std::span<const IpPrefix> prefixes) noexcept {
  return std::ranges::any_of(prefixes, [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

Result<IpAddress> client_address(const IpAddress& peer, std::string_view forwarded_for, std::span<const IpPrefix> proxies) {
  auto client = unmapped(peer);
  bool more = !trimmed(forwarded_for).empty();
  for (int hops = 0; more && is_one_of(client, proxies); ++hops) {
    const auto comma = forwarded_for.rfind(',');
    more = comma != std::string_view::npos;
    const auto entry = trimmed(more ? forwarded_for.substr(comma + 1) : forwarded_for);
    const auto address = parse_entry(entry);
    if (!address || hops == most_proxies) return fail(bad_entry(entry));
    client = unmapped(*address);
    if (more) forwarded_for.remove_suffix(forwarded_for.size() - comma);
  }
  return client;
}

}  // namespace vpn_sentinel
