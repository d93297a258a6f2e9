#include "probe/watch/flow_classes.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "netns/monitor/describe.hpp"
#include "probe/watch/flow_choices.hpp"
#include "probe/watch/rule_match.hpp"

namespace vpn_sentinel {
namespace {

/// Combinations that are tried before the rest counts as left out; each is matched against every rule.
constexpr std::size_t most_combinations = 4096;

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
  Collector(FlowChoices& choices, const TargetPolicy& policy, const std::vector<MarkMatch>& own_marks, std::size_t round, FlowClasses& into)
      : choices_(choices),
        policy_(policy),
        own_marks_(own_marks),
        round_(round),
        into_(into),
        sources_(choices.sources()),
        marks_(choices.marks()),
        tos_(choices.types_of_service()),
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
    take_share();
  }

 private:
  using Source = Choice<std::optional<IpAddress>>;
  using Mark = Choice<std::uint32_t>;
  using Tos = Choice<std::uint8_t>;
  using Uid = Choice<std::optional<std::uint32_t>>;

  /// A class before it is known whether it is asked for.
  struct Candidate {
    const Source& source;
    const Mark& mark;
    const Tos& tos;
    const Uid& uid;
    const Choice<Service>& service;
    Flow flow;
    bool selected = false;
  };

  void take_share() {
    constexpr auto always = most_flow_classes / 2;
    constexpr auto window = most_flow_classes - always;
    const auto all = candidates_.size();
    const auto shares = all <= most_flow_classes ? 1 : (all - always + window - 1) / window;
    into_.rotates = choices_.shares() > 1 || shares > 1;
    // The choices take turns round by round; the classes that are made of them must not be in step with that.
    const auto begin = always + (choices_.shares() > 1 ? turn_of(round_, shares) : round_ % shares) * window;
    for (std::size_t i = 0; i < all; ++i) {
      if (shares == 1 || i < always || (i >= begin && i < begin + window)) {
        add(candidates_[i]);
      } else {
        ++into_.left_out;
      }
    }
  }

  void add(const Candidate& of) {
    // Where a rule takes everybody, the first class stands for the ordinary ones all the same.
    const bool ordinary = !of.selected || into_.classes.empty();
    auto whom = ordinary ? std::string() : joined({of.mark.whom, of.uid.whom, of.service.whom, of.tos.whom, of.source.whom});
    // What only a route looks at is no rule's doing; who binds to an address is told apart all the same.
    if (of.source.bound && whom.empty()) whom = of.source.whom;
    into_.classes.push_back({of.flow, std::move(whom),
                             joined({of.source.selector, of.mark.selector, of.uid.selector, of.service.selector, of.tos.selector}),
                             of.source.bound});
  }

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
      if (seen_.insert(std::move(taken)).second) candidates_.push_back({source, mark, tos, uid, service, flow, selected});
    }
  }

  FlowChoices& choices_;
  const TargetPolicy& policy_;
  const std::vector<MarkMatch>& own_marks_;
  std::size_t round_;
  FlowClasses& into_;
  std::vector<Source> sources_;
  std::vector<Mark> marks_;
  std::vector<Tos> tos_;
  std::vector<Uid> uids_;
  std::vector<Choice<Service>> services_;
  std::set<std::vector<bool>> seen_;
  std::vector<Candidate> candidates_;
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

std::size_t turn_of(std::size_t round, std::size_t shares) {
  // splitmix64, the public domain generator of Sebastiano Vigna.
  auto mixed = static_cast<std::uint64_t>(round) * 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  return static_cast<std::size_t>((mixed ^ (mixed >> 31U)) % shares);
}

FlowClasses flow_classes(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy,
                         const std::vector<MarkMatch>& own_marks, std::size_t round) {
  FlowClasses result;
  FlowChoices choices{snapshot, family, tunnel_index, policy, round};
  Collector{choices, policy, own_marks, round, result}.run();
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
