#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_findings = 100;
constexpr std::size_t most_evidence = 4096;
constexpr std::size_t most_egress = 64;
constexpr std::size_t longest_text = 256;
constexpr int most_levels = 32;

/// Thrown and caught inside this file only: nested fields give up with one line each.
struct BadField {
  std::string message;
};

[[noreturn]] void reject(std::string_view field, std::string_view expected, const json& value) {
  throw BadField{
      fmt::format("{}: expected {}, got {}", field, expected, value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80))};
}

/// Copying and dumping a JSON value recurse: 64 KiB of '[' would need more stack than a thread has.
bool is_deeper_than(int levels, const json& value) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::ranges::any_of(value, [levels](const json& item) { return is_deeper_than(levels - 1, item); });
}

/// The member, or null when it is absent or JSON null.
const json* member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

/// Control characters would forge log lines and alerts.
bool is_clean(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

std::string text_of(const json& value, std::string_view field) {
  if (!value.is_string()) reject(field, "a text", value);
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > longest_text || !is_clean(text)) {
    reject(field, fmt::format("at most {} bytes without control characters", longest_text), value);
  }
  return text;
}

std::string text_or_empty(const json& object, const char* key, std::string_view field) {
  const auto* const value = member(object, key);
  return value ? text_of(*value, field) : std::string{};
}

std::optional<std::string> optional_text(const json& object, const char* key, std::string_view field) {
  const auto* const value = member(object, key);
  if (!value) return std::nullopt;
  return text_of(*value, field);
}

template <typename Number>
std::optional<Number> optional_number(const json& object, const char* key, std::string_view field) {
  const auto* const value = member(object, key);
  if (!value) return std::nullopt;
  // A value made in code holds its positive numbers as signed ones, a parsed one as unsigned.
  const bool negative = value->is_number_integer() && !value->is_number_unsigned() && value->get<std::int64_t>() < 0;
  if (!value->is_number_integer() || negative || value->get<std::uint64_t>() > std::numeric_limits<Number>::max()) {
    reject(field, fmt::format("a whole number from 0 to {}", std::numeric_limits<Number>::max()), *value);
  }
  return static_cast<Number>(value->get<std::uint64_t>());
}

std::optional<WallTime> optional_time(const json& object, const char* key, std::string_view field) {
  const auto* const value = member(object, key);
  if (!value) return std::nullopt;
  const auto time = value->is_string() ? parse_rfc3339(value->get_ref<const std::string&>()) : Result<WallTime>{fail(Error{})};
  if (!time) reject(field, "an RFC 3339 time", *value);
  return *time;
}

const json* optional_object(const json& object, const char* key, std::string_view field) {
  const auto* const value = member(object, key);
  if (value && !value->is_object()) reject(field, "an object", *value);
  return value;
}

Finding decode_finding(const json& value, std::size_t index) {
  const auto field = fmt::format("findings[{}]", index);
  if (!value.is_object()) reject(field, "an object", value);
  Finding finding;
  finding.code = text_or_empty(value, "code", field + ".code");
  if (finding.code.empty()) reject(field + ".code", "a code such as tunnel_down", value);
  const auto word = text_or_empty(value, "severity", field + ".severity");
  const auto severity = parse_severity(word);
  if (!severity) reject(field + ".severity", "information, warning, contained or danger", value.value("severity", json{}));
  finding.severity = *severity;
  finding.since = optional_time(value, "since", field + ".since").value_or(WallTime{});
  if (const auto* const evidence = optional_object(value, "evidence", field + ".evidence")) {
    if (evidence->dump(-1, ' ', true, json::error_handler_t::replace).size() > most_evidence) {
      throw BadField{fmt::format("{}.evidence: expected at most {} bytes", field, most_evidence)};
    }
    finding.evidence = *evidence;
  }
  return finding;
}

void decode_judgement(const json& object, Report& report) {
  const auto word = optional_text(object, "state", "state");
  if (!word) return;
  report.state = parse_state(*word);
  if (!report.state || *report.state == State::offline) reject("state", "secure, warning, contained or danger", object["state"]);
  const auto* const findings = member(object, "findings");
  if (!findings) return;
  if (!findings->is_array() || findings->size() > most_findings) {
    reject("findings", fmt::format("a list of at most {}", most_findings), *findings);
  }
  for (std::size_t i = 0; i < findings->size(); ++i) report.findings.push_back(decode_finding((*findings)[i], i));
}

void decode_network(const json& object, Report& report) {
  if (const auto* const location = optional_object(object, "location", "location")) {
    report.location =
        LocationReport{text_or_empty(*location, "country", "location.country"), text_or_empty(*location, "city", "location.city"),
                       text_or_empty(*location, "region", "location.region"), text_or_empty(*location, "org", "location.org"),
                       text_or_empty(*location, "timezone", "location.timezone")};
  }
  if (const auto* const test = optional_object(object, "dns_test", "dns_test")) {
    report.dns_location = text_or_empty(*test, "location", "dns_test.location");
    report.dns_colo = text_or_empty(*test, "colo", "dns_test.colo");
  }
  if (const auto* const tunnel = optional_object(object, "tunnel", "tunnel")) {
    const auto* const up = member(*tunnel, "up");
    if (up && !up->is_boolean()) reject("tunnel.up", "true or false", *up);
    report.tunnel = TunnelReport{text_or_empty(*tunnel, "name", "tunnel.name"),
                                 text_or_empty(*tunnel, "kind", "tunnel.kind"),
                                 up && up->get<bool>(),
                                 optional_time(*tunnel, "since", "tunnel.since"),
                                 optional_number<std::uint64_t>(*tunnel, "rx_bytes", "tunnel.rx_bytes"),
                                 optional_number<std::uint64_t>(*tunnel, "tx_bytes", "tunnel.tx_bytes"),
                                 optional_number<std::uint32_t>(*tunnel, "handshake_age_s", "tunnel.handshake_age_s")};
  }
  if (const auto* const exit = optional_object(object, "exit", "exit")) {
    report.exit = ExitReport{optional_text(*exit, "v4", "exit.v4"),
                             optional_text(*exit, "v6", "exit.v6"),
                             optional_number<std::uint32_t>(*exit, "asn", "exit.asn"),
                             optional_text(*exit, "country", "exit.country"),
                             text_or_empty(*exit, "source", "exit.source"),
                             optional_number<std::uint32_t>(*exit, "sources", "exit.sources")};
  }
  if (const auto* const dns = optional_object(object, "dns", "dns")) {
    report.dns = DnsReport{text_or_empty(*dns, "verdict", "dns.verdict"), text_or_empty(*dns, "reason", "dns.reason"), {}};
    if (const auto* const egress = member(*dns, "egress")) {
      if (!egress->is_array() || egress->size() > most_egress) reject("dns.egress", "a short list of addresses", *egress);
      for (const auto& address : *egress) report.dns->egress.push_back(text_of(address, "dns.egress"));
    }
  }
}

Report decode(const json& object) {
  if (is_deeper_than(most_levels, object)) throw BadField{fmt::format("report: nested deeper than {} levels", most_levels)};
  if (!object.is_object()) reject("report", "an object", object);
  Report report;
  report.schema = static_cast<int>(optional_number<std::uint16_t>(object, "schema", "schema").value_or(1));
  report.client_id = text_or_empty(object, "client_id", "client_id");
  if (!is_valid_client_id(report.client_id)) reject("client_id", "1-100 of A-Z a-z 0-9 . _ -", object.value("client_id", json{}));
  report.boot_id = text_or_empty(object, "boot_id", "boot_id");
  report.seq = optional_number<std::uint64_t>(object, "seq", "seq").value_or(0);
  report.timestamp = optional_time(object, "timestamp", "timestamp");
  report.sent_at = optional_time(object, "sent_at", "sent_at");
  report.group = text_or_empty(object, "group", "group");
  if (!report.group.empty() && !is_valid_group(report.group)) reject("group", "1-64 of A-Z a-z 0-9 . _ -", *member(object, "group"));
  report.client_version = text_or_empty(object, "client_version", "client_version");
  report.dropped = optional_number<std::uint64_t>(object, "dropped", "dropped");
  report.lease_s = optional_number<std::uint32_t>(object, "lease_s", "lease_s");
  report.path = text_or_empty(object, "path", "path");
  report.trigger = text_or_empty(object, "trigger", "trigger");
  report.public_ip = optional_text(object, "public_ip", "public_ip");
  decode_judgement(object, report);
  decode_network(object, report);
  if (const auto* const latency = member(object, "latency_ms")) {
    if (!latency->is_number() || latency->get<double>() < 0) reject("latency_ms", "a number of milliseconds", *latency);
    report.latency_ms = latency->get<double>();
  }
  return report;
}

}  // namespace

Result<Report> decode_report(const json& object) {
  try {
    return decode(object);
  } catch (const BadField& bad) {
    return fail(Error::Kind::invalid, bad.message);
  }
}

}  // namespace vpn_sentinel
