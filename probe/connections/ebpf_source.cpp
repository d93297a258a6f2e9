#include <utility>

#include "probe/connections/program_tracer.hpp"
#include "probe/connections/sources.hpp"
#include "probe/connections/traced_flows.hpp"

namespace vpn_sentinel {
namespace {

class EbpfSource : public ConnectionSource {
 public:
  EbpfSource(std::unique_ptr<ProgramTracer::Space> space, std::string no_holders)
      : space_(std::move(space)), flows_(space_->tracer().abilities().senders, facts_of_owner), no_holders_(std::move(no_holders)) {}

  [[nodiscard]] FlowSource kind() const noexcept override { return FlowSource::ebpf; }
  [[nodiscard]] int descriptor() const noexcept override { return space_->tracer().descriptor(); }
  [[nodiscard]] Sight sight() const override {
    Sight sight;
    sight.owner = sight.bytes_tcp = sight.bytes_udp = sight.device = sight.short_lived = sight.unconnected = true;
    sight.cannot = "packet sockets, forwarded packets, what comes in, and what was sent before it was there";
    if (!no_holders_.empty()) sight.remedy = "programs of older sockets: " + no_holders_;
    return sight;
  }

  [[nodiscard]] Result<Batch> look() override {
    Batch batch;
    batch.source = kind();
    space_->tracer().poll(mono_now());
    for (const auto& record : space_->take()) {
      auto seen = flows_.take(record);
      std::move(seen.begin(), seen.end(), std::back_inserter(batch.sightings));
    }
    const auto losses = space_->tracer().losses();
    const auto lost = losses.records + losses.flows + losses.malformed + space_->lost() + flows_.lost();
    batch.lost = lost - std::exchange(lost_, lost);
    return batch;
  }

 private:
  std::unique_ptr<ProgramTracer::Space> space_;
  TracedFlows flows_;
  std::string no_holders_;
  std::size_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<ConnectionSource>> make_ebpf_source(const NetNamespace& space) {
  auto tracer = ProgramTracer::shared();
  if (!tracer) return fail(tracer.error());
  auto joined = ProgramTracer::join(*tracer, space.opener());
  if (!joined) return fail(joined.error());
  const auto holders = (*tracer)->find_holders();
  return std::make_unique<EbpfSource>(std::move(*joined), holders ? std::string() : holders.error().message);
}

}  // namespace vpn_sentinel
