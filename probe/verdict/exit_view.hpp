/// By which addresses the tunnel's traffic appears on the Internet, as outside services told it. Plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// One operator's word.
struct ExitVoice {
  std::string source;  ///< host that answered
  IpAddress address;
  AddressFacts facts;
  std::string colo;    ///< site of a trace; says nothing about a jurisdiction
  bool plain = false;  ///< told by plain HTTP: anybody on the way may have said it
  friend bool operator==(const ExitVoice&, const ExitVoice&) = default;
};

/// A service that was asked, or would have been, and told no address.
struct ExitSilence {
  std::string source;
  std::string reason;    ///< a sentence that names the host
  bool limited = false;  ///< it wants to be left alone for now: too many questions came from this address
  friend bool operator==(const ExitSilence&, const ExitSilence&) = default;
};

/// What one family's services said in one round.
struct ExitOfFamily {
  bool asked = false;
  bool settled = true;            ///< false: more services are being asked
  std::vector<ExitVoice> voices;  ///< at most one of each operator, in the order in which they came
  std::vector<ExitSilence> silences;
  AddressFacts facts;                     ///< of the address that most voices name
  std::optional<IpAddress> changed_from;  ///< the exit before this one, for a while after the change
  std::size_t quorum = 0;                 ///< so many were to agree, where so many can be asked; 0: nobody said
  bool answered_before = false;           ///< some round since the tunnel came up had an answer
  friend bool operator==(const ExitOfFamily&, const ExitOfFamily&) = default;
};

struct ExitView {
  std::optional<IpAddress> v4;  ///< what most voices name
  std::optional<IpAddress> v6;
  std::string country;  ///< alpha-2, empty if unknown; of v4 where there is one
  std::string colo;
  std::string source;  ///< host that answered
  std::string error;   ///< why there is neither v4 nor v6
  ExitOfFamily in_v4 = {};
  ExitOfFamily in_v6 = {};
  [[nodiscard]] const ExitOfFamily& of(Family family) const noexcept { return family == Family::v4 ? in_v4 : in_v6; }
  [[nodiscard]] const std::optional<IpAddress>& address(Family family) const noexcept { return family == Family::v4 ? v4 : v6; }
};

/// What the Internet sees of the way out without the tunnel, as the probe learnt it outside of the namespace.
struct UplinkView {
  std::vector<IpAddress> addresses;  ///< at most one of each family; empty: not known
  AddressFacts facts;                ///< of the first that is the uplink's own
  /// The probe's own way out goes by this tunnel only, so that its IPv4 address is not the uplink's; empty: it does not.
  std::string own_tunnel;
  std::string own_tunnel_v6;        ///< the same of IPv6
  bool v4_leads_out = true;         ///< there is a way out whose address may be learnt; true also while nobody could look
  bool v6_leads_out = true;         ///< the same of IPv6
  std::vector<IpAddress> gateways;  ///< the next hops of the probe's own ways out
  std::string error;                ///< why an address is not known; empty: known, or not asked for
  std::vector<Family> awaited;      ///< of these the address may be another one by now and is asked for again
  std::vector<Family> overdue;      ///< of these it is asked for, and was not known for longer than a check may take
  [[nodiscard]] const std::string& tunnel_of(Family family) const noexcept { return family == Family::v4 ? own_tunnel : own_tunnel_v6; }
  [[nodiscard]] bool leads_out(Family family) const noexcept { return family == Family::v4 ? v4_leads_out : v6_leads_out; }
  friend bool operator==(const UplinkView&, const UplinkView&) = default;
};

/// One network may show itself by several addresses of a /24 or a /64: providers spread the flows of one customer.
[[nodiscard]] bool is_same_exit(const IpAddress& a, const IpAddress& b);
/// Whoever has one IPv6 address of a line has the whole /64, and hosts change theirs by themselves; of IPv4 the very address.
[[nodiscard]] bool is_same_line(const IpAddress& a, const IpAddress& b);

/// The largest group of voices that name the same exit; of equally large ones the earlier. Absent without any voice.
struct ExitAccord {
  IpAddress address;        ///< the group's first
  std::size_t sources = 0;  ///< how many are in it
  friend bool operator==(const ExitAccord&, const ExitAccord&) = default;
};
[[nodiscard]] std::optional<ExitAccord> accord_of(const std::vector<ExitVoice>& voices);

}  // namespace vpn_sentinel
