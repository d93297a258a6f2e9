#include "probe/delivery/original_payload.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vpn_sentinel {
namespace {

constexpr std::string_view unknown = "Unknown";
constexpr std::size_t longest_text = 100;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string only(std::string_view text, std::string_view punctuation) {
  std::string clean;
  for (const char c : text) {
    const bool allowed = is_alphanumeric(c) || punctuation.find(c) != std::string_view::npos;
    if (!allowed && !clean.empty() && clean.back() == '-') continue;
    if (clean.size() < longest_text) clean += allowed ? c : '-';
  }
  // The original strips before it judges.
  const auto first = clean.find_first_not_of(' ');
  if (first == std::string::npos) return std::string(unknown);
  return clean.substr(first, clean.find_last_not_of(' ') - first + 1);
}

/// Sanitised text is ASCII: only its quotes are escaped.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string local_time(WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}+0000", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

bool is_protected(const Report& report) { return report.state == State::secure || report.state == State::warning; }

std::string exit_address(const Report& report) {
  if (!is_protected(report) || !report.exit) return std::string(unknown);
  return report.exit->v4 ? *report.exit->v4 : report.exit->v6.value_or(std::string(unknown));
}

/// The original compares countries. Where DNS does not leak it gets the exit's, because an anycast resolver may answer from any; without
/// that check the address that left to a DNS server is in the exit's country when it is the exit's.
std::string dns_country(const Report& report) {
  if (report.state != State::secure || !report.exit || !report.exit->country || !report.dns) return std::string(unknown);
  const auto& egress = report.dns->egress;
  if (report.dns->verdict == "no_leak" && !egress.empty()) return original_text(*report.exit->country);
  const bool by_exit = !egress.empty() && std::ranges::all_of(egress, [&](const std::string& address) {
    return address == report.exit->v4 || address == report.exit->v6;
  });
  return by_exit ? original_text(*report.exit->country) : std::string(unknown);
}

}  // namespace

std::string original_text(std::string_view text) { return only(text, " .,'\"-"); }

std::string original_timezone(std::string_view text) { return only(text, " .,'\"-/_"); }

std::string original_payload(const Report& report, WallTime now) {
  auto place = report.location.value_or(LocationReport{});
  if (report.exit && report.exit->country) place.country = *report.exit->country;
  if (!is_protected(report)) place = {};
  return fmt::format(R"({{"client_id": {}, "timestamp": "{}", "public_ip": {}, "status": "alive", "client_version": {}, )"
                     R"("location": {{"country": {}, "city": {}, "region": {}, "org": {}, "timezone": {}}}, )"
                     R"("dns_test": {{"location": {}, "colo": {}}}}})",
                     quoted(report.client_id), local_time(report.timestamp.value_or(now)), quoted(exit_address(report)),
                     quoted(original_text(report.client_version)), quoted(original_text(place.country)), quoted(original_text(place.city)),
                     quoted(original_text(place.region)), quoted(original_text(place.org)), quoted(original_timezone(place.timezone)),
                     quoted(dns_country(report)), quoted(original_text(report.dns_colo)));
}

bool is_too_early_for_original(const Report& report) {
  return is_protected(report) && exit_address(report) == unknown && report.trigger != "interval";
}

}  // namespace vpn_sentinel
