/// The rules of a report's fields, written once for every reader of JSON: the library that most code uses, and the fast one of the hub's
/// hot path. For users of decode_report() nothing of this matters.
///
/// A reader is a type `Value`, a cheap handle of one JSON value that somebody else owns, with
///   is_null(), is_boolean(), is_string(), is_array(), is_object()
///   boolean(), text()               of a value of that type
///   whole()                         optional<uint64_t>: a whole number that is not negative, written without '.' and exponent
///   number()                        optional<double>: any number
///   size(), each(f)                 of an array: how many items; calls f(Value) for each, in order
///   Value::Object(value)            the members of an object; find(key) is an optional<Value>
///   to_json()                       a copy: for evidence, and for the message of a refusal
/// Text is UTF-8, and no deeper than a thread's stack allows: the reader sees to it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/printable_ascii.hpp"
#include "probe/report/bounds.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel::decode_rules {

inline constexpr std::size_t longest_text = 256;

/// Thrown by the rules and caught by whoever calls them: nested fields give up with one line each.
struct BadField {
  std::string message;
};

template <typename Value>
[[noreturn]] void reject(std::string_view field, std::string_view expected, const std::optional<Value>& value) {
  const auto got = value ? value->to_json() : nlohmann::json();
  throw BadField{fmt::format("{}: expected {}, got {}", field, expected,
                             got.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 80))};
}

/// Nullopt when the member is absent or JSON null.
template <typename Value>
std::optional<Value> member(const typename Value::Object& object, std::string_view key) {
  auto found = object.find(key);
  if (found && found->is_null()) found.reset();
  return found;
}

/// Control characters would forge log lines and alerts.
inline bool is_clean(std::string_view text) {
  if (is_printable_ascii(text)) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

/// The members of one object of a report. `prefix` ("tunnel.") stands before their names in messages.
template <typename Value>
class Fields {
 public:
  using Members = typename Value::Object;

  Fields(const Value& object, std::string_view prefix) : members_(object), prefix_(prefix) {}

  [[nodiscard]] const Members& members() const { return members_; }
  /// Nullopt when it is absent or JSON null.
  [[nodiscard]] std::optional<Value> find(std::string_view key) const { return member<Value>(members_, key); }
  [[nodiscard]] std::string name(std::string_view key) const { return fmt::format("{}{}", prefix_, key); }
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const {
    reject<Value>(name(key), expected, members_.find(key));
  }

  [[nodiscard]] std::optional<std::string> optional_text(std::string_view key) const {
    const auto value = find(key);
    if (!value) return std::nullopt;
    return text_of(*value, key);
  }
  [[nodiscard]] std::string text(std::string_view key) const {
    const auto value = find(key);
    return value ? text_of(*value, key) : std::string();
  }
  /// `value`: the member itself, or an item of it.
  [[nodiscard]] std::string text_of(const Value& value, std::string_view key) const {
    if (!value.is_string()) reject<Value>(name(key), "a text", value);
    const std::string_view text = value.text();
    if (text.size() > longest_text || !is_clean(text)) {
      reject<Value>(name(key), fmt::format("at most {} bytes without control characters", longest_text), value);
    }
    return std::string(text);
  }

  /// What somebody else worded (an error, the name of a process): made harmless and cut rather than a reason to refuse the report.
  [[nodiscard]] std::string others_words(std::string_view key) const {
    const auto value = find(key);
    if (!value) return {};
    if (!value->is_string()) reject<Value>(name(key), "a text", value);
    std::string text(value->text());
    bound_words(text);
    return text;
  }

  template <typename Number>
  [[nodiscard]] std::optional<Number> number(std::string_view key) const {
    const auto value = find(key);
    if (!value) return std::nullopt;
    const auto whole = value->whole();
    if (!whole || *whole > std::numeric_limits<Number>::max()) {
      reject<Value>(name(key), fmt::format("a whole number from 0 to {}", std::numeric_limits<Number>::max()), value);
    }
    return static_cast<Number>(*whole);
  }

  [[nodiscard]] std::optional<WallTime> time(std::string_view key) const {
    const auto value = find(key);
    if (!value) return std::nullopt;
    const auto time = value->is_string() ? parse_rfc3339(value->text()) : Result<WallTime>{fail(Error{})};
    if (!time) reject<Value>(name(key), "an RFC 3339 time", value);
    return *time;
  }

  /// False when it is absent.
  [[nodiscard]] bool flag(std::string_view key) const {
    const auto value = find(key);
    if (value && !value->is_boolean()) reject<Value>(name(key), "true or false", value);
    return value && value->boolean();
  }

  [[nodiscard]] std::optional<Value> object(std::string_view key) const {
    const auto value = find(key);
    if (value && !value->is_object()) reject<Value>(name(key), "an object", value);
    return value;
  }

 private:
  Members members_;
  std::string_view prefix_;
};

template <typename Value>
Finding read_finding(const Value& value, std::size_t index) {
  const auto place = fmt::format("findings[{}]", index);
  if (!value.is_object()) reject<Value>(place, "an object", value);
  const auto prefix = place + ".";
  const Fields<Value> fields(value, prefix);
  Finding finding;
  finding.code = fields.text("code");
  if (finding.code.empty()) fields.refuse("code", "a code such as tunnel_down");
  const auto severity = parse_severity(fields.text("severity"));
  if (!severity) fields.refuse("severity", "information, warning, contained or danger");
  finding.severity = *severity;
  finding.since = fields.time("since").value_or(WallTime{});
  // Too much of it is cut, for with the report its state would be refused, too.
  if (const auto given = fields.object("evidence")) finding.evidence = bound_evidence(given->to_json());
  return finding;
}

template <typename Value>
void read_judgement(const Fields<Value>& fields, Report& report) {
  const auto word = fields.optional_text("state");
  if (!word) return;
  report.state = parse_state(*word);
  if (!report.state || *report.state == State::offline) fields.refuse("state", "secure, warning, contained or danger");
  const auto findings = fields.find("findings");
  if (!findings) return;
  if (!findings->is_array() || findings->size() > most_findings) {
    fields.refuse("findings", fmt::format("a list of at most {}", most_findings));
  }
  findings->each([&report](const Value& finding) { report.findings.push_back(read_finding(finding, report.findings.size())); });
}

template <typename Value>
LocationReport read_location(const Value& value) {
  const Fields<Value> fields(value, "location.");
  return {fields.text("country"), fields.text("city"), fields.text("region"), fields.text("org"), fields.text("timezone")};
}

template <typename Value>
TunnelReport read_tunnel(const Value& value) {
  const Fields<Value> fields(value, "tunnel.");
  return {fields.text("name"),
          fields.text("kind"),
          fields.flag("up"),
          fields.time("since"),
          fields.template number<std::uint64_t>("rx_bytes"),
          fields.template number<std::uint64_t>("tx_bytes"),
          fields.template number<std::uint32_t>("handshake_age_s")};
}

template <typename Value>
ExitReport read_exit(const Value& value) {
  const Fields<Value> fields(value, "exit.");
  return {fields.optional_text("v4"),      fields.optional_text("v6"), fields.template number<std::uint32_t>("asn"),
          fields.optional_text("country"), fields.text("source"),      fields.template number<std::uint32_t>("sources")};
}

template <typename Value>
ResolverReport read_resolver(const Value& value) {
  if (!value.is_object()) reject<Value>("dns.resolvers", "objects with address and route", value);
  const Fields<Value> fields(value, "dns.resolvers.");
  return {fields.text("address"), fields.text("route")};
}

template <typename Value>
DnsReport read_dns(const Value& value) {
  const Fields<Value> fields(value, "dns.");
  DnsReport dns{fields.text("verdict"), fields.text("reason"), {}, {}};
  if (const auto egress = fields.find("egress")) {
    if (!egress->is_array() || egress->size() > most_dns_entries) fields.refuse("egress", "a short list of addresses");
    egress->each([&](const Value& address) { dns.egress.push_back(fields.text_of(address, "egress")); });
  }
  if (const auto resolvers = fields.find("resolvers")) {
    if (!resolvers->is_array() || resolvers->size() > most_dns_entries) fields.refuse("resolvers", "a short list of resolvers");
    resolvers->each([&](const Value& resolver) { dns.resolvers.push_back(read_resolver(resolver)); });
  }
  return dns;
}

template <typename Value>
std::uint64_t read_count(const Fields<Value>& fields, std::string_view key) {
  return fields.template number<std::uint64_t>(key).value_or(0);
}

template <typename Value>
LeakDestinationReport read_leak_destination(const Value& value) {
  if (!value.is_object()) reject<Value>("leak.destinations", "objects with address, protocol, packets and bytes", value);
  const Fields<Value> fields(value, "leak.destinations.");
  return {fields.text("address"),
          fields.text("protocol"),
          fields.template number<std::uint16_t>("port"),
          fields.template number<std::uint32_t>("uid"),
          read_count(fields, "packets"),
          read_count(fields, "bytes")};
}

template <typename Value>
LeakReport read_leak(const Value& value) {
  const Fields<Value> fields(value, "leak.");
  LeakReport leak{fields.flag("counting"),
                  fields.others_words("why"),
                  fields.time("since"),
                  read_count(fields, "packets"),
                  read_count(fields, "bytes"),
                  read_count(fields, "dns_packets"),
                  read_count(fields, "v4_packets"),
                  read_count(fields, "v6_packets"),
                  read_count(fields, "endpoint_packets"),
                  read_count(fields, "local_packets"),
                  {}};
  if (const auto list = fields.find("destinations")) {
    if (!list->is_array() || list->size() > most_leak_destinations) fields.refuse("destinations", "a short list of destinations");
    list->each([&](const Value& destination) { leak.destinations.push_back(read_leak_destination(destination)); });
  }
  return leak;
}

template <typename Value>
KillSwitchReport read_kill_switch(const Value& value) {
  const Fields<Value> fields(value, "kill_switch.");
  return {fields.text("mode"), fields.text("state"), fields.others_words("why"), fields.time("since"),
          read_count(fields, "stopped_packets")};
}

template <typename Value>
RulesetReport read_ruleset(const Value& value) {
  const Fields<Value> fields(value, "ruleset.");
  return {fields.text("verdict"), fields.others_words("changed_by"), fields.time("changed_at")};
}

template <typename Value>
UdpExitReport read_udp_exit(const Value& value) {
  const Fields<Value> fields(value, "udp_exit.");
  return {fields.optional_text("v4"), fields.optional_text("v6")};
}

template <typename Value>
ListenPortReport read_listen_port(const Value& value) {
  if (!value.is_object()) reject<Value>("peers.ports", "objects with port and told_by", value);
  const Fields<Value> fields(value, "peers.ports.");
  return {fields.text("port"), fields.text("told_by"), fields.template number<std::uint32_t>("connected"),
          fields.template number<std::uint32_t>("unanswered"), fields.others_words("why")};
}

template <typename Value>
PeerReport read_peer(const Value& value) {
  if (!value.is_object()) reject<Value>("peers.list", "objects with port, from, since and bytes", value);
  const Fields<Value> fields(value, "peers.list.");
  return {fields.text("port"),
          fields.text("from"),
          fields.text("key"),
          fields.time("since"),
          fields.flag("since_before"),
          fields.template number<std::uint64_t>("rx_bytes"),
          fields.template number<std::uint64_t>("tx_bytes")};
}

template <typename Value>
PeersReport read_peers(const Value& value) {
  const Fields<Value> fields(value, "peers.");
  PeersReport peers;
  peers.connected = fields.template number<std::uint32_t>("connected");
  if (const auto ports = fields.find("ports")) {
    if (!ports->is_array() || ports->size() > most_listen_entries) fields.refuse("ports", "a short list of ports");
    ports->each([&](const Value& port) { peers.ports.push_back(read_listen_port(port)); });
  }
  if (const auto list = fields.find("list")) {
    if (!list->is_array() || list->size() > most_listed_peers) fields.refuse("list", "a short list of clients");
    list->each([&](const Value& peer) { peers.list.push_back(read_peer(peer)); });
  }
  peers.not_listed = fields.template number<std::uint32_t>("not_listed").value_or(0);
  peers.blocked_since = fields.time("blocked_since");
  peers.blocked_packets = read_count(fields, "blocked_packets");
  peers.blocked_lost = read_count(fields, "blocked_lost");
  return peers;
}

template <typename Value>
void read_firewall(const Fields<Value>& fields, Report& report) {
  if (const auto leak = fields.object("leak")) report.leak = read_leak(*leak);
  if (const auto kill_switch = fields.object("kill_switch")) report.kill_switch = read_kill_switch(*kill_switch);
  if (const auto ruleset = fields.object("ruleset")) report.ruleset = read_ruleset(*ruleset);
  if (const auto udp_exit = fields.object("udp_exit")) report.udp_exit = read_udp_exit(*udp_exit);
  if (const auto mtu = fields.object("mtu")) report.mtu = MtuReport{Fields<Value>(*mtu, "mtu.").text("large_packets")};
}

template <typename Value>
std::vector<std::string> read_tags(const Fields<Value>& fields) {
  std::vector<std::string> tags;
  const auto list = fields.find("tags");
  if (!list) return tags;
  if (!list->is_array() || list->size() > most_tags) fields.refuse("tags", fmt::format("at most {} words", most_tags));
  list->each([&](const Value& item) {
    auto tag = fields.text_of(item, "tags");
    if (!is_valid_tag(tag)) fields.refuse("tags", "words of 1-32 characters out of A-Z a-z 0-9 . _ -");
    if (std::ranges::find(tags, tag) != tags.end()) fields.refuse("tags", "each word once");
    tags.push_back(std::move(tag));
  });
  return tags;
}

template <typename Value>
void read_network(const Fields<Value>& fields, Report& report) {
  if (const auto location = fields.object("location")) report.location = read_location(*location);
  if (const auto test = fields.object("dns_test")) {
    const Fields<Value> inner(*test, "dns_test.");
    report.dns_location = inner.text("location");
    report.dns_colo = inner.text("colo");
  }
  if (const auto tunnel = fields.object("tunnel")) report.tunnel = read_tunnel(*tunnel);
  if (const auto exit = fields.object("exit")) report.exit = read_exit(*exit);
  if (const auto dns = fields.object("dns")) report.dns = read_dns(*dns);
}

/// Everything but the client id, which each caller has its own words for, into an empty report. `fields`: of the whole report, without
/// prefix. Throws BadField.
template <typename Value>
void read_report(const Fields<Value>& fields, Report& report) {
  report.schema = static_cast<int>(fields.template number<std::uint16_t>("schema").value_or(1));
  report.boot_id = fields.text("boot_id");
  report.seq = fields.template number<std::uint64_t>("seq").value_or(0);
  report.timestamp = fields.time("timestamp");
  report.sent_at = fields.time("sent_at");
  report.group = fields.text("group");
  if (!report.group.empty() && !is_valid_group(report.group)) fields.refuse("group", "1-64 of A-Z a-z 0-9 . _ -");
  report.tags = read_tags(fields);
  report.client_version = fields.text("client_version");
  report.dropped = fields.template number<std::uint64_t>("dropped");
  report.lease_s = fields.template number<std::uint32_t>("lease_s");
  report.path = fields.text("path");
  report.trigger = fields.text("trigger");
  report.public_ip = fields.optional_text("public_ip");
  read_judgement(fields, report);
  read_network(fields, report);
  read_firewall(fields, report);
  if (const auto peers = fields.object("peers")) report.peers = read_peers(*peers);
  if (const auto latency = fields.find("latency_ms")) {
    const auto number = latency->number();
    if (!number || *number < 0) fields.refuse("latency_ms", "a number of milliseconds");
    report.latency_ms = *number;
  }
}

}  // namespace vpn_sentinel::decode_rules
