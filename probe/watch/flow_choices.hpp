/// The values that rules and routes tell apart, for each thing that they look at in a packet. Pure; the snapshot and the policy must
/// outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

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

/// Each list begins with what an ordinary packet has and is bounded; what did not fit is counted, and has its turn in another `round`.
class FlowChoices {
 public:
  FlowChoices(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy, std::size_t round);

  /// Of the family, without those that the kernel cannot be asked about.
  [[nodiscard]] const std::vector<const Rule*>& rules() const noexcept { return rules_; }

  /// Which rules could take the packet, and which of the routes that look at more than the destination, wherever it goes: packets that
  /// agree in this go the same ways.
  [[nodiscard]] std::vector<bool> signature(const Flow& flow) const;

  [[nodiscard]] std::vector<Choice<std::uint32_t>> marks();
  [[nodiscard]] std::vector<Choice<std::optional<std::uint32_t>>> uids();
  [[nodiscard]] std::vector<Choice<Service>> services();
  [[nodiscard]] std::vector<Choice<std::uint8_t>> types_of_service() const;
  [[nodiscard]] std::vector<Choice<std::optional<IpAddress>>> sources();

  /// What could not become a choice in this round because there were too many.
  [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }
  /// In so many rounds everything was a choice once.
  [[nodiscard]] std::size_t shares() const noexcept { return shares_; }

 private:
  template <typename List>
  void limit(List& list);
  [[nodiscard]] bool is_of_tunnel(std::uint32_t link_index) const;
  [[nodiscard]] std::string selector_of(const Service& service) const;

  const Snapshot& snapshot_;
  Family family_;
  std::uint32_t tunnel_index_;
  const TargetPolicy& policy_;
  std::size_t round_;
  std::vector<const Rule*> rules_;
  std::set<std::uint8_t> tos_of_routes_;
  std::set<IpPrefix> sources_of_routes_;
  std::size_t left_out_ = 0;
  std::size_t shares_ = 1;
};

}  // namespace vpn_sentinel
