#include "hub/ingest/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "hub/ingest/fast_value.hpp"
#include "hub/ingest/original.hpp"
#include "hub/ingest/parse.hpp"
#include "hub/ingest/reject.hpp"
#include "hub/ingest/text.hpp"
#include "netns/base/ip.hpp"
#include "probe/report/decode_rules.hpp"
#include "probe/report/library_value.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// A probe's clock may be this far ahead; later times become the hub's.
constexpr std::chrono::minutes most_ahead{5};
/// The original's client gives up after 30 s.
constexpr std::chrono::seconds longest_transfer{60};
constexpr int greatest_latency_ms = 24 * 3600 * 1000;
constexpr std::uint32_t longest_lease_s = 7 * 24 * 3600;
/// SQLite's integers are signed.
constexpr auto greatest_seq = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

tl::unexpected<Rejection> bad_field(std::string_view field, std::string_view expected, const json& value) {
  return reject(400, "Invalid report", fmt::format("{}: expected {}, got {}", field, expected, shown(value)));
}

using Checked = tl::expected<void, Rejection>;

template <typename Value>
bool counts_as_missing(const Value& value) {
  return value.is_string() ? value.text().empty() : is_falsy(value.to_json());
}

/// The client id of either payload, with the Python original's words.
template <typename Value>
tl::expected<std::string, Rejection> client_id_of(const typename Value::Object& body) {
  const auto found = body.find("client_id");
  const bool falsy = !found || counts_as_missing(*found);
  constexpr auto expected = "client_id: expected 1-100 characters out of A-Z a-z 0-9 . _ -";
  if (falsy) return reject(400, "client_id is required", expected);
  const auto format = [&] { return reject(400, "Invalid client_id format", fmt::format("{}, got {}", expected, shown(found->to_json()))); };
  if (!found->is_string()) return format();
  const auto text = trimmed(found->text());
  if (!is_valid_client_id(text) || text == "unknown") return format();
  return std::string(text);
}

struct TextField {
  std::string_view name;
  std::string_view value;
  std::size_t most;
};

Checked check_texts(std::initializer_list<TextField> fields) {
  for (const auto& field : fields) {
    if (!is_plain_text(field.value, field.most)) {
      return bad_field(field.name, fmt::format("at most {} characters and no control characters", field.most), field.value);
    }
  }
  return {};
}

/// RFC 5952 form, so that one address has one spelling.
Checked normalise_address(std::string_view field, std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) return bad_field(field, "an IP address", text);
  text = address->to_string();
  return {};
}

Checked normalise_address(std::string_view field, std::optional<std::string>& text) {
  return text ? normalise_address(field, *text) : Checked{};
}

bool is_word(std::string_view text, std::size_t most) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), fits);
}

Checked check_identity(const Report& report) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; };
  const auto& boot = report.boot_id;
  if (boot.empty() || boot.size() > 64 || !std::all_of(boot.begin(), boot.end(), fits)) {
    return bad_field("boot_id", "1-64 letters, digits or '-'", boot);
  }
  if (report.seq < 1 || report.seq > greatest_seq) return bad_field("seq", fmt::format("1 to {}", greatest_seq), report.seq);
  if (report.lease_s && (*report.lease_s < 1 || *report.lease_s > longest_lease_s)) {
    return bad_field("lease_s", fmt::format("1 to {} seconds", longest_lease_s), *report.lease_s);
  }
  if (!report.path.empty() && report.path != "tunnel" && report.path != "uplink")
    return bad_field("path", "\"tunnel\" or \"uplink\"", report.path);
  if (!report.trigger.empty() && !is_word(report.trigger, 32)) {
    return bad_field("trigger", "a word of a-z, 0-9 and _, at most 32 long", report.trigger);
  }
  return {};
}

Checked check_place(const Report& report) {
  static const LocationReport nowhere;
  const auto& location = report.location ? *report.location : nowhere;
  return check_texts({{"client_version", report.client_version, 100},
                      {"location.country", location.country, 100},
                      {"location.city", location.city, 200},
                      {"location.region", location.region, 200},
                      {"location.org", location.org, 200},
                      {"location.timezone", location.timezone, 100},
                      {"dns_test.location", report.dns_location, 100},
                      {"dns_test.colo", report.dns_colo, 100}});
}

Checked check_exit(Report& report) {
  if (auto checked = normalise_address("public_ip", report.public_ip); !checked) return checked;
  if (!report.exit) return {};
  if (auto checked = normalise_address("exit.v4", report.exit->v4); !checked) return checked;
  if (auto checked = normalise_address("exit.v6", report.exit->v6); !checked) return checked;
  const std::string_view country = report.exit->country ? std::string_view(*report.exit->country) : std::string_view();
  return check_texts({{"exit.country", country, 100}, {"exit.source", report.exit->source, 100}});
}

Checked check_dns(Report& report) {
  if (!report.dns) return {};
  if (report.dns->egress.size() > 64) return bad_field("dns.egress", "at most 64 addresses", report.dns->egress.size());
  for (auto& address : report.dns->egress) {
    if (auto checked = normalise_address("dns.egress", address); !checked) return checked;
  }
  if (report.dns->resolvers.size() > 64) return bad_field("dns.resolvers", "at most 64 resolvers", report.dns->resolvers.size());
  for (auto& resolver : report.dns->resolvers) {
    if (auto checked = normalise_address("dns.resolvers.address", resolver.address); !checked) return checked;
    if (auto checked = check_texts({{"dns.resolvers.route", resolver.route, 64}}); !checked) return checked;
  }
  return check_texts({{"dns.verdict", report.dns->verdict, 64}, {"dns.reason", report.dns->reason, 100}});
}

Checked check_leak(LeakReport& leak) {
  replace_control_characters(leak.why);
  for (auto& destination : leak.destinations) {
    if (auto checked = normalise_address("leak.destinations.address", destination.address); !checked) return checked;
    if (auto checked = check_texts({{"leak.destinations.protocol", destination.protocol, 16}}); !checked) return checked;
  }
  return {};
}

Checked check_firewall(Report& report) {
  if (report.leak) {
    if (auto checked = check_leak(*report.leak); !checked) return checked;
  }
  if (auto& kill_switch = report.kill_switch) {
    replace_control_characters(kill_switch->why);
    auto checked = check_texts({{"kill_switch.mode", kill_switch->mode, 32}, {"kill_switch.state", kill_switch->state, 32}});
    if (!checked) return checked;
  }
  if (auto& ruleset = report.ruleset) {
    replace_control_characters(ruleset->changed_by);
    if (auto checked = check_texts({{"ruleset.verdict", ruleset->verdict, 32}}); !checked) return checked;
  }
  return report.mtu ? check_texts({{"mtu.large_packets", report.mtu->large_packets, 32}}) : Checked{};
}

Checked check_peers(Report& report) {
  if (!report.peers) return {};
  for (auto& port : report.peers->ports) {
    replace_control_characters(port.why);
    auto checked = check_texts({{"peers.ports.port", port.port, 16}, {"peers.ports.told_by", port.told_by, 32}});
    if (!checked) return checked;
  }
  for (const auto& peer : report.peers->list) {
    auto checked = check_texts({{"peers.list.port", peer.port, 16}, {"peers.list.from", peer.from, 64}, {"peers.list.key", peer.key, 64}});
    if (!checked) return checked;
  }
  return {};
}

Checked check_udp_exit(Report& report) {
  if (!report.udp_exit) return {};
  if (auto checked = normalise_address("udp_exit.v4", report.udp_exit->v4); !checked) return checked;
  return normalise_address("udp_exit.v6", report.udp_exit->v6);
}

Checked check_tunnel(const Report& report) {
  if (report.latency_ms && !(*report.latency_ms >= 0 && *report.latency_ms <= greatest_latency_ms)) {
    return bad_field("latency_ms", fmt::format("a number from 0 to {}", greatest_latency_ms), *report.latency_ms);
  }
  if (!report.tunnel) return {};
  return check_texts({{"tunnel.name", report.tunnel->name, 64}, {"tunnel.kind", report.tunnel->kind, 64}});
}

Checked check_findings(Report& report) {
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    auto& finding = report.findings[i];
    if (!is_word(finding.code, 64)) {
      return bad_field(fmt::format("findings[{}].code", i), "a word of a-z, 0-9 and _, at most 64 long", finding.code);
    }
    // Evidence may carry names that somebody else chose (processes, interfaces): made harmless, never a reason to lose a report.
    replace_control_characters(finding.evidence);
  }
  return {};
}

/// The most severe finding wins: a state that is milder than its own findings is not believed.
Checked settle_state(Report& report) {
  const bool stops = report.trigger == "stop";
  if (!report.state && !stops) return bad_field("state", "secure, warning, contained or danger", nullptr);
  const auto of_findings = state_of(report.findings);
  if (!report.state) report.state = of_findings;
  if (*report.state < of_findings) report.state = of_findings;
  return {};
}

template <typename Value>
Checked read_ours(const decode_rules::Fields<Value>& fields, Report& report) {
  try {
    decode_rules::read_report(fields, report);
  } catch (const decode_rules::BadField& bad) {
    return reject(400, "Invalid report", bad.message);
  }
  report.schema = 2;
  auto checked = check_identity(report);
  if (checked) checked = check_place(report);
  if (checked) checked = check_exit(report);
  if (checked) checked = check_dns(report);
  if (checked) checked = check_firewall(report);
  if (checked) checked = check_udp_exit(report);
  if (checked) checked = check_peers(report);
  if (checked) checked = check_tunnel(report);
  if (checked) checked = check_findings(report);
  if (checked) checked = settle_state(report);
  return checked;
}

bool clamp(WallTime& time, WallTime now) {
  const bool is_ahead = time > now + most_ahead;
  if (is_ahead) time = now;
  return is_ahead;
}

/// Times from a clock that runs far ahead would make a state begin in the future and later reports look old. How long a report waited
/// is measured by its own clock and stays. True: of when it was true nothing is left.
bool clamp_times(Report& report, WallTime now) {
  if (report.sent_at && *report.sent_at > now + most_ahead) {
    const auto ahead = *report.sent_at - now;
    *report.sent_at -= ahead;
    if (report.timestamp) *report.timestamp -= std::min(ahead, report.timestamp->time_since_epoch());
  }
  const bool is_replaced = report.timestamp && clamp(*report.timestamp, now);
  for (auto& finding : report.findings) clamp(finding.since, now);
  if (report.tunnel && report.tunnel->since) clamp(*report.tunnel->since, now);
  if (report.kill_switch && report.kill_switch->since) clamp(*report.kill_switch->since, now);
  if (report.ruleset && report.ruleset->changed_at) clamp(*report.ruleset->changed_at, now);
  if (report.peers) {
    for (auto& peer : report.peers->list) {
      if (peer.since) clamp(*peer.since, now);
    }
  }
  // leak.since stays as it is: it tells one meter from the next.
  return is_replaced;
}

/// A finding that does not say since when is as old as its report, by the hub's clock, and not of 1970.
void fill_since(Report& report, WallTime now) {
  const auto told = now - age_when_sent(report);
  for (auto& finding : report.findings) {
    if (finding.since == WallTime{}) finding.since = told;
  }
}

/// The Python original sends at once or not at all: a time far from now is its clock's mistake, not a delay.
void trust_arrival(Report& report, WallTime now) {
  if (report.timestamp && std::chrono::abs(now - *report.timestamp) > longest_transfer) report.timestamp = now;
}

/// True for our own payload, false for the Python original's, which has no `schema`. A probe's report that lost its own must not have its
/// verdict thrown away unseen.
template <typename Value>
tl::expected<bool, Rejection> is_ours(const typename Value::Object& body) {
  const auto schema = body.find("schema");
  if (!schema) {
    for (const std::string_view key : {"state", "boot_id", "findings"}) {
      if (body.find(key)) return bad_field("schema", fmt::format("2 in a report that has {}", key), nullptr);
    }
    return false;
  }
  const auto number = schema->number();
  if (number == 1) return false;
  if (number == 2) return true;
  return bad_field("schema", "1 or 2", schema->to_json());
}

template <typename Value>
Checked fill(const Value& object, Admitted& admitted) {
  const decode_rules::Fields<Value> fields(object, "");
  auto client_id = client_id_of<Value>(fields.members());
  if (!client_id) return tl::unexpected<Rejection>(std::move(client_id.error()));
  const auto ours = is_ours<Value>(fields.members());
  if (!ours) return tl::unexpected<Rejection>(ours.error());

  auto& report = admitted.report;
  const auto now = admitted.received;
  if (*ours) {
    if (auto read = read_ours(fields, report); !read) return read;
  } else {
    report = report_from_original(object.to_json());
    trust_arrival(report, now);
  }
  report.client_id = std::move(*client_id);
  if (report.sent_at) {
    admitted.clock_skew = now - *report.sent_at;
  } else if (*ours) {
    report.sent_at = now;  // how long it waited is told by nobody: what is old by our clock must not pass for the present
  }
  admitted.time_is_replaced = clamp_times(report, now);
  fill_since(report, now);
  if (!*ours) judge_original(report, report.timestamp.value_or(now));
  return {};
}

/// The report is made where it stays: it has some forty members, each of which costs when it moves.
template <typename Value>
tl::expected<Admitted, Rejection> admit_object(const Value& object, std::string_view source_address, WallTime now) {
  tl::expected<Admitted, Rejection> admitted(tl::in_place, Admitted{Report{}, std::string(source_address), now, {}});
  if (auto filled = fill(object, *admitted); !filled) admitted = tl::unexpected<Rejection>(std::move(filled.error()));
  return admitted;
}

}  // namespace

tl::expected<Admitted, Rejection> admit(std::string_view body, std::string_view source_address, WallTime now) {
  if (const auto object = parse_plain_object(body)) return admit_object(*object, source_address, now);
  const auto object = parse_object(body);
  if (!object) return tl::unexpected<Rejection>(object.error());
  return admit_object(LibraryValue(*object), source_address, now);
}

}  // namespace vpn_sentinel
