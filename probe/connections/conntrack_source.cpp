#include <fmt/format.h>

#include <utility>

#include "netns/base/clock.hpp"
#include "netns/sockets/conntrack.hpp"
#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_connections = 200'000;

Sighting sighting_of(const TrackedConnection& connection) {
  Sighting seen;
  seen.key = {connection.protocol, connection.original.source, connection.original.destination, 0};
  if (connection.counted) seen.bytes = FlowBytes{connection.original.bytes, connection.reply.bytes, true};
  return seen;
}

class ConntrackSource : public ConnectionSource {
 public:
  ConntrackSource(const NetNamespace& space, ConntrackEvents events, bool counts, std::chrono::milliseconds reread)
      : opener_(space.opener()), events_(std::move(events)), counts_(counts), reread_(reread) {}

  [[nodiscard]] FlowSource kind() const noexcept override { return FlowSource::conntrack; }
  [[nodiscard]] int descriptor() const noexcept override { return events_.fd(); }
  [[nodiscard]] Sight sight() const override {
    Sight sight;
    sight.bytes_tcp = sight.bytes_udp = counts_;
    sight.short_lived = sight.unconnected = sight.forwarded = true;
    sight.cannot =
        fmt::format("programs, users, devices, packet sockets, and anything at all unless some rule uses the state of connections{}",
                    counts_ ? "" : "; bytes are not counted");
    sight.remedy = counts_ ? "use ebpf, or sock_diag for programs"
                           : "bytes: sysctl net.netfilter.nf_conntrack_acct=1 in the namespace (the probe never switches it on)";
    return sight;
  }

  [[nodiscard]] Result<Batch> look() override {
    const auto heard = events_.take();
    if (!heard) return fail(heard.error());
    Batch batch;
    batch.source = kind();
    const auto now = mono_now();
    const bool whole = !read_at_ || heard->lost || now - *read_at_ >= reread_;
    for (const auto& event : heard->events) {
      // What still lasts is in the table.
      if (whole && !event.ended) continue;
      batch.sightings.push_back(sighting_of(event.connection));
      batch.sightings.back().ended = event.ended;
    }
    if (!whole) return batch;
    const auto table = list_tracked_connections(opener_, most_connections);
    if (!table) return fail(table.error());
    read_at_ = now;
    batch.whole = true;
    batch.lost = table->left_out;
    for (const auto& connection : table->connections) batch.sightings.push_back(sighting_of(connection));
    if (table->connections.empty()) {
      batch.note = "the kernel tracks no connection here: no rule of the namespace uses their state (nft \"ct state\", NAT)";
    } else if (table->uncounted > 0) {
      batch.note = fmt::format("{} of {} connections have no bytes, because nf_conntrack_acct was off when they began", table->uncounted,
                               table->connections.size());
    }
    return batch;
  }

 private:
  SocketOpener opener_;
  ConntrackEvents events_;
  bool counts_;
  std::chrono::milliseconds reread_;
  std::optional<MonoTime> read_at_;
};

}  // namespace

Result<std::unique_ptr<ConnectionSource>> make_conntrack_source(const NetNamespace& space, std::chrono::milliseconds reread) {
  auto events = ConntrackEvents::open(space.opener());
  if (!events) return fail(events.error());
  // Whether there is anything to read: a capability, the modules.
  if (const auto table = list_tracked_connections(space.opener(), 0); !table) return fail(table.error());
  const auto counts = conntrack_counts(space);
  return std::make_unique<ConntrackSource>(space, std::move(*events), counts.value_or(false), reread);
}

}  // namespace vpn_sentinel
