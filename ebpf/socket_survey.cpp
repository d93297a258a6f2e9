#include "ebpf/socket_survey.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sockets.skel.h>

#include <cerrno>
#include <utility>

#include "ebpf/flow_wire.h"
#include "ebpf/iterator_rows.hpp"
#include "ebpf/tracer_error.hpp"
#include "ebpf/tracer_state.hpp"

namespace vpn_sentinel {
namespace {

struct DestroySockets {
  void operator()(sockets_bpf* skeleton) const { sockets_bpf::destroy(skeleton); }
};
using SurveySkeleton = std::unique_ptr<sockets_bpf, DestroySockets>;

tl::unexpected<Error> failed(int code) { return fail(tracer_error(TracerStage::survey, code, own_rights())); }

int take_maps(sockets_bpf& skeleton, const leak_bpf& tracer) {
  const std::pair<bpf_map*, const bpf_map*> shared[] = {{skeleton.maps.flows, tracer.maps.flows},
                                                        {skeleton.maps.spaces, tracer.maps.spaces},
                                                        {skeleton.maps.urgent, tracer.maps.urgent},
                                                        {skeleton.maps.routine, tracer.maps.routine}};
  for (const auto& [map, from] : shared) {
    if (const int error = ::bpf_map__reuse_fd(map, ::bpf_map__fd(from)); error != 0) return -error;
  }
  return 0;
}

Result<SurveySkeleton> load(const leak_bpf& tracer, bool make_cookies) {
  SurveySkeleton skeleton{sockets_bpf::open()};
  if (!skeleton) return failed(errno);
  skeleton->rodata->make_cookies = make_cookies ? 1 : 0;
  if (const int error = take_maps(*skeleton, tracer); error != 0) return failed(error);
  if (const int error = sockets_bpf::load(skeleton.get()); error != 0) return failed(-error);
  return skeleton;
}

int attach(sockets_bpf& skeleton) {
  bpf_iter_link_info which{};
  which.map.map_fd = static_cast<__u32>(::bpf_map__fd(skeleton.maps.flows));
  bpf_iter_attach_opts options{};
  options.sz = sizeof options;
  options.link_info = &which;
  options.link_info_len = sizeof which;
  skeleton.links.list_flows = ::bpf_program__attach_iter(skeleton.progs.list_flows, &options);
  if (skeleton.links.list_flows == nullptr) return errno;
  skeleton.links.list_holders = ::bpf_program__attach_iter(skeleton.progs.list_holders, nullptr);
  if (skeleton.links.list_holders == nullptr) return errno;
  skeleton.links.on_state = ::bpf_program__attach(skeleton.progs.on_state);
  return skeleton.links.on_state == nullptr ? errno : 0;
}

template <typename Row, typename Decode>
Result<SurveyRows<Row>> rows_of(const bpf_link* link, std::size_t wire_size, std::size_t most, Decode decode) {
  SurveyRows<Row> found;
  const auto done = read_iterator(::bpf_link__fd(link), wire_size, [&](std::span<const std::byte> bytes) {
    if (found.rows.size() >= most) return !(found.cut = true);
    if (auto row = decode(bytes)) found.rows.push_back(std::move(*row));
    return true;
  });
  if (!done) return fail(done.error());
  return found;
}

}  // namespace

struct SocketSurvey::State {
  SurveySkeleton skeleton;
};

Result<SocketSurvey> SocketSurvey::start(const Tracer& tracer) {
  const auto& leak = *tracer.state_->skeleton;
  auto skeleton = load(leak, true);
  if (!skeleton && skeleton.error().kind != Error::Kind::not_permitted) skeleton = load(leak, false);
  if (!skeleton) return fail(skeleton.error());
  if (const int error = attach(**skeleton); error != 0) return failed(error);
  auto state = std::make_unique<State>();
  state->skeleton = std::move(*skeleton);
  return SocketSurvey{std::move(state)};
}

SocketSurvey::SocketSurvey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SocketSurvey::SocketSurvey(SocketSurvey&&) noexcept = default;
SocketSurvey& SocketSurvey::operator=(SocketSurvey&&) noexcept = default;
SocketSurvey::~SocketSurvey() = default;

Result<SurveyRows<DescriptorHolder>> SocketSurvey::holders(std::size_t most) const {
  return rows_of<DescriptorHolder>(state_->skeleton->links.list_holders, sizeof(vs_holder), most, decode_socket_holder);
}

Result<SurveyRows<SocketFlow>> SocketSurvey::flows(std::size_t most) const {
  return rows_of<SocketFlow>(state_->skeleton->links.list_flows, sizeof(vs_flow), most, decode_socket_flow);
}

TracerLosses SocketSurvey::losses() const {
  const auto& lost = *state_->skeleton->bss;
  return {lost.lost_records, lost.lost_flows, 0};
}

}  // namespace vpn_sentinel
