/// What the tests of the snapshot's store share: messages as the kernel sends them, and a store that they are applied to.
#pragma once

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <string_view>

#include "netns/monitor/snapshot_store.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

namespace vpn_sentinel::test {

inline constexpr std::uint32_t eth0 = 2;
inline constexpr std::uint32_t wg0 = 5;
inline constexpr unsigned up = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

inline unsigned char family_of(std::string_view address) { return address.find(':') == std::string_view::npos ? AF_INET : AF_INET6; }

inline Payload link(std::uint32_t index, std::string_view name, unsigned flags, std::uint64_t rx_bytes = 0, unsigned carrier = 1) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = flags;
  rtnl_link_stats64 statistics{};
  statistics.rx_bytes = rx_bytes;
  return Payload{header}.add(IFLA_IFNAME, name).add(IFLA_CARRIER, bytes_of({carrier})).add(IFLA_STATS64, value_of(statistics));
}

inline Payload address(std::uint32_t index, std::string_view text, std::uint32_t flags = 0) {
  const auto bytes = address_bytes(text);
  const auto length = static_cast<unsigned char>(bytes.size() * 8);
  return Payload{ifaddrmsg{family_of(text), length, 0, 0, index}}.add(IFA_LOCAL, bytes).add(IFA_FLAGS, flags);
}

inline Payload route(std::string_view destination, unsigned length, std::uint32_t link_index, std::uint32_t table = RT_TABLE_MAIN,
                     unsigned char type = RTN_UNICAST, unsigned flags = 0) {
  rtmsg header{};
  header.rtm_family = family_of(destination);
  header.rtm_dst_len = static_cast<unsigned char>(length);
  header.rtm_type = type;
  header.rtm_flags = flags;
  Payload payload{header};
  if (length != 0) payload.add(RTA_DST, address_bytes(destination));
  return payload.add(RTA_TABLE, table).add(RTA_OIF, link_index);
}

inline Payload rule(std::uint32_t priority, std::uint32_t table, unsigned char family = AF_INET) {
  fib_rule_hdr header{};
  header.family = family;
  header.action = FR_ACT_TO_TBL;
  return Payload{header}.add(FRA_PRIORITY, priority).add(FRA_TABLE, table);
}

/// A store with two links that are up.
struct StoreFixture {
  SnapshotStore store;
  Burst burst;

  StoreFixture() {
    apply(RTM_NEWLINK, link(eth0, "eth0", up));
    apply(RTM_NEWLINK, link(wg0, "wg0", up));
    burst = {};
  }
  void apply(std::uint16_t type, const Payload& payload, std::uint16_t flags = 0) { store.apply({type, flags, 0, 0, payload}, burst); }
  /// Applies one message alone.
  Burst only(std::uint16_t type, const Payload& payload, std::uint16_t flags = 0) {
    burst = {};
    apply(type, payload, flags);
    return burst;
  }
  [[nodiscard]] const Snapshot& now() const { return store.snapshot(); }
  [[nodiscard]] bool doubts(DumpKind kind) const { return burst.doubtful.test(position(kind)); }
};

/// One entry of a dump.
inline void insert(SnapshotStore& store, DumpKind kind, std::uint16_t type, const Payload& payload) {
  store.insert(kind, {type, NLM_F_MULTI, 0, 0, payload});
}

}  // namespace vpn_sentinel::test
