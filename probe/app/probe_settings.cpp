#include "probe/app/probe_settings.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "probe/app/bypass_values.hpp"
#include "probe/app/connection_settings.hpp"
#include "probe/app/exit_settings.hpp"
#include "probe/app/kill_switch_settings.hpp"
#include "probe/app/meter_settings.hpp"
#include "probe/app/path_settings.hpp"
#include "probe/app/serving_settings.hpp"

namespace vpn_sentinel {
namespace {

using Type = SettingRow::Type;

constexpr std::size_t most_hubs = 8;
/// More often would cost more than it tells.
constexpr std::chrono::milliseconds shortest_flow_interval{1'000};

constexpr std::array rows{
    SettingRow{"netns", "VPN_SENTINEL_NETNS", Type::text, "self",
               "Network namespace to watch: self, name:NAME (ip netns, may be a pattern), pid:PID, path:FILE or container:NAME_OR_ID", 0, 0,
               true, "", true},
    SettingRow{"container_sockets", "VPN_SENTINEL_CONTAINER_SOCKETS", Type::list, "/run/docker.sock,/run/podman/podman.sock",
               "Sockets of the container engines (Docker API) that are asked where a container is, by GET only", 0, 0, true},
    SettingRow{"forget_after", "VPN_SENTINEL_FORGET_AFTER", Type::seconds, "24h",
               "A namespace found by a pattern that has been gone so long is no target any more; 0: never", 0, 31'536'000, true},
    SettingRow{"tunnel", "VPN_SENTINEL_TUNNEL", Type::list, "", "Tunnel interface name or pattern; empty: found by kind and routes", 0, 0,
               true, "", true},
    SettingRow{"tunnel_rule", "VPN_SENTINEL_TUNNEL_RULE", Type::text, "any", "How many of several tunnels must be up: any or all", 0, 0,
               true},
    SettingRow{"endpoint", "VPN_SENTINEL_ENDPOINT", Type::list, "",
               "VPN server address, with or without :PORT/PROTO, that may be reached outside the tunnel", 0, 0, true, "", true},
    SettingRow{"local_network", "VPN_SENTINEL_LOCAL_NETWORKS", Type::list, "",
               "Networks (CIDR) beside the private ranges that may leave by the uplink", 0, 0, true, "", true},
    SettingRow{"allow_uids", "VPN_SENTINEL_ALLOW_UIDS", Type::list, "",
               "Users whose packets a policy rule may send outside the tunnel on purpose (split tunnel): 1000 or 2000-2999", 0, 0, true},
    SettingRow{"allow_marks", "VPN_SENTINEL_ALLOW_MARKS", Type::list, "",
               "Firewall marks whose packets a policy rule may send outside on purpose: 0x1 or 0x80000/0xff0000", 0, 0, true},
    SettingRow{"allow_tables", "VPN_SENTINEL_ALLOW_TABLES", Type::list, "",
               "Routing tables into which a policy rule may send selected packets on purpose, by number", 0, 0, true},
    SettingRow{
        "kill_switch", "VPN_SENTINEL_KILL_SWITCH", Type::text, "off",
        "Drop what leaves outside the tunnel: off, armed (always, before anything fails) or on-danger (from the danger on; what left "
        "until then has left)",
        0, 0, true},
    SettingRow{
        "kill_switch_protect", "VPN_SENTINEL_KILL_SWITCH_PROTECT", Type::boolean, "false",
        "While the probe runs nobody else can change or delete the kill switch with nft (Linux 6.9); 'killswitch disarm' still works", 0, 0,
        true},
    SettingRow{"kill_switch_allow_hub", "VPN_SENTINEL_KILL_SWITCH_ALLOW_HUB", Type::boolean, "false",
               "Let the probe's own namespace reach the addresses in VPN_SENTINEL_URL outside the tunnel while the kill switch holds", 0, 0,
               true},
    SettingRow{"disarm_on_stop", "VPN_SENTINEL_DISARM_ON_STOP", Type::boolean, "false",
               "Take the kill switch away when the probe is stopped; else it stays closed until the next start or 'killswitch disarm'", 0,
               0, true},
    SettingRow{"url", "VPN_SENTINEL_URL", Type::list, "http://127.0.0.1:5000", "Base URL of the hub, or of several hubs, the best first"},
    SettingRow{"hub_mode", "VPN_SENTINEL_HUB_MODE", Type::text, "first",
               "Which of several hubs gets the reports: first (the first that answers) or all (each gets everything)"},
    SettingRow{"api_path", "VPN_SENTINEL_API_PATH", Type::text, "/api/v1", "Path of the hub's API"},
    SettingRow{"api_key", "VPN_SENTINEL_API_KEY", Type::secret, "", "Key of the hub's API; empty: the header is left out"},
    SettingRow{"client_id", "VPN_SENTINEL_CLIENT_ID", Type::text, "", "Name of the target at the hub; empty: host name and namespace", 0, 0,
               true, "", true},
    SettingRow{"group", "VPN_SENTINEL_GROUP", Type::text, "",
               "Targets of one group watch the same VPN from several places; the hub judges them together", 0, 0, true},
    SettingRow{"interval", "VPN_SENTINEL_INTERVAL", Type::seconds, "15s", "Time between keepalives; changes are reported at once", 1, 86400,
               false, "INTERVAL"},
    SettingRow{"timeout", "VPN_SENTINEL_TIMEOUT", Type::seconds, "10s", "Time-out of one request to the hub and of one round of the checks",
               1, 300, false, "TIMEOUT"},
    SettingRow{"hub_path", "VPN_SENTINEL_HUB_PATH", Type::text, "auto",
               "Way of reports to the hub: auto (changes by the uplink, keepalives through the tunnel), tunnel or uplink"},
    SettingRow{"tls_cert_path", "VPN_SENTINEL_TLS_CERT_PATH", Type::text, "", "CA bundle (PEM) for the hub; empty: the system's"},
    SettingRow{"tls_client_cert_path", "VPN_SENTINEL_TLS_CLIENT_CERT_PATH", Type::text, "",
               "Certificate (PEM) to show to a hub that asks for one"},
    SettingRow{"tls_client_key_path", "VPN_SENTINEL_TLS_CLIENT_KEY_PATH", Type::text, "", "Its private key (PEM, not encrypted)"},
    SettingRow{"allow_insecure", "VPN_SENTINEL_ALLOW_INSECURE", Type::boolean, "false", "Do not check the hub's certificate"},
    SettingRow{"debounce", "VPN_SENTINEL_DEBOUNCE", Type::boolean, "true",
               "While a target flaps, tell its improvements only when they have lasted 5 s; what is worse is told at once in any case", 0,
               0, true},
    SettingRow{"check_interval", "VPN_SENTINEL_CHECK_INTERVAL", Type::seconds, "5m", "Time between checks of exit address and DNS", 5,
               86400, true},
    SettingRow{"liveness_interval", "VPN_SENTINEL_LIVENESS_INTERVAL", Type::seconds, "1s",
               "Time between small questions through the tunnel; 0 switches them off", 0, 3600, true},
    SettingRow{"liveness_server", "VPN_SENTINEL_LIVENESS_SERVER", Type::text, "1.1.1.1:53",
               "DNS server that is asked through the tunnel; any answer is a sign of life", 0, 0, true},
    SettingRow{"liveness_failures", "VPN_SENTINEL_LIVENESS_FAILURES", Type::integer, "3",
               "Unanswered questions before the tunnel counts as stalled", 1, 100, true},
    SettingRow{"whoami_servers", "VPN_SENTINEL_WHOAMI_SERVERS", Type::list, "1.0.0.1:53,1.1.1.1:53",
               "DNS servers that answer whoami.cloudflare (class CH) with the asker's address; none: not checked", 0, 0, true},
    SettingRow{"trace_urls", "VPN_SENTINEL_TRACE_URLS", Type::list,
               "https://api.cloudflare.com/cdn-cgi/trace,https://www.cloudflare.com/cdn-cgi/trace,"
               "https://connectivity.cloudflareclient.com/cdn-cgi/trace,https://cloudflare.com/cdn-cgi/trace,"
               "https://one.one.one.one/cdn-cgi/trace,https://1.1.1.1/cdn-cgi/trace",
               "Services that tell the exit address, tried in order; together they have one voice", 0, 0, true},
    SettingRow{"mullvad_url", "VPN_SENTINEL_MULLVAD_URL", Type::text, "https://ipv4.am.i.mullvad.net/json",
               "A second operator that tells the exit address; empty: not asked", 0, 0, true},
    SettingRow{"mullvad_v6_url", "VPN_SENTINEL_MULLVAD_V6_URL", Type::text, "https://ipv6.am.i.mullvad.net/json", "The same for IPv6", 0, 0,
               true},
    SettingRow{"geolocation_service", "VPN_SENTINEL_GEOLOCATION_SERVICE", Type::text, "auto",
               "Who is asked where a new exit is, and for the address when others fail: auto (all, in turn), ipinfo.io, ip-api.com, "
               "ipwho.is, ipwhois.app or off",
               0, 0, true},
    SettingRow{"ipinfo_url", "VPN_SENTINEL_IPINFO_URL", Type::text, "https://ipinfo.io/json",
               "Address of ipinfo.io or a mirror; empty: off", 0, 0, true},
    SettingRow{"ipinfo_v6_url", "VPN_SENTINEL_IPINFO_V6_URL", Type::text, "https://v6.ipinfo.io/json", "The same for IPv6", 0, 0, true},
    SettingRow{"ip_api_url", "VPN_SENTINEL_IP_API_URL", Type::text,
               "http://ip-api.com/json/?fields=status,message,countryCode,regionName,city,timezone,isp,org,as,query",
               "Address of ip-api.com (HTTP only, for non-commercial use only) or a mirror; empty: off", 0, 0, true},
    SettingRow{"ipwhois_url", "VPN_SENTINEL_IPWHOIS_URL", Type::text, "https://ipwho.is/", "Address of ipwho.is or a mirror; empty: off", 0,
               0, true},
    SettingRow{"ipwhois_app_url", "VPN_SENTINEL_IPWHOIS_APP_URL", Type::text, "https://ipwhois.app/json/",
               "Address of its older form; empty: off", 0, 0, true},
    SettingRow{
        "geo_databases", "VPN_SENTINEL_GEO_DATABASES", Type::list, "",
        "Files (.mmdb) that know country and network of addresses, asked before any service; empty: those in the usual folders; none: "
        "no file",
        0, 0, true},
    SettingRow{"exit_quorum", "VPN_SENTINEL_EXIT_QUORUM", Type::integer, "2", "So many independent services must name the same exit", 1, 4,
               true},
    SettingRow{"expected_exits", "VPN_SENTINEL_EXPECTED_EXITS", Type::list, "",
               "Where the exit must be: countries (RO), networks (AS64500) or addresses (198.51.100.0/24); else a warning", 0, 0, true},
    SettingRow{"never_exits", "VPN_SENTINEL_NEVER_EXITS", Type::list, "", "Where the exit must never be, in the same forms; else danger", 0,
               0, true},
    SettingRow{"learn_uplink", "VPN_SENTINEL_LEARN_UPLINK", Type::boolean, "true",
               "Ask the services of VPN_SENTINEL_TRACE_URLS outside the namespace for the uplink's address, to tell an exit that is none",
               0, 0, true},
    SettingRow{"egress_zone", "VPN_SENTINEL_EGRESS_ZONE", Type::text, "test.dnscheck.tools",
               "Zone whose names tell who asks for them; asked through the programs' own resolver; empty: that resolver is not checked", 0,
               0, true},
    SettingRow{"egress_names", "VPN_SENTINEL_EGRESS_NAMES", Type::integer, "6",
               "How many unique names of that zone are asked for by one check; 0: that resolver is not checked", 0, 32, true},
    SettingRow{"akahelp_name", "VPN_SENTINEL_AKAHELP_NAME", Type::text, "whoami.ds.akahelp.net",
               "Name that is asked for when the zone tells nothing; empty: none", 0, 0, true},
    SettingRow{"dns_accept", "VPN_SENTINEL_DNS_ACCEPT", Type::list, "",
               "Resolvers that are wanted wherever they are: a country (RO), a network (AS64500) or addresses (198.51.100.0/24)", 0, 0,
               true},
    SettingRow{"dns_compare_names", "VPN_SENTINEL_DNS_COMPARE_NAMES", Type::list, "one.one.one.one,dns.google",
               "Names whose addresses are compared between the programs' own resolver and the first of `resolvers`; none: not compared", 0,
               0, true},
    SettingRow{"stun_servers", "VPN_SENTINEL_STUN_SERVERS", Type::list, "stun.cloudflare.com:3478,stun.l.google.com:19302",
               "STUN servers that tell by which address arbitrary UDP leaves, tried in order; none: not checked", 0, 0, true},
    SettingRow{"large_packets", "VPN_SENTINEL_LARGE_PACKETS", Type::boolean, "true",
               "Check with a large request to VPN_SENTINEL_TRACE_URLS that packets as large as the tunnel allows get through", 0, 0, true},
    SettingRow{"latency_drop", "VPN_SENTINEL_LATENCY_DROP", Type::integer, "60",
               "Percent by which ordinary questions must come back sooner than those bound to the tunnel to count as a hint that they do "
               "not go through it; 0: not watched",
               0, 99, true},
    SettingRow{"latency_interval", "VPN_SENTINEL_LATENCY_INTERVAL", Type::seconds, "10s",
               "Time between those ordinary questions to VPN_SENTINEL_LIVENESS_SERVER", 1, 3600, true},
    SettingRow{"audit_rules", "VPN_SENTINEL_AUDIT_RULES", Type::boolean, "true",
               "Read the namespace's firewall rules (nft, iptables) and tell whether they would hold packets back if the tunnel failed", 0,
               0, true},
    SettingRow{"require_kill_switch", "VPN_SENTINEL_REQUIRE_KILL_SWITCH", Type::boolean, "false",
               "Warn when no firewall rule is known to hold packets back if the tunnel fails", 0, 0, true},
    SettingRow{"close_leaking_sockets", "VPN_SENTINEL_CLOSE_LEAKING_SOCKETS", Type::boolean, "false",
               "End connections that run outside the tunnel when the target turns to danger (never the tunnel's own)", 0, 0, true},
    SettingRow{"leak_meter", "VPN_SENTINEL_LEAK_METER", Type::boolean, "true",
               "Count packets that leave outside the tunnel (nf_tables, in tables of its own; nothing is held back)", 0, 0, true},
    SettingRow{"leak_poll_ms", "VPN_SENTINEL_LEAK_POLL_MS", Type::integer, "250",
               "Milliseconds between looks at these counters while something leaves, or where the kernel does not tell by itself", 20,
               10000, true},
    SettingRow{"connections", "VPN_SENTINEL_CONNECTIONS", Type::text, "auto",
               "Who tells which program leaks, and the command 'connections': auto (the best that this machine allows), ebpf, sock_diag, "
               "conntrack, nflog or off",
               0, 0, true},
    SettingRow{"destinations", "VPN_SENTINEL_DESTINATIONS", Type::text, "full",
               "How much of far ends the commands 'connections' and 'peers' tell, and the hub is told of connections, of a server's "
               "clients and of what leaves outside the tunnel: full, prefix (/24, /48), country or none",
               0, 0, true},
    SettingRow{"connections_interval", "VPN_SENTINEL_CONNECTIONS_INTERVAL", Type::seconds, "10s",
               "Time between two batches of connections to the hub, which stores and shows them; 0: they are told to no hub", 0, 3600},
    SettingRow{"nflog_group", "VPN_SENTINEL_NFLOG_GROUP", Type::integer, "0",
               "Group to which your firewall rules log packets (nft: log group N), for nflog in VPN_SENTINEL_CONNECTIONS", 0, 65535, true},
    SettingRow{"listen", "VPN_SENTINEL_LISTEN", Type::list, "",
               "Ports of VPN servers in this namespace whose clients are told: udp/51820 or tcp/1194; empty: none are looked for", 0, 0,
               true},
    SettingRow{"listen_nflog_group", "VPN_SENTINEL_LISTEN_NFLOG_GROUP", Type::text, "",
               "Group to which your firewall rules log packets that they refuse at those ports, counted as blocked tries; no other program "
               "can listen to it then; empty: none",
               0, 0, true},
    SettingRow{"resolvers", "VPN_SENTINEL_RESOLVERS", Type::list, "1.1.1.1:53,9.9.9.9:53",
               "DNS servers for the names that the probe itself looks up inside the namespace", 0, 0, true},
    SettingRow{"ca_file", "VPN_SENTINEL_CA_FILE", Type::text, "", "CA bundle (PEM) for the address services; empty: the system's", 0, 0,
               true},
    SettingRow{
        "data_dir", "VPN_SENTINEL_DATA_DIR", Type::text, "/var/lib/vpn-sentinel",
        "Folder for reports that the hub has not acknowledged yet, for pinned healthy states and for what is known of the kill switch"},
    SettingRow{"schema", "VPN_SENTINEL_SCHEMA", Type::integer, "2",
               "Form of the reports: 2, or 1 for a server of the Python original (no findings, no history, 30 requests a minute)", 1, 2},
    SettingRow{"outbox_days", "VPN_SENTINEL_OUTBOX_DAYS", Type::integer, "7",
               "Days after which a report that a hub has not acknowledged is given up: hubs know their numbers for a week", 1, 7},
    SettingRow{"outbox_mb", "VPN_SENTINEL_OUTBOX_MB", Type::integer, "64",
               "Size in MiB of the reports that may wait for a hub; beyond it the oldest are given up", 1, 4096},
    SettingRow{"log_level", "VPN_SENTINEL_LOG_LEVEL", Type::text, "info", "debug, info, warning or error; SIGHUP reads it again"},
};

tl::unexpected<Error> wrong(const Settings& settings, std::string_view key, std::string_view value, std::string_view expected) {
  const auto row = std::ranges::find(rows, key, &SettingRow::key);
  return fail(Error::Kind::invalid,
              fmt::format("{} = '{}' (from {}): expected {}", row->environment, value, settings.origin(key), expected));
}

Result<std::vector<Endpoint>> dns_servers(const Settings& settings, std::string_view key) {
  std::vector<Endpoint> servers;
  if (settings.text(key) == "none") return servers;
  for (const auto& item : settings.list(key)) {
    const auto server = Endpoint::parse(item, 53);
    if (!server) return wrong(settings, key, item, "an IP address with an optional port, such as 1.1.1.1:53");
    servers.push_back(*server);
  }
  return servers;
}

bool is_http_url(std::string_view url) {
  return (url.starts_with("http://") && url.size() > 7) || (url.starts_with("https://") && url.size() > 8);
}

Result<void> read_netns(const Settings& settings, TargetPolicy& target) {
  const auto netns = NamespaceRef::parse(settings.text("netns"));
  if (!netns) return wrong(settings, "netns", settings.text("netns"), netns.error().message);
  target.netns = *netns;
  target.container_sockets = settings.list("container_sockets");
  for (const auto& socket : target.container_sockets) {
    // sockaddr_un(7) has room for 107 bytes.
    if (!socket.starts_with('/') || socket.size() > 107) {
      return wrong(settings, "container_sockets", socket, "absolute paths of unix sockets, at most 107 bytes each");
    }
  }
  target.forget_after = settings.duration("forget_after");
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

namespace {

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
  return wrong(settings, "group", target.group, "1-64 characters out of A-Z a-z 0-9 . _ -");
}

Result<void> read_networks(const Settings& settings, TargetPolicy& target) {
  for (const auto& item : settings.list("local_network")) {
    const auto network = IpPrefix::parse(item);
    if (!network) return wrong(settings, "local_network", item, "a network such as 192.0.2.0/24");
    target.local_networks.push_back(*network);
  }
  for (const auto& item : settings.list("endpoint")) {
    const auto without_protocol = item.substr(0, item.find('/'));
    const auto protocol = without_protocol.size() == item.size() ? std::string("udp") : item.substr(without_protocol.size() + 1);
    const auto endpoint = Endpoint::parse(without_protocol, 0);
    if (!endpoint || (protocol != "udp" && protocol != "tcp")) {
      return wrong(settings, "endpoint", item, "ADDRESS, ADDRESS:PORT or ADDRESS:PORT/udp (or /tcp)");
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
    if (!range) return wrong(settings, "allow_uids", item, range.error().message);
    target.allow_uids.push_back(*range);
  }
  for (const auto& item : settings.list("allow_marks")) {
    const auto mark = parse_mark(item);
    if (!mark) return wrong(settings, "allow_marks", item, mark.error().message);
    target.allow_marks.push_back(*mark);
  }
  for (const auto& item : settings.list("allow_tables")) {
    const auto table = parse_number(item);
    if (!table) return wrong(settings, "allow_tables", item, "the number of a routing table such as 100 (see /etc/iproute2/rt_tables)");
    target.allow_tables.push_back(*table);
  }
  const auto& rule = settings.text("tunnel_rule");
  if (rule != "any" && rule != "all") return wrong(settings, "tunnel_rule", rule, "any or all");
  target.tunnel_rule = rule == "all" ? TunnelRule::all : TunnelRule::any;
  return {};
}

Result<void> read_checks(const Settings& settings, TargetPolicy& target) {
  const auto liveness = Endpoint::parse(settings.text("liveness_server"), 53);
  if (!liveness) {
    return wrong(settings, "liveness_server", settings.text("liveness_server"), "an IP address with an optional port, such as 1.1.1.1:53");
  }
  target.liveness_server = *liveness;
  target.liveness_interval = settings.duration("liveness_interval");
  target.liveness_failures = static_cast<int>(settings.integer("liveness_failures"));
  target.debounce = settings.boolean("debounce");
  target.check_interval = settings.duration("check_interval");
  target.check_timeout = settings.duration("timeout");
  target.trace_urls = settings.list("trace_urls");
  for (const auto& url : target.trace_urls) {
    if (!is_http_url(url)) return wrong(settings, "trace_urls", url, "an http:// or https:// URL");
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
    return wrong(settings, "ca_file", target.ca_file, "a readable PEM file");
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
    if (!name.empty() && !is_domain_name(name)) return wrong(settings, key, name, "a domain name, or nothing");
  }
  for (const auto& item : settings.list("dns_accept")) {
    if (const auto added = add_acceptance(item, target.dns_accept); !added)
      return wrong(settings, "dns_accept", item, added.error().message);
  }
  if (settings.text("dns_compare_names") != "none") target.dns_compare_names = settings.list("dns_compare_names");
  for (const auto& name : target.dns_compare_names) {
    if (!is_domain_name(name)) return wrong(settings, "dns_compare_names", name, "domain names");
  }
  return {};
}

Result<void> read_hub_urls(const Settings& settings, ProbeConfig& config) {
  config.hub.urls = settings.list("url");
  for (const auto& url : config.hub.urls) {
    if (!is_http_url(url)) return wrong(settings, "url", url, "an http:// or https:// URL such as http://hub.example:5000");
    if (std::ranges::count(config.hub.urls, url) > 1) return wrong(settings, "url", url, "each hub once");
  }
  if (config.hub.urls.empty() || config.hub.urls.size() > most_hubs) {
    return wrong(settings, "url", settings.text("url"), fmt::format("1 to {} URLs such as http://hub.example:5000", most_hubs));
  }
  const auto& mode = settings.text("hub_mode");
  if (mode != "first" && mode != "all") return wrong(settings, "hub_mode", mode, "first or all");
  config.to_all_hubs = mode == "all";
  return {};
}

Result<void> read_client_certificate(const Settings& settings, HubAddress& hub) {
  hub.certificate_file = settings.text("tls_client_cert_path");
  hub.key_file = settings.text("tls_client_key_path");
  if (hub.certificate_file.empty() != hub.key_file.empty()) {
    const auto* const set = hub.key_file.empty() ? "tls_client_cert_path" : "tls_client_key_path";
    return wrong(settings, set, settings.text(set), "certificate and key to be set together, or neither");
  }
  for (const auto* const key : {"tls_client_cert_path", "tls_client_key_path"}) {
    const auto& file = settings.text(key);
    if (!file.empty() && access(file.c_str(), R_OK) != 0) return wrong(settings, key, file, "a readable PEM file");
  }
  return {};
}

Result<void> read_hub(const Settings& settings, ProbeConfig& config) {
  if (auto result = read_hub_urls(settings, config); !result) return result;
  config.hub.api_path = settings.text("api_path");
  config.hub.api_key = settings.text("api_key");
  config.hub.schema = static_cast<int>(settings.integer("schema"));
  config.hub.verify = !settings.boolean("allow_insecure");
  config.hub.timeout = settings.duration("timeout");
  config.hub.ca_file = settings.text("tls_cert_path");
  if (!config.hub.ca_file.empty() && access(config.hub.ca_file.c_str(), R_OK) != 0) {
    return wrong(settings, "tls_cert_path", config.hub.ca_file, "a readable PEM file");
  }
  config.outbox.age = std::chrono::days{settings.integer("outbox_days")};
  config.outbox.bytes = static_cast<std::size_t>(settings.integer("outbox_mb")) * 1024 * 1024;
  if (auto read = read_client_certificate(settings, config.hub); !read) return read;
  config.hub_path = settings.text("hub_path");
  if (config.hub_path != "auto" && config.hub_path != "tunnel" && config.hub_path != "uplink") {
    return wrong(settings, "hub_path", config.hub_path, "auto, tunnel or uplink");
  }
  return {};
}

/// Two targets of one name would overwrite each other at the hub.
Result<void> check_unique(const std::vector<TargetPolicy>& targets) {
  std::set<std::string> ids;
  for (const auto& target : targets) {
    if (!ids.insert(target.client_id).second) {
      return fail(Error::Kind::invalid,
                  fmt::format("client_id = '{}' is used by two targets: give each [[target]] its own", target.client_id));
    }
  }
  return {};
}

}  // namespace

std::span<const SettingRow> probe_setting_rows() { return rows; }

Result<TargetPolicy> make_target_policy(const Settings& settings) {
  TargetPolicy target;
  target.tunnels = settings.list("tunnel");
  auto result = read_netns(settings, target)
                    .and_then([&] { return read_client_id(settings, target); })
                    .and_then([&] { return read_group(settings, target); })
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

std::vector<std::string> changed_settings(const ProbeConfig& before, const ProbeConfig& now) {
  std::vector<std::string> names;
  const auto both = std::min(before.settings.size(), now.settings.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < both; ++i) {
      if (before.settings[i].text(row.key) == now.settings[i].text(row.key)) continue;
      names.emplace_back(row.environment);
      break;
    }
  }
  if (before.settings.size() != now.settings.size()) names.emplace_back("[[target]]");
  return names;
}

Result<ProbeConfig> make_probe_config(const LoadedSettings& loaded) {
  ProbeConfig config;
  config.settings.push_back(loaded.global);
  config.settings.insert(config.settings.end(), loaded.targets.begin(), loaded.targets.end());
  if (auto result = read_hub(loaded.global, config); !result) return fail(result.error());
  config.interval = loaded.global.duration("interval");
  // Two intervals: one lost keepalive is no outage. The next one may first try a dead tunnel for its whole time.
  config.lease = std::chrono::ceil<std::chrono::seconds>(config.interval * 2 + config.hub.tunnel_timeout);
  config.flow_interval = loaded.global.duration("connections_interval");
  if (config.flow_interval > std::chrono::milliseconds{0}) config.flow_interval = std::max(config.flow_interval, shortest_flow_interval);
  config.data_dir = loaded.global.text("data_dir");
  const auto level = parse_log_level(loaded.global.text("log_level"));
  if (!level) return wrong(loaded.global, "log_level", loaded.global.text("log_level"), "debug, info, warning or error");
  config.log_level = *level;
  const std::vector<Settings> only{loaded.global};
  for (const auto& settings : loaded.targets.empty() ? only : loaded.targets) {
    auto target = make_target_policy(settings);
    if (!target) return fail(target.error());
    config.targets.push_back(std::move(*target));
  }
  if (auto result = check_unique(config.targets); !result) return fail(result.error());
  return config;
}

}  // namespace vpn_sentinel
