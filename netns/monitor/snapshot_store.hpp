/// Keeps a snapshot up to date from messages, and merges what a dump brings. Pure: bytes go in, a snapshot and a cause come out.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/monitor/route_index.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/request.hpp"

namespace vpn_sentinel {

/// How much a change explains; the cause of a burst is the first of its most telling ones.
enum class Telling : std::uint8_t {
  nothing,
  noise,      ///< follows from something else: local, broadcast and multicast entries
  detail,     ///< a link that is added, renamed, up; link-local routes
  path,       ///< addresses, rules, next hop objects, routes, masters of links
  loss,       ///< messages were lost
  way_out,    ///< routes that cover an eighth of all addresses or more
  carrier,    ///< a link that lost its carrier
  link_lost,  ///< a link that went down or away
};

[[nodiscard]] Telling telling_of(const Route& route) noexcept;

using DumpSet = std::bitset<dump_kinds>;
[[nodiscard]] constexpr std::size_t position(DumpKind kind) noexcept { return static_cast<std::size_t>(kind); }

/// What a run of messages did.
struct Burst {
  bool changed = false;
  Telling telling = Telling::nothing;
  std::string cause;
  DumpSet doubtful;  ///< parts that the kernel may have changed without a message: to be dumped

  /// `describe` makes the text and is called only when the text is wanted: a flood has one cause, not thousands.
  template <typename Describe>
  void note(Telling how_telling, Describe&& describe) {
    changed = true;
    if (how_telling <= telling) return;
    telling = how_telling;
    cause = std::forward<Describe>(describe)();
  }
  void doubt(DumpKind kind) { doubtful.set(position(kind)); }
};

class SnapshotStore {
 public:
  [[nodiscard]] const Snapshot& snapshot() const& noexcept { return snapshot_; }
  [[nodiscard]] Snapshot snapshot() && { return std::move(snapshot_); }

  /// Which part a message is about; empty for all others.
  [[nodiscard]] static std::optional<DumpKind> kind_of(const NetlinkMessage& message) noexcept;

  /// An event. Unknown types and what cannot be decoded are ignored.
  void apply(const NetlinkMessage& message, Burst& burst);
  /// Gives routes the next hops of objects that have changed since the last call. Not done by apply(): one call for a run of messages.
  void refresh_next_hops(Burst& burst);
  /// An entry of a dump of `kind`; others are ignored (a kernel without IPv6 answers its dumps with IPv4 entries).
  void insert(DumpKind kind, const NetlinkMessage& message);
  /// Room for so many routes: as many as the last dump had.
  void expect_routes(std::size_t count) { snapshot_.routes.reserve(count); }
  /// Routes of a dump are found by their keys only after this; done by everything that needs it, but better before the first event.
  void index_routes() { index_.catch_up(snapshot_.routes); }
  /// Takes the part `kind` from a finished dump and notes what differed.
  void adopt(DumpKind kind, SnapshotStore fresh, Burst& burst);

 private:
  void apply_link(const NetlinkMessage& message, Burst& burst);
  void apply_address(const NetlinkMessage& message, Burst& burst);
  void apply_route(const NetlinkMessage& message, Burst& burst);
  void apply_rule(const NetlinkMessage& message, Burst& burst);
  void apply_next_hop_object(const NetlinkMessage& message, Burst& burst);
  void apply_router_option(const NetlinkMessage& message, Burst& burst);
  void apply_prefix(const NetlinkMessage& message, Burst& burst);

  void put_link(const Link& link, Burst& burst);
  void remove_link(const Link& link, bool moved, Burst& burst);
  void remove_address(const InterfaceAddress& address, Burst& burst);
  void put_route(const Route& route, bool replace, Burst& burst);
  void remove_route(const Route& route, Burst& burst);
  void insert_rule(const Rule& rule);
  /// What the kernel does without a message when a link goes down.
  void flush_link(std::uint32_t link_index);
  /// … and when it loses its last IPv4 address.
  void flush_ipv4_routes(std::uint32_t link_index);
  void doubt_routes_of(const Link& link, Burst& burst) const;

  void adopt_links(const std::vector<Link>& fresh, Burst& burst);
  void adopt_addresses(std::vector<InterfaceAddress> fresh, Burst& burst);
  void adopt_next_hop_objects(std::vector<NextHopObject> fresh, Burst& burst);
  void adopt_routes(Family family, SnapshotStore fresh, Burst& burst);
  void replace_routes(Family family, std::size_t known, SnapshotStore fresh);
  void adopt_rules(Family family, std::vector<Rule> fresh, Burst& burst);

  Snapshot snapshot_;
  RouteIndex index_;
  bool next_hops_stale_ = false;
};

}  // namespace vpn_sentinel
