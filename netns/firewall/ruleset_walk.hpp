/// What the rules on the way out do to one packet, of which a part may not be known: a walk along all ways that the packet may take through
/// chains, as nf_tables would walk (nft_do_chain() in net/netfilter/nf_tables_core.c). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/firewall/ruleset_packet.hpp"
#include "netns/firewall/ruleset_values.hpp"

namespace vpn_sentinel::audit {

/// The device that packets would leave by.
struct Uplink {
  std::string name;
  std::uint32_t index = 0;  ///< 0: not known
};

/// Chains that the kernel calls for packets of this family that local programs send by this device, in their order.
struct Stage {
  const Table* table = nullptr;
  const Chain* chain = nullptr;
  enum class Place : std::uint8_t { output, postrouting, egress };
  Place place = Place::output;
  std::int32_t priority = 0;
  bool order_unknown = false;  ///< others have the same priority and change packets: which comes first is not told
};
[[nodiscard]] std::vector<Stage> stages_of(const Ruleset& ruleset, Family family, const Uplink& uplink);

struct Fate {
  bool may_pass = false;
  bool may_drop = false;
  bool surely_passes = false;       ///< by this device, to where it was sent
  std::vector<std::string> drops;   ///< rules and policies that drop it, in words; at most four
  std::vector<std::string> passes;  ///< rules that let it pass where that depends on something, in words; at most four
  std::vector<std::string> doubts;  ///< rules that cannot be decided, in words; at most four
  std::vector<Packet> witnesses;    ///< packets that may pass, to be asked for; at most 32
  std::string accepted_by;          ///< the rule that let it pass last, in words; empty: no rule, only policies
};

class Walk {
 public:
  /// Everything outlives it. `budget`: steps that may still be taken; at 0 nothing is decided.
  Walk(const std::vector<Stage>& stages, const Uplink& uplink, const Exclusions& never, std::size_t& budget)
      : stages_(stages), uplink_(uplink), never_(never), budget_(budget) {}

  /// `like`: a packet of which all is known and which stands for `packet` where a witness is made.
  [[nodiscard]] Fate run(const Packet& packet, const Packet& like) const;

 private:
  const std::vector<Stage>& stages_;
  const Uplink& uplink_;
  const Exclusions& never_;
  std::size_t& budget_;
};

}  // namespace vpn_sentinel::audit
