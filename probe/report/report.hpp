/// The report: the language both daemons speak (DESIGN section 6). A superset of the Python original's payload.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct TunnelReport {
  std::string name;
  std::string kind;
  bool up = false;
  std::optional<WallTime> since;
  std::optional<std::uint64_t> rx_bytes;
  std::optional<std::uint64_t> tx_bytes;
  std::optional<std::uint32_t> handshake_age_s;
  friend bool operator==(const TunnelReport&, const TunnelReport&) = default;
};

struct ExitReport {
  std::optional<std::string> v4;
  std::optional<std::string> v6;
  std::optional<std::uint32_t> asn;
  std::optional<std::string> country;                   ///< alpha-2
  std::string source;                                   ///< hosts of the services that named it, "a.example, b.example"
  std::optional<std::uint32_t> sources = std::nullopt;  ///< how many independent services named it
  friend bool operator==(const ExitReport&, const ExitReport&) = default;
};

struct ResolverReport {
  std::string address;
  std::string route;  ///< "tunnel", "outside", "loopback", "nowhere", "unknown"
  friend bool operator==(const ResolverReport&, const ResolverReport&) = default;
};

struct DnsReport {
  std::string verdict;              ///< "no_leak", "leak", "unverifiable"
  std::string reason;               ///< code of the decision table; PORT_53_PATH_ONLY: the resolver of programs was not checked
  std::vector<std::string> egress;  ///< addresses from which the resolver of programs asks, else those from which port 53 leaves
  std::vector<ResolverReport> resolvers = {};
  friend bool operator==(const DnsReport&, const DnsReport&) = default;
};

/// The Python original's location and dns_test objects; empty strings are left out.
struct LocationReport {
  std::string country, city, region, org, timezone;
  friend bool operator==(const LocationReport&, const LocationReport&) = default;
};

struct Report {
  int schema = 2;                     ///< 1: the Python original's payload
  std::string client_id;              ///< 1-100 of [A-Za-z0-9._-]
  std::string boot_id;                ///< random per start of the probe; empty in schema 1
  std::uint64_t seq = 0;              ///< 1, 2, … within boot_id; 0 in schema 1
  std::optional<WallTime> timestamp;  ///< when it was true, probe's clock
  std::optional<WallTime> sent_at;    ///< when this try to send it began, the same clock; absent in schema 1
  std::string group;                  ///< of targets that watch the same VPN: 1-64 of [A-Za-z0-9._-]; empty: none
  std::string client_version;
  std::optional<std::uint64_t> dropped;  ///< reports that this start of the probe had to give up unsent; absent: none
  std::optional<std::uint32_t> lease_s;  ///< the next report comes within; absent in schema 1
  std::string path;                      ///< "tunnel" or "uplink"; empty in schema 1
  std::string trigger;                   ///< "start", "change", "interval", "stop"
  std::optional<std::string> public_ip;
  std::optional<LocationReport> location;
  std::string dns_location, dns_colo;  ///< dns_test.location, dns_test.colo
  std::optional<State> state;          ///< absent in schema 1: the hub derives it
  std::vector<Finding> findings;
  std::optional<TunnelReport> tunnel;
  std::optional<ExitReport> exit;
  std::optional<DnsReport> dns;
  std::optional<double> latency_ms;
  friend bool operator==(const Report&, const Report&) = default;
};

/// How long the report had waited when it was sent, measured by one clock; zero when it does not say.
[[nodiscard]] std::chrono::microseconds age_when_sent(const Report& report);

/// To the wire. Absent values are left out.
[[nodiscard]] nlohmann::json encode(const Report& report);
/// From the wire: unknown keys are ignored, a bad field is an Error that names it. Limits: 100 findings, 32 levels
/// of nesting. Evidence is cut to 4 KiB for each finding (bound_evidence).
[[nodiscard]] Result<Report> decode_report(const nlohmann::json& json);

/// A client id as the Python original makes it: lower case, other characters become '-', runs squeezed, ends trimmed, at most 100.
[[nodiscard]] std::string sanitize_client_id(std::string_view text);
[[nodiscard]] bool is_valid_client_id(std::string_view text);
[[nodiscard]] bool is_valid_group(std::string_view text);

}  // namespace vpn_sentinel
