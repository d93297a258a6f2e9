/// The flows of one namespace: what several sources tell of each, joined. Pure: fed with times. Used by one thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/geo/address_facts.hpp"
#include "probe/connections/flow_way.hpp"
#include "probe/connections/sighting.hpp"
#include "probe/connections/source.hpp"

namespace vpn_sentinel {

struct KnownFlow {
  std::uint64_t id = 0;  ///< in its table, which never gives it again
  FlowKey key;
  std::optional<std::uint32_t> uid{};
  Owner owner{};
  FlowDirection direction{};
  bool direction_seen = false;  ///< the device was seen after routing; else routes were asked, or the socket is bound to it
  std::optional<FlowBytes> bytes{};
  bool blocked = false;
  bool ended = false;
  AddressFacts facts{};  ///< of the far end; empty: not known, or not asked for
  WallTime first_seen{};
  WallTime last_seen{};
  std::uint8_t sources = 0;  ///< bit per FlowSource
  [[nodiscard]] bool told_by(FlowSource kind) const noexcept { return (sources & 1U << static_cast<unsigned>(kind)) != 0; }
};

struct FlowBounds {
  std::size_t most = 50'000;                              ///< flows kept, about 400 bytes each
  std::chrono::seconds keep_ended{60};                    ///< so that what was short-lived can still be told
  std::chrono::seconds keep_silent{300};                  ///< of which no source tells any more
  std::function<AddressFacts(const IpAddress&)> facts{};  ///< empty: nothing is looked up
};

/// What was not kept.
struct FlowLosses {
  std::size_t no_room = 0;     ///< flows that the table had no room for
  std::size_t by_sources = 0;  ///< that sources lost or left out
};

class FlowTable {
 public:
  explicit FlowTable(FlowBounds bounds = {}) : bounds_(std::move(bounds)) {}

  /// `directions`: one for each sighting. Sightings of one socket are one flow, known by its cookie. What has no cookie joins a flow of the
  /// same two ends only where that is certain: not a socket that was made after the flow had begun, for which ports may be used again.
  /// An owner, once known, stays: a later look that finds another one makes it unattributed.
  void take(const Batch& batch, const std::vector<FlowDirection>& directions, WallTime wall, MonoTime now);
  /// Takes away what is too old.
  void age(MonoTime now);

  /// Outside first, then by bytes; pointers are valid until the next call of a function that is not const.
  [[nodiscard]] std::vector<const KnownFlow*> flows() const;
  [[nodiscard]] std::size_t size() const noexcept { return flows_.size(); }
  [[nodiscard]] const FlowLosses& losses() const noexcept { return losses_; }

 private:
  struct Entry {
    KnownFlow flow;
    FlowKey ends{};  ///< as by_ends_ has it
    MonoTime first{};
    MonoTime last{};
    std::array<MonoTime, 4> last_by{};  ///< by FlowSource
    FlowSource counted_by = FlowSource::nflog;
  };
  using Id = std::uint64_t;

  [[nodiscard]] std::optional<Id> find(const Sighting& seen, FlowSource source) const;
  [[nodiscard]] bool may_join(const Entry& entry, const Sighting& seen, FlowSource source) const;
  Id add(const Sighting& seen, WallTime wall, MonoTime now);
  void merge(Entry& entry, const Sighting& seen, const FlowDirection& direction, FlowSource source);
  void end_missing(FlowSource source, MonoTime now);
  void remove(std::map<Id, Entry>::iterator at);
  void make_room();

  FlowBounds bounds_;
  FlowLosses losses_;
  Id next_ = 1;
  std::map<Id, Entry> flows_;
  std::map<std::uint64_t, Id> by_cookie_;
  std::multimap<FlowKey, Id> by_ends_;      ///< without a cookie
  std::optional<MonoTime> sockets_listed_;  ///< when a source last told all sockets
};

}  // namespace vpn_sentinel
