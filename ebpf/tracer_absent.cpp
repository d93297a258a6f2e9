// Instead of tracer.cpp and socket_survey.cpp where the build machine has no clang, bpftool or libbpf, so that the rest needs no other
// code.
#include "ebpf/socket_survey.hpp"
#include "ebpf/tracer.hpp"

namespace vpn_sentinel {

/// Nothing has one: there are no tracers here.
struct Tracer::State {
  TracerAbilities abilities;
};
struct SocketSurvey::State {};

Result<void> Tracer::built() {
  return fail(Error::Kind::unavailable,
              "BPF is not available: built without " VPN_SENTINEL_BPF_MISSING " (install what is missing and build again)");
}
Result<Tracer> Tracer::start(const TracerSettings&) { return fail(built().error()); }

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

const TracerAbilities& Tracer::abilities() const { return state_->abilities; }
Result<std::uint64_t> Tracer::cookie_of(const SocketOpener&) { return fail(start({}).error()); }
Result<void> Tracer::watch(std::uint64_t, const WatchedSpace&) { return fail(start({}).error()); }
void Tracer::forget(std::uint64_t) {}
int Tracer::descriptor() const { return -1; }
bool Tracer::drain(const std::function<void(const FlowRecord&)>&, std::size_t) { return false; }
void Tracer::tick() {}
TracerLosses Tracer::losses() const { return {}; }

Result<SocketSurvey> SocketSurvey::start(const Tracer&) { return fail(Tracer::start({}).error()); }
SocketSurvey::SocketSurvey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SocketSurvey::SocketSurvey(SocketSurvey&&) noexcept = default;
SocketSurvey& SocketSurvey::operator=(SocketSurvey&&) noexcept = default;
SocketSurvey::~SocketSurvey() = default;
Result<SurveyRows<DescriptorHolder>> SocketSurvey::holders(std::size_t) const { return fail(Tracer::start({}).error()); }
Result<SurveyRows<SocketFlow>> SocketSurvey::flows(std::size_t) const { return fail(Tracer::start({}).error()); }
TracerLosses SocketSurvey::losses() const { return {}; }

}  // namespace vpn_sentinel
