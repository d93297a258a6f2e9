#include "netns/firewall/ruleset_walk.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <limits>

#include "netns/firewall/ruleset_walker.hpp"

namespace vpn_sentinel::audit {
namespace {

constexpr std::uint8_t family_ip = NFPROTO_IPV4;
constexpr std::uint8_t family_ip6 = NFPROTO_IPV6;
constexpr std::int32_t nat_output = -100;      // NF_IP_PRI_NAT_DST: where the kernel asks chains of type nat
constexpr std::int32_t nat_postrouting = 100;  // NF_IP_PRI_NAT_SRC

std::optional<Stage::Place> place_of(const Table& table, const Chain& chain, Family family, const Uplink& uplink) {
  const auto& hook = *chain.hook;
  if (table.name.family == nft::family_netdev) {
    const bool here = std::find(hook.devices.begin(), hook.devices.end(), uplink.name) != hook.devices.end();
    if (hook.number != nft::netdev_egress || !(here || hook.more_devices)) return std::nullopt;
    return Stage::Place::egress;
  }
  const auto own = family == Family::v4 ? family_ip : family_ip6;
  if (table.name.family != nft::family_inet && table.name.family != own) return std::nullopt;
  if (hook.number == NF_INET_LOCAL_OUT) return Stage::Place::output;
  if (hook.number == NF_INET_POST_ROUTING) return Stage::Place::postrouting;
  return std::nullopt;
}

bool changes_packets(const Table& table) {
  const auto changes = [](const Step& step) {
    return std::holds_alternative<SetMark>(step) || std::holds_alternative<SetMarkTo>(step) ||
           std::holds_alternative<SetConntrackMark>(step) || std::holds_alternative<NoTrack>(step) ||
           std::holds_alternative<Translate>(step) || std::holds_alternative<Anything>(step);
  };
  return std::any_of(table.chains.begin(), table.chains.end(), [&](const Chain& chain) {
    return std::any_of(chain.rules.begin(), chain.rules.end(),
                       [&](const Rule& rule) { return std::any_of(rule.steps.begin(), rule.steps.end(), changes); });
  });
}

bool depends_on_order(std::vector<Stage>::const_iterator begin, std::vector<Stage>::const_iterator end) {
  // What chains of type nat say is done behind the last of them.
  if (std::all_of(begin, end, [](const Stage& stage) { return stage.chain->type == "nat"; })) return false;
  return std::any_of(begin, end, [](const Stage& stage) { return changes_packets(*stage.table); });
}

}  // namespace

std::vector<Stage> stages_of(const Ruleset& ruleset, Family family, const Uplink& uplink) {
  std::vector<Stage> stages;
  for (const auto& table : ruleset.tables) {
    if (table.dormant) continue;
    for (const auto& chain : table.chains) {
      if (!chain.hook) continue;
      const auto place = place_of(table, chain, family, uplink);
      if (!place) continue;
      auto priority = chain.hook->priority;
      if (chain.type == "nat") priority = *place == Stage::Place::output ? nat_output : nat_postrouting;
      stages.push_back({&table, &chain, *place, priority, false});
    }
  }
  const auto rank = [](const Stage& stage) { return std::pair{stage.place, stage.priority}; };
  std::stable_sort(stages.begin(), stages.end(), [&](const Stage& a, const Stage& b) { return rank(a) < rank(b); });
  for (auto begin = stages.begin(); begin != stages.end();) {
    const auto end = std::find_if(begin, stages.end(), [&](const Stage& stage) { return rank(stage) != rank(*begin); });
    if (end - begin > 1 && depends_on_order(begin, end)) {
      std::for_each(begin, end, [](Stage& stage) { stage.order_unknown = true; });
    }
    begin = end;
  }
  return stages;
}

Fate Walk::run(const Packet& packet, const Packet& like) const { return Walker{stages_, uplink_, never_, budget_, packet}.run(like); }

}  // namespace vpn_sentinel::audit
