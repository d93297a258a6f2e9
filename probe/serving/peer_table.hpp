/// The clients of a VPN server's ports: since when, how many bytes, and until when. Pure: fed with times. Used by one thread at a time.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/serving/peer_sighting.hpp"

namespace vpn_sentinel {

struct KnownPeer {
  ListenPort port;
  PeerSource source = PeerSource::conntrack;
  Endpoint far;                      ///< where it sends from, or sent from last
  std::string public_key{};          ///< of WireGuard
  std::optional<PeerBytes> bytes{};  ///< since it is connected; of WireGuard with `since_before` since its interface was made
  WallTime since{};                  ///< connected since then
  bool since_before = false;         ///< it was there when somebody looked for the first time: it may have come earlier
  std::optional<WallTime> ended{};   ///< the first look that did not find it any more; absent: it is connected
};

struct PeerBounds {
  std::size_t most = 10'000;             ///< connected and ended ones together, about 250 bytes each
  std::chrono::seconds keep_ended{300};  ///< so that what was short can still be told
  /// Of whom no look tells any more while looks fail or leave some out: he is forgotten, because nobody knows whether he has ended.
  std::chrono::seconds keep_unseen{300};
};

class PeerTable {
 public:
  explicit PeerTable(PeerBounds bounds = {}) : bounds_(bounds) {}

  /// All clients of one port. Whoever is not among them any more has ended; a look that could not look, or left some out, ends nobody.
  /// The next one after it does not know when new ones came.
  void take(const PortLook& look, WallTime wall, MonoTime now);
  /// Forgets who has ended long ago, and of whom nothing is known for long.
  void age(MonoTime now);

  /// Who is connected first, those with most bytes first; pointers are valid until the next call of a function that is not const.
  [[nodiscard]] std::vector<const KnownPeer*> peers() const;
  [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }
  /// Peers that the table had no room for, each time they were told; who has ended is forgotten before that and counts, too.
  [[nodiscard]] std::size_t no_room() const noexcept { return no_room_; }

 private:
  /// WireGuard's clients keep their key, TCP's connections their cookie; else there is only where it sends from.
  struct Name {
    ListenPort port;
    std::string public_key;
    std::uint64_t cookie = 0;
    std::optional<Endpoint> far;
    friend auto operator<=>(const Name&, const Name&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14
  };
  struct Entry {
    KnownPeer peer;
    PeerBytes base{};  ///< of WireGuard's counters when the client came
    std::uint64_t look = 0;
    MonoTime seen{};
    MonoTime ended{};
  };

  [[nodiscard]] static Name name_of(const PortLook& look, const PeerSighting& seen);
  void take_peer(const PortLook& look, const PeerSighting& seen, WallTime wall, MonoTime now, bool first);
  void remember_silent(const PortLook& look);
  [[nodiscard]] std::optional<PeerBytes> forget_silent(const Name& name);
  [[nodiscard]] bool make_room();
  void end_missing(const PortLook& look, WallTime wall, MonoTime now);

  PeerBounds bounds_;
  std::map<Name, Entry> peers_;
  std::map<Name, PeerBytes> silent_;          ///< of WireGuard: what its counters showed when the client was last seen not connected
  std::map<ListenPort, PeerSource> told_by_;  ///< at the last look; absent: it did not see all
  std::uint64_t looks_ = 0;
  std::size_t no_room_ = 0;
};

}  // namespace vpn_sentinel
