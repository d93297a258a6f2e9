/// Who tried to reach a VPN server's ports and met a firewall's rule: packets that such rules log. Pure: fed with times.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/sockets/nflog_decode.hpp"
#include "probe/serving/listen_port.hpp"

namespace vpn_sentinel {

struct BlockedFrom {
  ListenPort port;
  IpAddress address;
  std::uint64_t packets = 0;
  WallTime first{};
  WallTime last{};
};

class BlockedTries {
 public:
  struct Bounds {
    std::size_t most = 1024;          ///< addresses and ports that are told apart
    std::chrono::seconds keep{3600};  ///< after the last packet
  };
  explicit BlockedTries(std::vector<ListenPort> ports) : BlockedTries(std::move(ports), Bounds{}) {}
  BlockedTries(std::vector<ListenPort> ports, Bounds bounds);

  /// Only packets that came in for one of the ports count. `lost`: packets that were logged and not told.
  void take(std::span<const LoggedPacket> packets, std::uint64_t lost, WallTime wall, MonoTime now);
  void age(MonoTime now);

  /// All of them, also those whose address is not kept (any more).
  [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }
  /// Of whatever destination: perhaps they were for the ports.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// Of `packets`, those of addresses that there was no room for.
  [[nodiscard]] std::uint64_t no_room() const noexcept { return no_room_; }
  /// Those with most packets first, `most` at most.
  [[nodiscard]] std::vector<BlockedFrom> from(std::size_t most) const;

 private:
  struct Key {
    ListenPort port;
    IpAddress address;
    friend auto operator<=>(const Key&, const Key&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14
  };
  struct Entry {
    BlockedFrom from;
    MonoTime last{};
  };

  std::vector<ListenPort> ports_;
  Bounds bounds_;
  std::map<Key, Entry> from_;
  std::uint64_t packets_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t no_room_ = 0;
};

}  // namespace vpn_sentinel
