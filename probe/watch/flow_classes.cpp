#include "probe/watch/flow_classes.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <limits>
#include <set>

#include "netns/monitor/describe.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

/// Parts into which ranges of users or ports may cut their line, and marks, before the rest counts as left out.
constexpr std::size_t most_parts = 24;
/// Combinations that are tried before the rest counts as left out; each is matched against every rule.
constexpr std::size_t most_combinations = 4096;

bool is_inverted(const Rule& rule) { return (rule.flags & FIB_RULE_INVERT) != 0; }

bool in(const std::optional<PortRange>& range, std::uint16_t port) { return !range || (port >= range->first && port <= range->last); }

/// The kernel takes "mark 0 without mask" for no selector.
bool has_mark(const Rule& rule) { return rule.fwmark != 0 || rule.fwmask != 0; }
std::uint32_t mask_of(const Rule& rule) { return rule.fwmask != 0 ? rule.fwmask : 0xffffffff; }

std::uint8_t protocol_of(const Flow& flow) { return flow.ip_protocol != 0 ? flow.ip_protocol : static_cast<std::uint8_t>(IPPROTO_UDP); }

/// Everything but the destination, without the inversion. Packets of local programs come "from" the loopback interface.
bool selects(const Rule& rule, const Flow& flow) {
  if (has_mark(rule) && (flow.mark & mask_of(rule)) != (rule.fwmark & mask_of(rule))) return false;
  if (rule.uids && (!flow.uid || *flow.uid < rule.uids->first || *flow.uid > rule.uids->last)) return false;
  if (rule.ip_protocol != 0 && rule.ip_protocol != protocol_of(flow)) return false;
  if (!in(rule.source_ports, flow.source_port) || !in(rule.destination_ports, flow.destination_port)) return false;
  if (rule.tos != 0 && rule.tos != flow.tos) return false;
  // A packet that has no source yet has the address 0.
  const auto source = flow.source.value_or(rule.family == Family::v4 ? IpAddress{} : IpAddress::v6({}));
  if (rule.source && rule.source->length() != 0 && !rule.source->contains(source)) return false;
  const bool by_interface = (!rule.input_interface.empty() && rule.input_interface != "lo") || !rule.output_interface.empty();
  return !by_interface && !rule.l3mdev && rule.tunnel_id == 0;
}

/// Whether it tells packets apart by more than where they go.
bool tells_apart(const Rule& rule) {
  return has_mark(rule) || rule.uids || rule.ip_protocol != 0 || rule.source_ports || rule.destination_ports || rule.tos != 0 ||
         (rule.source && rule.source->length() != 0);
}

bool can_be_asked(const Rule& rule) {
  const bool known_protocol = rule.ip_protocol == 0 || rule.ip_protocol == IPPROTO_UDP || rule.ip_protocol == IPPROTO_TCP ||
                              rule.ip_protocol == (rule.family == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  return known_protocol && !rule.has_unknown;
}

/// The values of one kind of selector that the rules tell apart, each with its words.
template <typename Value>
struct Choice {
  Value value{};
  std::string whom;
  std::string selector;
  bool bound = false;
};

struct Service {
  std::uint8_t ip_protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

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

class Choices {
 public:
  Choices(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy)
      : snapshot_(snapshot), family_(family), tunnel_index_(tunnel_index), policy_(policy) {
    for (const auto& rule : snapshot.rules) {
      if (rule.family == family && can_be_asked(rule)) rules_.push_back(&rule);
    }
    for (const auto& route : snapshot.routes) {
      if (route.family != family) continue;
      if (route.tos != 0) tos_of_routes_.insert(route.tos);
      if (route.source) sources_of_routes_.insert(*route.source);
    }
  }

  [[nodiscard]] const std::vector<const Rule*>& rules() const noexcept { return rules_; }

  /// Which rules could take the packet, and which of the routes that look at more than the destination, wherever it goes: packets that
  /// agree in this go the same ways.
  [[nodiscard]] std::vector<bool> signature(const Flow& flow) const {
    std::vector<bool> taken;
    taken.reserve(rules_.size() + tos_of_routes_.size() + sources_of_routes_.size());
    for (const auto* const rule : rules_) taken.push_back(selects(*rule, flow));
    for (const auto tos : tos_of_routes_) taken.push_back(flow.tos == tos);
    for (const auto& source : sources_of_routes_) taken.push_back(flow.source && source.contains(*flow.source));
    return taken;
  }

  /// What could not become a choice because there were too many.
  [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }

  [[nodiscard]] std::vector<Choice<std::uint32_t>> marks() {
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

  [[nodiscard]] std::vector<Choice<std::optional<std::uint32_t>>> uids() {
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

  [[nodiscard]] std::vector<Choice<Service>> services() {
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
    protocols.insert(
        {IPPROTO_UDP, IPPROTO_TCP, static_cast<std::uint8_t>(family_ == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})});
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
    std::ranges::stable_sort(choices, [](const auto& a, const auto& b) { return a.whom.size() < b.whom.size(); });
    return choices;
  }

  [[nodiscard]] std::vector<Choice<std::uint8_t>> type_of_service() const {
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

  [[nodiscard]] std::vector<Choice<std::optional<IpAddress>>> sources() {
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

 private:
  template <typename List>
  void limit(List& list) {
    if (list.size() <= most_parts) return;
    left_out_ += list.size() - most_parts;
    list.resize(most_parts);
  }

  [[nodiscard]] bool is_of_tunnel(std::uint32_t link_index) const {
    const auto* const link = snapshot_.find_link(link_index);
    return link && (link->index == tunnel_index_ || is_named(*link, policy_.tunnels));
  }

  static std::string_view name_of(std::uint8_t protocol) {
    return protocol == IPPROTO_UDP ? "UDP" : protocol == IPPROTO_TCP ? "TCP" : "ICMP";
  }

  [[nodiscard]] std::string selector_of(const Service& service) const {
    const std::string_view icmp = family_ == Family::v4 ? "icmp" : "ipv6-icmp";
    auto text = fmt::format("ipproto {}", service.ip_protocol == IPPROTO_UDP ? "udp" : service.ip_protocol == IPPROTO_TCP ? "tcp" : icmp);
    if (service.source_port != 0) text += fmt::format(" sport {}", service.source_port);
    if (service.destination_port != 0) text += fmt::format(" dport {}", service.destination_port);
    return text;
  }

  const Snapshot& snapshot_;
  Family family_;
  std::uint32_t tunnel_index_;
  const TargetPolicy& policy_;
  std::vector<const Rule*> rules_;
  std::set<std::uint8_t> tos_of_routes_;
  std::set<IpPrefix> sources_of_routes_;
  std::size_t left_out_ = 0;
};

bool may_bypass(const Flow& flow, const TargetPolicy& policy, const std::vector<MarkMatch>& own_marks) {
  const bool by_uid = flow.uid && std::ranges::any_of(policy.allow_uids, [&](const UidRange& range) {
                        return *flow.uid >= range.first && *flow.uid <= range.last;
                      });
  if (by_uid) return true;
  if (flow.mark == 0) return false;
  const auto matches = [&](const MarkMatch& match) { return match.matches(flow.mark); };
  return std::ranges::any_of(own_marks, matches) || std::ranges::any_of(policy.allow_marks, matches);
}

/// Some rule was made for these packets: it names something that they have.
bool is_selected(const std::vector<const Rule*>& rules, const std::vector<bool>& taken) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (taken[i] && tells_apart(*rules[i])) return true;
  }
  return false;
}

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    if (!word.empty()) text += fmt::format("{}{}", text.empty() ? "" : " ", word.substr(word.front() == ' ' ? 1 : 0));
  }
  return text;
}

class Collector {
 public:
  Collector(Choices& choices, const TargetPolicy& policy, const std::vector<MarkMatch>& own_marks, FlowClasses& into)
      : choices_(choices),
        policy_(policy),
        own_marks_(own_marks),
        into_(into),
        sources_(choices.sources()),
        marks_(choices.marks()),
        tos_(choices.type_of_service()),
        uids_(choices.uids()),
        services_(choices.services()) {}

  void run() {
    // What differs in one point from an ordinary packet comes first, then what differs in more: where there are too many, the simple ones
    // are asked about.
    for (const std::size_t differences : {0U, 1U, 2U, 5U}) {
      for (const auto& source : sources_) {
        for (const auto& mark : marks_) {
          for (const auto& tos : tos_) {
            for (const auto& uid : uids_) {
              if (tried_ >= most_combinations) break;
              try_services(source, mark, tos, uid, differences);
            }
          }
        }
      }
    }
    const auto all = sources_.size() * marks_.size() * tos_.size() * uids_.size() * services_.size();
    if (tried_ >= most_combinations && all > tried_) into_.left_out += all - tried_;
    into_.left_out += choices_.left_out();
  }

 private:
  using Source = Choice<std::optional<IpAddress>>;
  using Mark = Choice<std::uint32_t>;
  using Tos = Choice<std::uint8_t>;
  using Uid = Choice<std::optional<std::uint32_t>>;

  void try_services(const Source& source, const Mark& mark, const Tos& tos, const Uid& uid, std::size_t differences) {
    const std::size_t others = (&source != sources_.data() ? 1U : 0U) + (&mark != marks_.data() ? 1U : 0U) +
                               (&tos != tos_.data() ? 1U : 0U) + (&uid != uids_.data() ? 1U : 0U);
    if (differences < 5 && others > differences) return;
    for (const auto& service : services_) {
      const auto count = others + (&service != services_.data() ? 1U : 0U);
      const bool now = differences < 5 ? count == differences : count > 2;
      if (!now) continue;
      if (++tried_ > most_combinations) return;
      const Flow flow{mark.value, uid.value,   service.value.ip_protocol, service.value.source_port, service.value.destination_port,
                      tos.value,  source.value};
      if (may_bypass(flow, policy_, own_marks_)) continue;
      auto taken = choices_.signature(flow);
      const bool selected = is_selected(choices_.rules(), taken);
      if (!seen_.insert(std::move(taken)).second) continue;
      if (into_.classes.size() == most_flow_classes) {
        ++into_.left_out;
        continue;
      }
      // Where a rule takes everybody, the first class stands for the ordinary ones all the same.
      const bool ordinary = !selected || into_.classes.empty();
      auto whom = ordinary ? std::string() : joined({mark.whom, uid.whom, service.whom, tos.whom, source.whom});
      // What only a route looks at is no rule's doing; who binds to an address is told apart all the same.
      if (source.bound && whom.empty()) whom = source.whom;
      into_.classes.push_back(
          {flow, std::move(whom), joined({source.selector, mark.selector, uid.selector, service.selector, tos.selector}), source.bound});
    }
  }

  Choices& choices_;
  const TargetPolicy& policy_;
  const std::vector<MarkMatch>& own_marks_;
  FlowClasses& into_;
  std::vector<Source> sources_;
  std::vector<Mark> marks_;
  std::vector<Tos> tos_;
  std::vector<Uid> uids_;
  std::vector<Choice<Service>> services_;
  std::set<std::vector<bool>> seen_;
  std::size_t tried_ = 0;
};

bool leads_outside(const Route& route, std::uint32_t tunnel_index) {
  return route.type == RTN_UNICAST &&
         std::ranges::any_of(route.next_hops, [&](const NextHop& hop) { return tunnel_index == 0 || hop.link_index != tunnel_index; });
}

/// What a rule does that nobody can ask about: it may send the packets that it takes to its own table, and those that it takes or spares,
/// by a jump or because others look at the same thing, past the tunnel's to any table.
bool may_let_out(const Rule& rule, const Snapshot& snapshot, std::uint32_t tunnel_index) {
  const bool own_table_only = rule.action == FR_ACT_TO_TBL && !is_inverted(rule) && !rule.has_unknown;
  return std::ranges::any_of(snapshot.routes, [&](const Route& route) {
    return route.family == rule.family && (!own_table_only || route.table == rule.table) && leads_outside(route, tunnel_index);
  });
}

}  // namespace

bool applies(const Rule& rule, const Flow& flow, const IpAddress& destination) {
  if (rule.family != destination.family()) return false;
  const bool there = !rule.destination || rule.destination->length() == 0 || rule.destination->contains(destination);
  return (there && selects(rule, flow)) != is_inverted(rule);
}

FlowClasses flow_classes(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy,
                         const std::vector<MarkMatch>& own_marks) {
  FlowClasses result;
  Choices choices{snapshot, family, tunnel_index, policy};
  Collector{choices, policy, own_marks, result}.run();
  for (const auto& rule : snapshot.rules) {
    if (rule.family == family && !can_be_asked(rule) && may_let_out(rule, snapshot, tunnel_index))
      result.unasked_rules.push_back(describe_rule(rule, ""));
  }
  return result;
}

std::vector<MarkMatch> exempting_marks(const Snapshot& snapshot, std::uint32_t tunnel_index) {
  std::vector<MarkMatch> marks;
  for (const auto& rule : snapshot.rules) {
    const bool exempts = is_inverted(rule) && rule.fwmark != 0 && rule.action == FR_ACT_TO_TBL;
    if (!exempts || rule.table == RT_TABLE_MAIN || rule.table == RT_TABLE_LOCAL || rule.table == RT_TABLE_DEFAULT) continue;
    bool into_tunnel = false;
    bool outside = false;
    for (const auto& route : snapshot.routes) {
      if (route.family != rule.family || route.table != rule.table) continue;
      const bool leads_out = leads_outside(route, tunnel_index);
      outside = outside || leads_out;
      into_tunnel = into_tunnel || (route.type == RTN_UNICAST && !leads_out && !route.next_hops.empty());
    }
    if (into_tunnel && !outside) marks.push_back({rule.fwmark & mask_of(rule), mask_of(rule)});
  }
  return marks;
}

}  // namespace vpn_sentinel
