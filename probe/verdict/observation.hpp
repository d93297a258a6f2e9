/// What the probe saw of one target at one moment: the judge's only input beside the policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// The tunnel interface as rtnetlink shows it.
struct TunnelView {
  std::string name;
  std::string kind;
  std::uint32_t index = 0;
  bool up = false;              ///< IFF_UP, and not without carrier
  std::optional<bool> carrier;  ///< false: the program that owned it died
  bool has_address = false;     ///< any address beyond link-local
  friend bool operator==(const TunnelView&, const TunnelView&) = default;
};

/// Which way a packet to one representative address would take.
struct Way {
  enum class Kind { tunnel, outside, nowhere, local };
  Kind kind = Kind::nowhere;
  std::string device;  ///< empty for nowhere
  std::optional<IpAddress> gateway;
  std::string why_nowhere;  ///< "unreachable", "blackhole", "prohibit"
  friend bool operator==(const Way&, const Way&) = default;
};

struct LookUp {
  IpAddress destination;
  std::string reason;  ///< why it was asked: "public", "route 0.0.0.0/2 dev eth0"
  Result<Way> way;     ///< an Error: could not look
};

enum class LivenessView { off, waiting, alive, stalled };

/// Exit address as seen by an outside service through the tunnel.
struct ExitView {
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
  std::string country;  ///< alpha-2, empty if unknown
  std::string colo;
  std::string source;  ///< host that answered
  std::string error;   ///< why there is neither v4 nor v6
};

/// The address by which port 53 leaves, told by whoami.cloudflare.
struct WhoamiView {
  std::optional<IpAddress> egress;
  std::string server;
  std::string error;  ///< why there is no egress
};

/// A check that was asked for and has not answered yet.
struct PendingView {
  std::chrono::milliseconds waited{0};
  bool overdue = false;  ///< longer than a check may take, or nobody waits any longer: it counts as failed
};

struct Observation {
  WallTime time{};
  std::optional<Error> blind;  ///< the namespace could not be looked at, at all
  bool namespace_gone = false;
  std::string expected_tunnel;       ///< configured or learnt name; empty when none was ever seen
  std::optional<TunnelView> tunnel;  ///< absent: no such interface
  bool uplink_lost = false;          ///< there is an uplink interface and none is up with carrier
  std::chrono::milliseconds uplink_lost_for{0};
  std::vector<std::string> uplinks;  ///< names of the interfaces outside the tunnel
  std::vector<LookUp> look_ups;
  LivenessView liveness = LivenessView::off;
  std::chrono::milliseconds silent_for{0};  ///< since the last answer through the tunnel, when alive or stalled
  std::optional<ExitView> exit;             ///< absent: not asked for, or pending
  std::optional<PendingView> exit_pending;  ///< only without `exit`
  std::optional<WhoamiView> whoami;         ///< absent: not asked for, or pending
  std::optional<PendingView> whoami_pending;
};

}  // namespace vpn_sentinel
