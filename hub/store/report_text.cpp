#include "hub/store/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

namespace vpn_sentinel {
namespace {

void append_json(std::string& out, const nlohmann::json& value) {
  out += value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool needs_no_escape(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

/// Anything but plain ASCII takes the library's way: escapes, and replacement of what is not UTF-8.
void append(std::string& out, std::string_view text) {
  if (!needs_no_escape(text)) return append_json(out, text);
  out += '"';
  out += text;
  out += '"';
}
void append(std::string& out, bool value) { out += value ? "true" : "false"; }
void append(std::string& out, std::integral auto value) { fmt::format_to(std::back_inserter(out), "{}", value); }
void append(std::string& out, double value) {
  if (!std::isfinite(value)) return static_cast<void>(out += "null");
  fmt::format_to(std::back_inserter(out), "{}", value);
}
void append(std::string& out, WallTime time) { append(out, std::string_view(to_rfc3339(time))); }

void append(std::string& out, const std::string& text) { append(out, std::string_view(text)); }
void append(std::string& out, const LocationReport& location);
void append(std::string& out, const TunnelReport& tunnel);
void append(std::string& out, const ExitReport& exit);
void append(std::string& out, const DnsReport& dns);

template <typename List, typename AppendItem>
void append_list(std::string& out, const List& list, AppendItem append_item) {
  out += '[';
  for (const auto& item : list) {
    if (&item != &*list.begin()) out += ',';
    append_item(item);
  }
  out += ']';
}

/// One JSON object: braces, commas and keys. The keys are ours and need no escape.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  template <typename T>
  void put(std::string_view name, const T& value) {
    append(key(name), value);
  }
  template <typename T>
  void put(std::string_view name, const std::optional<T>& value) {
    if (value) put(name, *value);
  }
  void put_unless_empty(std::string_view name, const std::string& value) {
    if (!value.empty()) put(name, std::string_view(value));
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// The structured bindings below name every member: a new member does not compile until it is written here, too.

void append(std::string& out, const Finding& finding) {
  const auto& [code, severity, since, evidence] = finding;
  ObjectWriter object(out);
  object.put("code", code);
  object.put("severity", to_string(severity));
  object.put("since", since);
  append_json(object.key("evidence"), evidence);
}

void append(std::string& out, const LocationReport& location) {
  const auto& [country, city, region, org, timezone] = location;
  ObjectWriter object(out);
  object.put_unless_empty("country", country);
  object.put_unless_empty("city", city);
  object.put_unless_empty("region", region);
  object.put_unless_empty("org", org);
  object.put_unless_empty("timezone", timezone);
}

void append(std::string& out, const TunnelReport& tunnel) {
  const auto& [name, kind, up, since, rx_bytes, tx_bytes, handshake_age_s] = tunnel;
  ObjectWriter object(out);
  object.put("name", name);
  object.put("kind", kind);
  object.put("up", up);
  object.put("since", since);
  object.put("rx_bytes", rx_bytes);
  object.put("tx_bytes", tx_bytes);
  object.put("handshake_age_s", handshake_age_s);
}

void append(std::string& out, const ExitReport& exit) {
  const auto& [v4, v6, asn, country, source, sources] = exit;
  ObjectWriter object(out);
  if (v4) object.put("v4", *v4);
  if (!v4) object.key("v4") += "null";
  if (v6) object.put("v6", *v6);
  if (!v6) object.key("v6") += "null";
  object.put("asn", asn);
  object.put("country", country);
  object.put("source", source);
  object.put("sources", sources);
}

void append(std::string& out, const DnsReport& dns) {
  const auto& [verdict, reason, egress] = dns;
  ObjectWriter object(out);
  object.put("verdict", verdict);
  object.put("reason", reason);
  append_list(object.key("egress"), egress, [&out](const std::string& address) { append(out, address); });
}

void append_dns_test(std::string& out, const std::string& location, const std::string& colo) {
  ObjectWriter object(out);
  object.put("location", location);
  object.put("colo", colo);
}

}  // namespace

std::string report_text(const Report& report) {
  const auto& [schema, client_id, boot_id, seq, timestamp, sent_at, group, client_version, dropped, lease_s, path, trigger, public_ip,
               location, dns_location, dns_colo, state, findings, tunnel, exit, dns, latency_ms] = report;
  std::string out;
  out.reserve(1024);
  {
    ObjectWriter object(out);
    object.put("schema", schema);
    object.put("client_id", client_id);
    object.put("status", std::string_view("alive"));
    object.put("client_version", client_version);
    object.put_unless_empty("boot_id", boot_id);
    if (seq > 0) object.put("seq", seq);
    object.put("timestamp", timestamp);
    object.put("sent_at", sent_at);
    object.put_unless_empty("group", group);
    object.put("dropped", dropped);
    object.put("lease_s", lease_s);
    object.put_unless_empty("path", path);
    object.put_unless_empty("trigger", trigger);
    object.put("public_ip", public_ip);
    object.put("location", location);
    if (!dns_location.empty() || !dns_colo.empty()) append_dns_test(object.key("dns_test"), dns_location, dns_colo);
    if (state) {
      object.put("state", to_string(*state));
      append_list(object.key("findings"), findings, [&out](const Finding& finding) { append(out, finding); });
    }
    object.put("tunnel", tunnel);
    object.put("exit", exit);
    object.put("dns", dns);
    object.put("latency_ms", latency_ms);
  }
  return out;
}

}  // namespace vpn_sentinel
