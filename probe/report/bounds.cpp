#include "probe/report/bounds.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t longest_list = 256;
constexpr std::size_t longest_text = 2048;
constexpr std::size_t shortest_text = 16;
/// Of all findings together: the hub takes 64 KiB, and the rest of a report is smaller than the other half.
constexpr std::size_t most_evidence_together = std::size_t{32} * 1024;

std::size_t size_of(const json& value) { return value.dump(-1, ' ', true, json::error_handler_t::replace).size(); }

/// Never in the middle of a character.
void cut_text(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  text.resize(most);
}

void cut_text(std::optional<std::string>& text, std::size_t most) {
  if (text) cut_text(*text, most);
}

/// Lists and texts at any depth. What JSON comes from is nested 32 levels at most.
void shorten(json& value, std::size_t list, std::size_t text) {  // NOLINT(misc-no-recursion)
  if (value.is_string()) return cut_text(value.get_ref<std::string&>(), text);
  if (value.is_array() && value.size() > list) value.get_ref<json::array_t&>().resize(list);
  if (!value.is_structured()) return;
  for (auto& item : value) shorten(item, list, text);
}

/// The largest first.
void remove_members(json& object, std::size_t most) {
  std::vector<std::pair<std::size_t, std::string>> members;
  for (const auto& [key, value] : object.items()) {
    if (key != "cut") members.emplace_back(size_of(json{{key, value}}), key);
  }
  std::ranges::sort(members, std::greater<>());
  auto size = size_of(object);
  for (const auto& [bytes, key] : members) {
    if (size <= most) return;
    object.erase(key);
    size -= std::min(size, bytes - 1);  // without braces, with a comma
  }
}

void bound_findings(std::vector<Finding>& findings) {
  if (findings.size() > most_findings) {
    std::ranges::stable_sort(findings, std::greater<>(), &Finding::severity);
    findings.resize(most_findings);
  }
  std::size_t together = 0;
  for (auto& finding : findings) {
    finding.evidence = bound_evidence(std::move(finding.evidence));
    together += size_of(finding.evidence);
  }
  if (together <= most_evidence_together) return;
  for (auto& finding : findings) finding.evidence = bound_evidence(std::move(finding.evidence), most_evidence_together / findings.size());
}

void bound_firewall(Report& report) {
  if (report.leak) {
    bound_words(report.leak->why);
    if (report.leak->destinations.size() > most_leak_destinations) report.leak->destinations.resize(most_leak_destinations);
  }
  if (report.kill_switch) bound_words(report.kill_switch->why);
  if (report.ruleset) bound_words(report.ruleset->changed_by);
}

void bound_peers(PeersReport& peers) {
  if (peers.ports.size() > most_listen_entries) peers.ports.resize(most_listen_entries);
  for (auto& port : peers.ports) bound_words(port.why);
  if (peers.list.size() <= most_listed_peers) return;
  peers.not_listed += static_cast<std::uint32_t>(peers.list.size() - most_listed_peers);
  peers.list.resize(most_listed_peers);
}

}  // namespace

json bound_evidence(json evidence, std::size_t most) {
  if (size_of(evidence) <= most) return evidence;
  if (!evidence.is_object()) return {{"cut", true}};
  evidence["cut"] = true;
  for (auto list = longest_list, text = longest_text; list > 0 && size_of(evidence) > most; list /= 2, text /= 2) {
    shorten(evidence, list, std::max(text, shortest_text));
  }
  if (size_of(evidence) > most) remove_members(evidence, most);
  return evidence;
}

void bound_words(std::string& text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  cut_text(text, most_words);
}

void bound_report(Report& report) {
  bound_findings(report.findings);
  bound_firewall(report);
  if (report.peers) bound_peers(*report.peers);
  if (report.dns) {
    if (report.dns->egress.size() > most_dns_entries) report.dns->egress.resize(most_dns_entries);
    if (report.dns->resolvers.size() > most_dns_entries) report.dns->resolvers.resize(most_dns_entries);
    cut_text(report.dns->reason, 100);
  }
  if (report.exit) {
    cut_text(report.exit->source, 100);
    cut_text(report.exit->country, 100);
  }
  cut_text(report.dns_location, 100);
  cut_text(report.dns_colo, 100);
  if (!report.location) return;
  for (auto* text : {&report.location->country, &report.location->timezone}) cut_text(*text, 100);
  for (auto* text : {&report.location->city, &report.location->region, &report.location->org}) cut_text(*text, 200);
}

}  // namespace vpn_sentinel
