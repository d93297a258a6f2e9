#include "hub/ingest/original.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "hub/ingest/country.hpp"
#include "hub/ingest/text.hpp"
#include "netns/base/ip.hpp"
#include "probe/report/decode_rules.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_text = 100;
constexpr std::size_t most_address = 45;

bool says_unknown(std::string_view text) { return text == "unknown" || text == "Unknown"; }

/// The first of `keys` that is there, as clean text; empty: absent, wrong type, too long, control characters, or the word "unknown".
std::string text_of(const nlohmann::json& object, std::initializer_list<const char*> keys, std::size_t most = most_text) {
  for (const auto* key : keys) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_string()) return {};
    const auto text = trimmed(found->get_ref<const std::string&>());
    // What is stored is read by the rules of our own reports, which count bytes.
    const bool is_good = !says_unknown(text) && text.size() <= decode_rules::longest_text && is_plain_text(text, most);
    return is_good ? std::string(text) : std::string();
  }
  return {};
}

/// The member `key` if it is an object that holds `must_have`: only then the original reads the nested layout.
const nlohmann::json* nested(const nlohmann::json& json, const char* key, const char* must_have) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object() || !found->contains(must_have)) return nullptr;
  return &*found;
}

LocationReport location_of(const nlohmann::json& json) {
  if (const auto* inner = nested(json, "location", "country")) {
    return {text_of(*inner, {"country"}), text_of(*inner, {"city"}), text_of(*inner, {"region"}), text_of(*inner, {"org"}),
            text_of(*inner, {"timezone"})};
  }
  return {text_of(json, {"country"}), text_of(json, {"city"}), text_of(json, {"region"}), text_of(json, {"provider"}),
          text_of(json, {"timezone"})};
}

std::optional<std::string> address_of(const nlohmann::json& json) {
  const auto address = IpAddress::parse(text_of(json, {"public_ip", "ip"}, most_address));
  if (!address) return std::nullopt;
  return address->to_string();
}

std::optional<WallTime> time_of(const nlohmann::json& json) {
  const auto time = parse_rfc3339(text_of(json, {"timestamp"}));
  if (!time) return std::nullopt;
  return *time;
}

Finding warning(std::string_view code, WallTime since, nlohmann::json evidence) {
  return {std::string(code), Severity::warning, since, std::move(evidence)};
}

std::optional<Finding> judge_dns(const std::string& dns_location, const std::string& country, WallTime when) {
  const nlohmann::json evidence{{"dns_location", dns_location}, {"exit_country", country}};
  if (dns_location.empty())
    return warning("dns_unverifiable", when, {{"reason", "the client could not tell where its DNS answers come from"}});
  const auto dns_code = country_code(dns_location);
  const auto exit_code = country_code(country);
  if (!dns_code || !exit_code) {
    if (!country.empty() && dns_location == country) return std::nullopt;
    auto with_reason = evidence;
    with_reason["reason"] = "the two countries cannot be compared";
    return warning("dns_unverifiable", when, std::move(with_reason));
  }
  if (*dns_code != *exit_code) return warning("dns_path_differs", when, evidence);
  return std::nullopt;
}

}  // namespace

Report report_from_original(const nlohmann::json& json) {
  Report report;
  report.schema = 1;
  report.timestamp = time_of(json);
  report.client_version = text_of(json, {"client_version"});
  report.public_ip = address_of(json);
  if (const auto location = location_of(json); location != LocationReport{}) report.location = location;
  if (const auto* dns = nested(json, "dns_test", "location")) {
    report.dns_location = text_of(*dns, {"location"});
    report.dns_colo = text_of(*dns, {"colo"});
  } else {
    report.dns_location = text_of(json, {"dns_loc"});
    report.dns_colo = text_of(json, {"dns_colo"});
  }
  return report;
}

void judge_original(Report& report, WallTime when) {
  if (!report.public_ip) {
    report.findings.push_back(warning("exit_unverifiable", when, {{"reason", "the client does not know its public address"}}));
  }
  const std::string country = report.location ? report.location->country : std::string();
  if (auto finding = judge_dns(report.dns_location, country, when)) report.findings.push_back(std::move(*finding));
  // A client behind a dead VPN reports the home line's address just as calmly: what it measured proves no tunnel.
  report.findings.push_back(warning("routes_not_seen", when, {{"reason", "the client reports no routes"}}));
  report.state = state_of(report.findings);
}

}  // namespace vpn_sentinel
