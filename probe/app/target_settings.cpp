#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "probe/app/bypass_values.hpp"
#include "probe/app/connection_settings.hpp"
#include "probe/app/exit_settings.hpp"
#include "probe/app/http_url.hpp"
#include "probe/app/kill_switch_settings.hpp"
#include "probe/app/meter_settings.hpp"
#include "probe/app/path_settings.hpp"
#include "probe/app/probe_settings.hpp"
#include "probe/app/serving_settings.hpp"

namespace vpn_sentinel {
namespace {

Result<std::vector<Endpoint>> dns_servers(const Settings& settings, std::string_view key) {
  std::vector<Endpoint> servers;
  if (settings.text(key) == "none") return servers;
  for (const auto& item : settings.list(key)) {
    const auto server = Endpoint::parse(item, 53);
    if (!server) return wrong_setting(settings, key, item, "an IP address with an optional port, such as 1.1.1.1:53");
    servers.push_back(*server);
  }
  return servers;
}

Result<void> read_netns(const Settings& settings, TargetPolicy& target) {
  const auto netns = NamespaceRef::parse(settings.text("netns"));
  if (!netns) return wrong_setting(settings, "netns", settings.text("netns"), netns.error().message);
  target.netns = *netns;
  target.container_sockets = settings.list("container_sockets");
  for (const auto& socket : target.container_sockets) {
    // sockaddr_un(7) has room for 107 bytes.
    if (!socket.starts_with('/') || socket.size() > 107) {
      return wrong_setting(settings, "container_sockets", socket, "absolute paths of unix sockets, at most 107 bytes each");
    }
  }
  target.forget_after = settings.duration("forget_after");
  return {};
}

Result<void> read_client_id(const Settings& settings, TargetPolicy& target) {
  const auto& text = settings.text("client_id");
  target.client_id_given = !text.empty();
  // Valid ids are kept as they are; the Python original's rule makes one of anything else.
  target.client_id = text.empty() ? default_client_id(target.netns) : is_valid_client_id(text) ? text : sanitize_client_id(text);
  return {};
}

Result<void> read_group(const Settings& settings, TargetPolicy& target) {
  target.group = settings.text("group");
  if (target.group.empty() || is_valid_group(target.group)) return {};
  return wrong_setting(settings, "group", target.group, "1-64 characters out of A-Z a-z 0-9 . _ -");
}

Result<void> read_tags(const Settings& settings, TargetPolicy& target) {
  target.tags = settings.list("tags");
  for (const auto& tag : target.tags) {
    if (!is_valid_tag(tag)) return wrong_setting(settings, "tags", tag, "words of 1-32 characters out of A-Z a-z 0-9 . _ -");
  }
  const std::set<std::string> words(target.tags.begin(), target.tags.end());
  if (words.size() == target.tags.size() && words.size() <= most_tags) return {};
  return wrong_setting(settings, "tags", settings.text("tags"), fmt::format("at most {} words, each once", most_tags));
}

Result<void> read_networks(const Settings& settings, TargetPolicy& target) {
  for (const auto& item : settings.list("local_network")) {
    const auto network = IpPrefix::parse(item);
    if (!network) return wrong_setting(settings, "local_network", item, "a network such as 192.0.2.0/24");
    target.local_networks.push_back(*network);
  }
  for (const auto& item : settings.list("endpoint")) {
    const auto without_protocol = item.substr(0, item.find('/'));
    const auto protocol = without_protocol.size() == item.size() ? std::string("udp") : item.substr(without_protocol.size() + 1);
    const auto endpoint = Endpoint::parse(without_protocol, 0);
    if (!endpoint || (protocol != "udp" && protocol != "tcp")) {
      return wrong_setting(settings, "endpoint", item, "ADDRESS, ADDRESS:PORT or ADDRESS:PORT/udp (or /tcp)");
    }
    const bool protocol_named = without_protocol.size() != item.size();
    const auto number = static_cast<std::uint8_t>(protocol == "tcp" ? IPPROTO_TCP : IPPROTO_UDP);
    target.endpoints.push_back({endpoint->address, protocol_named ? number : std::uint8_t{0}, endpoint->port});
  }
  return {};
}

Result<void> read_bypasses(const Settings& settings, TargetPolicy& target) {
  for (const auto& item : settings.list("allow_uids")) {
    const auto range = parse_uid_range(item);
    if (!range) return wrong_setting(settings, "allow_uids", item, range.error().message);
    target.allow_uids.push_back(*range);
  }
  for (const auto& item : settings.list("allow_marks")) {
    const auto mark = parse_mark(item);
    if (!mark) return wrong_setting(settings, "allow_marks", item, mark.error().message);
    target.allow_marks.push_back(*mark);
  }
  for (const auto& item : settings.list("allow_tables")) {
    const auto table = parse_number(item);
    if (!table)
      return wrong_setting(settings, "allow_tables", item, "the number of a routing table such as 100 (see /etc/iproute2/rt_tables)");
    target.allow_tables.push_back(*table);
  }
  const auto& rule = settings.text("tunnel_rule");
  if (rule != "any" && rule != "all") return wrong_setting(settings, "tunnel_rule", rule, "any or all");
  target.tunnel_rule = rule == "all" ? TunnelRule::all : TunnelRule::any;
  return {};
}

Result<void> read_checks(const Settings& settings, TargetPolicy& target) {
  const auto liveness = Endpoint::parse(settings.text("liveness_server"), 53);
  if (!liveness) {
    return wrong_setting(settings, "liveness_server", settings.text("liveness_server"),
                         "an IP address with an optional port, such as 1.1.1.1:53");
  }
  target.liveness_server = *liveness;
  target.liveness_interval = settings.duration("liveness_interval");
  target.liveness_failures = static_cast<int>(settings.integer("liveness_failures"));
  target.debounce = settings.boolean("debounce");
  target.check_interval = settings.duration("check_interval");
  target.check_timeout = settings.duration("timeout");
  target.trace_urls = settings.list("trace_urls");
  for (const auto& url : target.trace_urls) {
    if (!is_http_url(url)) return wrong_setting(settings, "trace_urls", url, "an http:// or https:// URL");
  }
  auto whoami = dns_servers(settings, "whoami_servers");
  if (!whoami) return fail(whoami.error());
  auto resolvers = dns_servers(settings, "resolvers");
  if (!resolvers) return fail(resolvers.error());
  target.whoami_servers = std::move(*whoami);
  target.resolvers = std::move(*resolvers);
  auto exit = make_exit_policy(settings);
  if (!exit) return fail(exit.error());
  target.exit = std::move(*exit);
  auto path = make_path_policy(settings);
  if (!path) return fail(path.error());
  target.path = std::move(*path);
  auto kill_switch = make_kill_switch_policy(settings);
  if (!kill_switch) return fail(kill_switch.error());
  target.kill_switch = std::move(*kill_switch);
  target.audit = {settings.boolean("audit_rules"), settings.boolean("require_kill_switch"), settings.boolean("close_leaking_sockets")};
  target.ca_file = settings.text("ca_file");
  if (!target.ca_file.empty() && access(target.ca_file.c_str(), R_OK) != 0) {
    return wrong_setting(settings, "ca_file", target.ca_file, "a readable PEM file");
  }
  return {};
}

/// RFC 1035 2.3.4, with room for a label of eight digits in front.
bool is_domain_name(std::string_view text) {
  constexpr std::size_t longest = 244;
  const auto is_good = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '\\'; };
  if (text.empty() || text.size() > longest || text.front() == '.' || !std::ranges::all_of(text, is_good)) return false;
  for (std::size_t at = 0; at < text.size();) {
    const auto label = text.substr(at, text.find('.', at) - at);
    if (label.empty() || label.size() > 63) return false;
    at += label.size() + 1;
  }
  return true;
}

Result<void> read_dns_checks(const Settings& settings, TargetPolicy& target) {
  target.egress_zone = settings.text("egress_zone");
  target.egress_names = static_cast<unsigned>(settings.integer("egress_names"));
  target.akahelp_name = settings.text("akahelp_name");
  for (const auto* const key : {"egress_zone", "akahelp_name"}) {
    const auto& name = settings.text(key);
    if (!name.empty() && !is_domain_name(name)) return wrong_setting(settings, key, name, "a domain name, or nothing");
  }
  for (const auto& item : settings.list("dns_accept")) {
    if (const auto added = add_acceptance(item, target.dns_accept); !added)
      return wrong_setting(settings, "dns_accept", item, added.error().message);
  }
  if (settings.text("dns_compare_names") != "none") target.dns_compare_names = settings.list("dns_compare_names");
  for (const auto& name : target.dns_compare_names) {
    if (!is_domain_name(name)) return wrong_setting(settings, "dns_compare_names", name, "domain names");
  }
  return {};
}

}  // namespace

std::string default_client_id(const NamespaceRef& netns) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::string name = host.front() == '\0' ? "vpn-monitor" : host.data();
  switch (netns.kind) {
    case NamespaceRef::Kind::self:
      return sanitize_client_id(name);
    case NamespaceRef::Kind::path:
      return sanitize_client_id(fmt::format("{}-{}", name, netns.value.substr(netns.value.find_last_of('/') + 1)));
    default:
      return sanitize_client_id(fmt::format("{}-{}", name, netns.value));
  }
}

Result<TargetPolicy> make_target_policy(const Settings& settings) {
  TargetPolicy target;
  target.tunnels = settings.list("tunnel");
  auto result = read_netns(settings, target)
                    .and_then([&] { return read_client_id(settings, target); })
                    .and_then([&] { return read_group(settings, target); })
                    .and_then([&] { return read_tags(settings, target); })
                    .and_then([&] { return read_networks(settings, target); })
                    .and_then([&] { return read_bypasses(settings, target); })
                    .and_then([&] { return read_checks(settings, target); })
                    .and_then([&] { return read_dns_checks(settings, target); });
  if (!result) return fail(result.error());
  target.baseline_folder = settings.text("data_dir") + "/baseline";
  target.meter = make_meter_policy(settings);
  const auto connections = make_connections_policy(settings);
  if (!connections) return fail(connections.error());
  target.connections = *connections;
  auto serving = make_serving_policy(settings);
  if (!serving) return fail(serving.error());
  target.serving = std::move(*serving);
  return target;
}

}  // namespace vpn_sentinel
