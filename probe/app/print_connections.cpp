#include "probe/app/print_connections.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>

#include "netns/base/text.hpp"
#include "probe/connections/protocol_word.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t short_id = 12;
constexpr std::size_t most_candidates = 4;

/// ANSI, as the lights are.
std::string_view colour_of(FlowWay way) {
  switch (way) {
    case FlowWay::outside:
      return "1;31";
    case FlowWay::tunnel:
    case FlowWay::server:
      return "32";
    case FlowWay::unknown:
    case FlowWay::allowed:
      return "33";
    default:
      return "2";
  }
}

std::string program_text(const Program& program) { return fmt::format("{} ({})", without_control_characters(program.name), program.pid); }

IpPrefix prefix_of(const IpAddress& address) { return {address, address.is_v4() ? 24U : 48U}; }

std::string shown_end(const Endpoint& end) { return end.port == 0 ? end.address.to_string() : end.to_string(); }

}  // namespace

std::string shown_amount(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{}", bytes);
  auto left = static_cast<double>(bytes) / 1000;
  static constexpr std::array units{"k", "M", "G", "T"};
  std::size_t unit = 0;
  for (; left >= 999.5 && unit + 1 < units.size(); ++unit) left /= 1000;
  return left < 9.95 ? fmt::format("{:.1f}{}", left, units.at(unit)) : fmt::format("{:.0f}{}", left, units.at(unit));
}

std::string shown_destination(const Endpoint& remote, const AddressFacts& facts, DestinationDetail detail) {
  switch (detail) {
    case DestinationDetail::full:
      return shown_end(remote);
    case DestinationDetail::prefix:
      return prefix_of(remote.address).to_string();
    case DestinationDetail::country:
      return facts.country.empty() ? "?" : facts.country;
    case DestinationDetail::none:
      break;
  }
  return "-";
}

std::string shown_owner(const KnownFlow& flow) {
  const auto& owner = flow.owner;
  if (owner.program) {
    auto text = fmt::format("{} uid {}", program_text(*owner.program), owner.program->uid);
    if (!owner.program->container.empty()) text += " container " + owner.program->container.substr(0, short_id);
    return text;
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(owner.candidates.size(), most_candidates); ++i) {
    text += (i == 0 ? "one of " : ", ") + program_text(owner.candidates[i]);
  }
  if (text.empty() && flow.uid) text = fmt::format("uid {}", *flow.uid);
  if (text.empty()) text = "?";
  return owner.why_not.empty() ? text : text + ": " + owner.why_not;
}

std::string print_connections_heading(const ConnectionsTold& told, const Style& style) {
  const auto sources = told.sources.empty() ? std::string("none") : fmt::format("{}", fmt::join(told.sources, ", "));
  auto text = fmt::format("{}   told by {}\n", told.target, sources);
  for (const auto& why : told.refused) text += fmt::format("  not used: {}\n", why);
  const auto titles =
      fmt::format("{:<8} {:<5} {:<24} {:<24} {:<10} {:>6} {:>6} {}", "Way", "Proto", "Local", "Peer", "Device", "Out", "In", "Program");
  return text + paint(titles, "1", style) + "\n";
}

std::string print_connection(const KnownFlow& flow, DestinationDetail detail, const Style& style) {
  const auto way = fmt::format("{:<8}", to_string(flow.direction.way));
  const auto out = flow.bytes ? shown_amount(flow.bytes->out) : std::string("-");
  const auto in = flow.bytes && flow.bytes->in_known ? shown_amount(flow.bytes->in) : std::string("-");
  auto text = paint(way, colour_of(flow.direction.way), style);
  text += fmt::format(" {:<5} {:<24} {:<24} {:<10} {:>6} {:>6} {}", protocol_word(flow.key.protocol), shown_end(flow.key.local),
                      shown_destination(flow.key.remote, flow.facts, detail), flow.direction.device.empty() ? "-" : flow.direction.device,
                      out, in, shown_owner(flow));
  if (flow.blocked) text += "  logged by a firewall rule";
  if (flow.facts.asn && detail != DestinationDetail::none) text += fmt::format("  AS{}", *flow.facts.asn);
  if (!flow.direction.why.empty()) text += "  (" + flow.direction.why + ")";
  return text + "\n";
}

std::string print_connections_end(const ConnectionsTold& told, const std::vector<const KnownFlow*>& flows, const Style& style) {
  std::map<FlowWay, std::size_t> ways;
  for (const auto* flow : flows) ++ways[flow->direction.way];
  auto text = fmt::format("{} connection{}", flows.size(), flows.size() == 1 ? "" : "s");
  for (const auto& [way, count] : ways) text += ", " + paint(fmt::format("{} {}", count, to_string(way)), colour_of(way), style);
  text += "\n";
  for (const auto& note : told.notes) text += "note: " + note + "\n";
  if (told.losses.no_room + told.losses.by_sources > 0) {
    text += fmt::format("note: {} more are not listed: there are too many\n", told.losses.no_room + told.losses.by_sources);
  }
  for (const auto& line : told.cannot) text += line + "\n";
  return text;
}

json connection_json(const KnownFlow& flow, DestinationDetail detail) {
  json value{{"way", to_string(flow.direction.way)},
             {"way_seen", flow.direction_seen},
             {"protocol", protocol_word(flow.key.protocol)},
             {"local", shown_end(flow.key.local)},
             {"first_seen", to_rfc3339(flow.first_seen)},
             {"last_seen", to_rfc3339(flow.last_seen)},
             {"ended", flow.ended},
             {"blocked", flow.blocked}};
  if (detail != DestinationDetail::none) value["peer"] = shown_destination(flow.key.remote, flow.facts, detail);
  if (!flow.direction.device.empty()) value["device"] = flow.direction.device;
  if (!flow.direction.why.empty()) value["way_unknown"] = flow.direction.why;
  if (flow.uid) value["uid"] = *flow.uid;
  if (flow.bytes) {
    value["bytes"] = {{"out", flow.bytes->out}, {"headers", flow.bytes->headers}};
    if (flow.bytes->in_known) value["bytes"]["in"] = flow.bytes->in;
  }
  const auto program = [](const Program& one) {
    json object{{"pid", one.pid}, {"name", one.name}, {"uid", one.uid}};
    if (!one.container.empty()) object["container"] = one.container;
    return object;
  };
  if (flow.owner.program) value["program"] = program(*flow.owner.program);
  for (const auto& candidate : flow.owner.candidates) value["candidates"].push_back(program(candidate));
  if (!flow.owner.why_not.empty()) value["unattributed"] = flow.owner.why_not;
  if (detail == DestinationDetail::none) return value;
  if (!flow.facts.country.empty()) value["country"] = flow.facts.country;
  if (flow.facts.asn) value["asn"] = *flow.facts.asn;
  json::array_t sources;
  for (const auto kind : {FlowSource::ebpf, FlowSource::sock_diag, FlowSource::conntrack, FlowSource::nflog}) {
    if (flow.told_by(kind)) sources.emplace_back(to_string(kind));
  }
  value["sources"] = std::move(sources);
  return value;
}

json connections_json(const ConnectionsTold& told) {
  return {{"target", told.target},   {"sources", told.sources}, {"not_seen", told.cannot},
          {"refused", told.refused}, {"notes", told.notes},     {"not_listed", told.losses.no_room + told.losses.by_sources}};
}

}  // namespace vpn_sentinel
