#include "probe/app/print_exit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/app/print_layers.hpp"

namespace vpn_sentinel {
namespace {

void append(std::string& text, std::string_view more) {
  if (!more.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", more);
}

/// "Bucharest, RO, AS64500 Example Networks"
std::string place_text(const AddressFacts& facts, const std::string& country) {
  std::string text;
  append(text, facts.city);
  append(text, facts.country.empty() ? country : facts.country);
  auto network = facts.asn ? fmt::format("AS{} {}", *facts.asn, facts.organisation) : facts.organisation;
  if (network.ends_with(' ')) network.pop_back();
  append(text, network);
  return text;
}

std::string who_text(const ExitOfFamily& exit, const ExitView& view) {
  const auto accord = accord_of(exit.voices);
  if (!accord) return fmt::format("told by {}", view.source);
  std::string names;
  for (const auto& voice : exit.voices) {
    if (is_same_exit(voice.address, accord->address)) append(names, voice.source);
  }
  return accord->sources > 1 ? fmt::format("{} services agree: {}", accord->sources, names) : fmt::format("only {} told it", names);
}

std::string address_text(const ExitView& view, Family family) {
  const auto& exit = view.of(family);
  const auto place = place_text(exit.facts, family == Family::v4 || !view.v4 ? view.country : std::string{});
  return fmt::format("{}{}{} ({})", view.address(family)->to_string(), place.empty() ? "" : ", ", place, who_text(exit, view));
}

/// Who says something else.
void add_others(const ExitOfFamily& exit, std::vector<std::string>& lines) {
  const auto accord = accord_of(exit.voices);
  if (!accord) return;
  for (const auto& voice : exit.voices) {
    if (!is_same_exit(voice.address, accord->address))
      lines.push_back(fmt::format("{} sees {} instead", voice.source, voice.address.to_string()));
  }
}

/// Who said nothing although he was needed; of both families once.
void add_silences(const ExitOfFamily& exit, std::vector<std::string>& lines) {
  const auto accord = accord_of(exit.voices);
  if (!accord || accord->sources > 1) return;
  for (const auto& silence : exit.silences) {
    auto line = "no second opinion from " + silence.reason;
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
}

std::vector<std::string> uplink_lines(const Observation& seen, const TargetPolicy& policy) {
  const auto& uplink = seen.uplink;
  std::vector<std::string> lines;
  std::string addresses;
  for (const auto& address : uplink.addresses) {
    if (uplink.tunnel_of(address.family()).empty()) append(addresses, address.to_string());
  }
  const auto place = place_text(uplink.facts, {});
  if (!addresses.empty()) {
    lines.push_back(fmt::format("the uplink, without the tunnel, shows {}{}", addresses, place.empty() ? "" : fmt::format(" ({})", place)));
  }
  for (const auto family : {Family::v4, Family::v6}) {
    if (uplink.tunnel_of(family).empty()) continue;
    lines.push_back(fmt::format("the uplink's {} address is not known: the probe's own way out goes by the tunnel {}",
                                family == Family::v4 ? "IPv4" : "IPv6", uplink.tunnel_of(family)));
  }
  if (!lines.empty()) return lines;
  if (!uplink.error.empty()) return {"the uplink's address is not known: " + uplink.error};
  return {policy.exit.learn_uplink ? "the uplink's address is not known" : "the uplink's address is not asked for"};
}

std::string not_seen(const Observation& seen) {
  if (seen.exit) return fmt::format("could not be verified: {}", seen.exit->error);
  return seen.exit_pending ? fmt::format("no answer yet after {}", human_duration(seen.exit_pending->waited)) : "not checked";
}

}  // namespace

std::string print_exit(const CheckView& view) {
  const auto& seen = view.seen;
  if (!seen.exit || (!seen.exit->v4 && !seen.exit->v6)) return print_row("exit", not_seen(seen));
  std::string text;
  // What is cut when there is too much of it comes last.
  auto lines = uplink_lines(seen, view.policy);
  for (const auto family : {Family::v4, Family::v6}) {
    if (!seen.exit->address(family)) continue;
    text += print_row(text.empty() ? "exit" : "", address_text(*seen.exit, family));
    add_others(seen.exit->of(family), lines);
  }
  for (const auto family : {Family::v4, Family::v6}) add_silences(seen.exit->of(family), lines);
  return text + print_details(lines);
}

}  // namespace vpn_sentinel
