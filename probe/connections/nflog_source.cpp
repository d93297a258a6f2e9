#include <fmt/format.h>

#include <utility>

#include "netns/sockets/nflog.hpp"
#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

class NflogSource : public ConnectionSource {
 public:
  NflogSource(NflogListener listener, std::uint16_t group) : listener_(std::move(listener)), group_(group) {}

  [[nodiscard]] FlowSource kind() const noexcept override { return FlowSource::nflog; }
  [[nodiscard]] int descriptor() const noexcept override { return listener_.fd(); }
  [[nodiscard]] Sight sight() const override {
    Sight sight;
    sight.device = sight.short_lived = sight.unconnected = sight.forwarded = sight.blocked = true;
    sight.cannot = fmt::format("programs (only their user), bytes, and all packets that no rule with \"log group {}\" matches", group_);
    sight.remedy = "use ebpf, or sock_diag for programs";
    return sight;
  }

  [[nodiscard]] Result<Batch> look() override {
    auto heard = listener_.take();
    if (!heard) return fail(heard.error());
    Batch batch;
    batch.source = kind();
    batch.lost = heard->lost;
    for (const auto& packet : heard->packets) {
      // What comes in is somebody else's.
      if (packet.in_index != 0 && packet.out_index == 0) continue;
      Sighting seen;
      seen.key = {packet.protocol, packet.source, packet.destination, 0};
      seen.uid = packet.uid;
      seen.out_index = packet.out_index;
      seen.mark = packet.mark;
      seen.blocked = true;
      batch.sightings.push_back(std::move(seen));
    }
    return batch;
  }

 private:
  NflogListener listener_;
  std::uint16_t group_;
};

}  // namespace

Result<std::unique_ptr<ConnectionSource>> make_nflog_source(const NetNamespace& space, std::uint16_t group) {
  auto listener = NflogListener::open(space.opener(), group);
  if (!listener) return fail(listener.error());
  return std::make_unique<NflogSource>(std::move(*listener), group);
}

}  // namespace vpn_sentinel
