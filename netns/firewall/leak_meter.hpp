/// Counts the packets and bytes that leave a namespace outside the tunnel. Other tables are not touched, no packet is dropped or changed.
///
/// Where the kernel knows owners (Linux 5.12) nobody else can change the tables, and they go with the process, also when it is killed.
/// Elsewhere they stay then, and the next meter with the same id takes their place. Once put in place they cost a packet by the tunnel two
/// comparisons.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "netns/base/result.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/leak_counters.hpp"
#include "netns/firewall/outside_tables.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t default_top_destinations = 20;

/// Movable; used by one thread at a time. Taken away by its destructor, unless another meter took its place.
class LeakMeter {
 public:
  /// Puts the tables "vpn-sentinel-ID-meter" in place, in one transaction, and reads them back. Counting begins at zero; update() is for a
  /// meter that runs. Two probes in one namespace need two ids. not_permitted: "
  /// CAP_NET_ADMIN is needed in the namespace to count packets", or another meter with this id runs; unavailable: no nf_tables; invalid:
  /// policy or id; failed: what was read back is not what was written.
  [[nodiscard]] static Result<LeakMeter> install(const SocketOpener& opener, std::string id, const FirewallPolicy& policy);

  LeakMeter(LeakMeter&&) noexcept = default;
  LeakMeter& operator=(LeakMeter&& other) noexcept;
  LeakMeter(const LeakMeter&) = delete;
  LeakMeter& operator=(const LeakMeter&) = delete;
  ~LeakMeter();

  /// Since install(), with the `top` destinations that most bytes went to. not_found: somebody took the tables away, and
  /// nothing is counted any more.
  [[nodiscard]] Result<LeakCounters> read(std::size_t top = default_top_destinations);
  /// The same without destinations, which takes half as long: tens of microseconds.
  [[nodiscard]] Result<LeakCounters> read_totals();
  /// True when a LeakBell rings at the first packet outside; without quotas in the kernel somebody has to look.
  [[nodiscard]] bool rings() const noexcept;
  /// So that the bell rings at the next packet outside again.
  [[nodiscard]] Result<void> rearm();
  /// Another policy, in one transaction. The counters go on, also when the tables are made anew for it (other uplinks, somebody changed
  /// them); what was counted since the last reading is lost only when somebody had taken them away.
  [[nodiscard]] Result<void> update(const FirewallPolicy& policy);
  /// not_found: the tables are gone; failed: somebody changed them, or an uplink is another device by now. update() makes them anew; any
  /// other error: they could not be looked at.
  [[nodiscard]] Result<void> verify();

  /// Nobody else can change the tables (Linux 5.12).
  [[nodiscard]] bool is_owned() const noexcept;
  /// Why what is sent by AF_PACKET is not seen although uplinks are named (a kernel before 5.16, no such device); empty: it is.
  [[nodiscard]] const std::optional<Error>& egress_gap() const noexcept;

 private:
  explicit LeakMeter(OutsideTables tables) : tables_(std::move(tables)) {}

  std::optional<OutsideTables> tables_;
};

}  // namespace vpn_sentinel
