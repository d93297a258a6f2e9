/// What is known of the clients of a VPN server: ports, peers and tries, fed by looks. Pure. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/sockets/nflog.hpp"
#include "probe/serving/blocked_tries.hpp"
#include "probe/serving/peer_table.hpp"

namespace vpn_sentinel {

struct PortView {
  ListenPort port;
  PeerSource source = PeerSource::conntrack;
  std::optional<std::size_t> connected{};   ///< absent: nobody tells, see `why`
  std::optional<std::size_t> unanswered{};  ///< UDP far ends now that were not answered, or not for long; absent: nobody tells
  std::string why{};                        ///< of an absent `connected`, a half sentence
  std::string note{};                       ///< what is not seen; a half sentence, or empty
};

struct ServingView {
  std::vector<PortView> ports{};            ///< in the order of the settings
  std::vector<KnownPeer> peers{};           ///< connected ones first, those with most bytes first
  std::size_t not_listed = 0;               ///< connected, and not among them
  std::size_t no_room = 0;                  ///< peers that were forgotten, or not kept at all, because there were too many, each time
  std::optional<WallTime> blocked_since{};  ///< logged packets are counted since then; absent: they are not, see `blocked_why`
  std::string blocked_why{};
  std::uint64_t blocked_packets = 0;
  std::uint64_t blocked_no_room = 0;        ///< of these, of addresses that there was no room for
  std::uint64_t blocked_lost = 0;           ///< logged and not told, because there were too many: perhaps of other ports
  std::vector<BlockedFrom> blocked_from{};  ///< those with most packets first
};

class ServingState {
 public:
  explicit ServingState(const std::vector<ListenPort>& ports);

  /// One for each port, in their order.
  void take(const std::vector<PortLook>& looks, WallTime wall, MonoTime now);
  /// Nobody looks any more, or has not looked yet.
  void cannot_look(const std::string& why);
  void take_blocked(const NflogListener::Heard& heard, WallTime wall, MonoTime now);
  /// Logged packets are heard of from now on.
  void begin_blocked(WallTime wall);
  /// They are not (any more).
  void end_blocked(std::string why);

  /// With so many peers and addresses of tries at most. `ended`: also peers that have ended.
  [[nodiscard]] ServingView view(std::size_t most_peers, std::size_t most_tries, bool ended) const;
  [[nodiscard]] const PeerTable& table() const noexcept { return table_; }

 private:
  std::vector<PortView> ports_;
  PeerTable table_;
  BlockedTries blocked_;
  std::optional<WallTime> blocked_since_;
  std::string blocked_why_;
};

}  // namespace vpn_sentinel
