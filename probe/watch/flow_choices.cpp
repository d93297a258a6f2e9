#include "probe/watch/flow_choices.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <limits>

#include "probe/watch/rule_match.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

/// Parts into which ranges of users or ports may cut their line, and marks, in one round: the first half of them, and of the rest as many
/// in turn. What has no turn counts as left out.
constexpr std::size_t most_parts = 24;

/// A part of a line of numbers, both ends included; `free`: no range covers it.
template <typename Number>
struct Part {
  Number first{};
  Number last{};
  bool free = true;
  [[nodiscard]] std::string text() const { return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last); }
};

/// The parts into which `ranges` cut the line from `lowest` to the highest number; the widest free one, which stands for everybody else,
/// comes first.
template <typename Number, typename Range>
std::vector<Part<Number>> parts_of(Number lowest, const std::vector<Range>& ranges) {
  std::set<Number> begins{lowest};
  constexpr auto highest = std::numeric_limits<Number>::max();
  for (const auto& range : ranges) {
    if (range.first > lowest) begins.insert(range.first);
    if (range.last < highest) begins.insert(static_cast<Number>(range.last + 1));
  }
  std::vector<Part<Number>> parts;
  for (auto it = begins.begin(); it != begins.end(); ++it) {
    const auto next = std::next(it);
    const bool free = std::ranges::none_of(ranges, [&](const Range& range) { return *it >= range.first && *it <= range.last; });
    parts.push_back({*it, next == begins.end() ? highest : static_cast<Number>(*next - 1), free});
  }
  std::ranges::stable_sort(
      parts, [](const auto& a, const auto& b) { return a.free != b.free ? a.free : (a.free && a.last - a.first > b.last - b.first); });
  return parts;
}

std::string_view name_of(std::uint8_t protocol) { return protocol == IPPROTO_UDP ? "UDP" : protocol == IPPROTO_TCP ? "TCP" : "ICMP"; }

}  // namespace

template <typename List>
void FlowChoices::limit(List& list) {
  if (list.size() <= most_parts) return;
  constexpr auto always = most_parts / 2;
  constexpr auto window = most_parts - always;
  const auto shares = (list.size() - always + window - 1) / window;
  shares_ = std::max(shares_, shares);
  const auto first = always + round_ % shares * window;
  const auto kept = always + std::min(window, list.size() - first);
  left_out_ += list.size() - kept;
  std::rotate(list.begin() + always, list.begin() + static_cast<std::ptrdiff_t>(first), list.end());
  list.resize(kept);
}

FlowChoices::FlowChoices(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy, std::size_t round)
    : snapshot_(snapshot), family_(family), tunnel_index_(tunnel_index), policy_(policy), round_(round) {
  for (const auto& rule : snapshot.rules) {
    if (rule.family == family && can_be_asked(rule)) rules_.push_back(&rule);
  }
  for (const auto& route : snapshot.routes) {
    if (route.family != family) continue;
    if (route.tos != 0) tos_of_routes_.insert(route.tos);
    if (route.source) sources_of_routes_.insert(*route.source);
  }
}

std::vector<bool> FlowChoices::signature(const Flow& flow) const {
  std::vector<bool> taken;
  taken.reserve(rules_.size() + tos_of_routes_.size() + sources_of_routes_.size());
  for (const auto* const rule : rules_) taken.push_back(selects(*rule, flow));
  for (const auto tos : tos_of_routes_) taken.push_back(flow.tos == tos);
  for (const auto& source : sources_of_routes_) taken.push_back(flow.source && source.contains(*flow.source));
  return taken;
}

std::vector<Choice<std::uint32_t>> FlowChoices::marks() {
  std::vector<Choice<std::uint32_t>> choices{{}};
  const auto add = [&](std::uint32_t mark) {
    const bool known = std::ranges::any_of(choices, [&](const auto& choice) { return choice.value == mark; });
    const auto text = fmt::format("mark {:#x}", mark);
    if (!known) choices.push_back({mark, text, text, false});
  };
  for (const auto* const rule : rules_) {
    if (!has_mark(*rule)) continue;
    add(rule->fwmark & mask_of(*rule));
    // A rule for packets without mark also tells apart those that have one.
    if (rule->fwmark == 0) add(mask_of(*rule) & (~mask_of(*rule) + 1));
  }
  // Rules that look at different bits can take one packet together.
  const auto single = choices.size();
  for (std::size_t i = 1; i < single && choices.size() <= most_parts; ++i) {
    for (std::size_t k = i + 1; k < single && choices.size() <= most_parts; ++k) add(choices[i].value | choices[k].value);
  }
  limit(choices);
  return choices;
}

std::vector<Choice<std::optional<std::uint32_t>>> FlowChoices::uids() {
  std::vector<UidRange> ranges;
  for (const auto* const rule : rules_) {
    if (rule->uids) ranges.push_back(*rule->uids);
  }
  if (ranges.empty()) return {{}};
  // Those who may bypass are parts of their own, so that nobody else is taken for one of them.
  ranges.insert(ranges.end(), policy_.allow_uids.begin(), policy_.allow_uids.end());
  std::vector<Choice<std::optional<std::uint32_t>>> choices;
  for (const auto& part : parts_of<std::uint32_t>(0, ranges)) {
    choices.push_back({part.first, part.free ? "" : "uid " + part.text(), fmt::format("uid {}", part.first), false});
  }
  limit(choices);
  return choices;
}

std::vector<Choice<Service>> FlowChoices::services() {
  std::set<std::uint8_t> protocols;
  std::vector<PortRange> source_ports;
  std::vector<PortRange> destination_ports;
  for (const auto* const rule : rules_) {
    if (rule->ip_protocol != 0) protocols.insert(rule->ip_protocol);
    if (rule->source_ports) source_ports.push_back(*rule->source_ports);
    if (rule->destination_ports) destination_ports.push_back(*rule->destination_ports);
  }
  if (protocols.empty() && source_ports.empty() && destination_ports.empty()) return {{}};
  const auto named = protocols;
  // ICMP stands for every protocol that no rule names: all of them fall through.
  protocols.insert({IPPROTO_UDP, IPPROTO_TCP, static_cast<std::uint8_t>(family_ == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})});
  auto source_parts = parts_of<std::uint16_t>(1, source_ports);
  auto destination_parts = parts_of<std::uint16_t>(1, destination_ports);
  limit(source_parts);
  limit(destination_parts);
  std::vector<Choice<Service>> choices;
  for (const auto protocol : protocols) {
    const auto name = named.contains(protocol) ? name_of(protocol) : std::string_view();
    if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) {
      choices.push_back({{protocol, 0, 0}, std::string(name), selector_of({protocol, 0, 0}), false});
      continue;
    }
    for (const auto& from : source_parts) {
      for (const auto& to : destination_parts) {
        const Service service{protocol, source_ports.empty() ? std::uint16_t{0} : from.first, to.first};
        const auto whom = fmt::format("{}{}{}{}{}", name, from.free ? "" : " from port ", from.free ? "" : from.text(),
                                      to.free ? "" : " to port ", to.free ? "" : to.text());
        choices.push_back({service, whom, selector_of(service), false});
      }
    }
  }
  // UDP first: without a rule for it, it stands for everything.
  std::ranges::stable_sort(choices, [](const auto& a, const auto& b) {
    const bool a_first = a.value.ip_protocol == IPPROTO_UDP && b.value.ip_protocol != IPPROTO_UDP;
    return a.whom.size() != b.whom.size() ? a.whom.size() < b.whom.size() : a_first;
  });
  return choices;
}

std::vector<Choice<std::uint8_t>> FlowChoices::types_of_service() const {
  auto values = tos_of_routes_;
  for (const auto* const rule : rules_) {
    if (rule->tos != 0) values.insert(rule->tos);
  }
  std::vector<Choice<std::uint8_t>> choices{{}};
  for (const auto value : values) {
    const auto text = fmt::format("tos {:#x}", value);
    choices.push_back({value, text, text, false});
  }
  return choices;
}

std::vector<Choice<std::optional<IpAddress>>> FlowChoices::sources() {
  std::vector<IpPrefix> prefixes(sources_of_routes_.begin(), sources_of_routes_.end());
  for (const auto* const rule : rules_) {
    if (rule->source && rule->source->length() != 0) prefixes.push_back(*rule->source);
  }
  std::vector<Choice<std::optional<IpAddress>>> choices{{}};
  if (prefixes.empty()) return choices;
  for (const auto& own : snapshot_.addresses) {
    const auto& address = own.address;
    if (address.family() != family_ || address.is_link_local() || address.is_loopback()) continue;
    const bool of_tunnel = is_of_tunnel(own.link_index);
    const bool named = std::ranges::any_of(prefixes, [&](const IpPrefix& prefix) { return prefix.contains(address); });
    if (!named && !of_tunnel) continue;
    const auto text = address.to_string();
    choices.push_back(
        {address, fmt::format("{} {}", of_tunnel ? "connections from" : "sockets bound to", text), "from " + text, !of_tunnel});
  }
  limit(choices);
  return choices;
}

bool FlowChoices::is_of_tunnel(std::uint32_t link_index) const {
  const auto* const link = snapshot_.find_link(link_index);
  return link && (link->index == tunnel_index_ || is_named(*link, policy_.tunnels));
}

std::string FlowChoices::selector_of(const Service& service) const {
  const std::string_view icmp = family_ == Family::v4 ? "icmp" : "ipv6-icmp";
  auto text = fmt::format("ipproto {}", service.ip_protocol == IPPROTO_UDP ? "udp" : service.ip_protocol == IPPROTO_TCP ? "tcp" : icmp);
  if (service.source_port != 0) text += fmt::format(" sport {}", service.source_port);
  if (service.destination_port != 0) text += fmt::format(" dport {}", service.destination_port);
  return text;
}

}  // namespace vpn_sentinel
