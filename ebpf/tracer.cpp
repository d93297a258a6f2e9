#include "ebpf/tracer.hpp"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "ebpf/cgroup_mount.hpp"
#include "ebpf/helper_probe.hpp"
#include "ebpf/process_names.hpp"
#include "ebpf/tracer_error.hpp"
#include "ebpf/tracer_state.hpp"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace vpn_sentinel {
namespace {

using Skeleton = std::unique_ptr<leak_bpf, DestroyLeak>;

tl::unexpected<Error> failed(TracerStage stage, int code) { return fail(tracer_error(stage, code, own_rights())); }

std::uint32_t ring_size(std::uint32_t wanted) {
  constexpr std::uint32_t most = 1U << 30U;
  const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  return std::bit_ceil(std::clamp(wanted, page, most));
}

/// Before loading: sizes, and what this kernel can do.
int prepare(leak_bpf& skeleton, const TracerSettings& settings, const TracerAbilities& abilities,
            const std::optional<TaskOffsets>& offsets) {
  skeleton.rodata->with_names = abilities.names ? 1 : 0;
  skeleton.rodata->leader_offset = offsets ? offsets->group_leader : 0;
  skeleton.rodata->comm_offset = offsets ? offsets->comm : 0;
  skeleton.rodata->netns_of_packets = abilities.older_sockets ? 1 : 0;
  skeleton.rodata->senders_of_packets = abilities.senders ? 1 : 0;
  skeleton.rodata->names_of_packets = abilities.senders && offsets && kernel_gives_task_memory_of_packets() ? 1 : 0;
  skeleton.rodata->own_priority = settings.own_priority;
  const std::pair<bpf_map*, std::uint32_t> sizes[] = {
      {skeleton.maps.spaces, settings.most_spaces},
      {skeleton.maps.interfaces, settings.most_interfaces},
      {skeleton.maps.endpoints, settings.most_endpoints},
      {skeleton.maps.networks, settings.most_networks},
      {skeleton.maps.allowed, settings.most_spaces},
      {skeleton.maps.urgent, ring_size(settings.urgent_ring_bytes)},
      {skeleton.maps.routine, ring_size(settings.routine_ring_bytes)},
  };
  for (const auto& [map, size] : sizes) {
    if (const int error = ::bpf_map__set_max_entries(map, std::max(size, 1U)); error != 0) return -error;
  }
  for (auto* program : {skeleton.progs.on_create, skeleton.progs.on_release}) {
    if (const int error = ::bpf_program__set_autoload(program, abilities.makers); error != 0) return -error;
  }
  return 0;
}

Result<Skeleton> load(const TracerSettings& settings, const TracerAbilities& abilities, const std::optional<TaskOffsets>& offsets) {
  Skeleton skeleton{leak_bpf::open()};
  if (!skeleton) return failed(TracerStage::load, errno);
  if (const int error = prepare(*skeleton, settings, abilities, offsets); error != 0) return failed(TracerStage::load, error);
  if (const int error = leak_bpf::load(skeleton.get()); error != 0) return failed(TracerStage::load, -error);
  return skeleton;
}

int attach(leak_bpf& skeleton, int cgroup) {
  const std::pair<bpf_program*, bpf_link**> all[] = {
      {skeleton.progs.on_egress, &skeleton.links.on_egress},     {skeleton.progs.on_connect4, &skeleton.links.on_connect4},
      {skeleton.progs.on_connect6, &skeleton.links.on_connect6}, {skeleton.progs.on_sendmsg4, &skeleton.links.on_sendmsg4},
      {skeleton.progs.on_sendmsg6, &skeleton.links.on_sendmsg6}, {skeleton.progs.on_create, &skeleton.links.on_create},
      {skeleton.progs.on_release, &skeleton.links.on_release},
  };
  for (const auto& [program, link] : all) {
    if (!::bpf_program__autoload(program)) continue;
    *link = ::bpf_program__attach_cgroup(program, cgroup);
    if (*link == nullptr) return errno;
  }
  return 0;
}

/// The C side of drain(): 0 to go on, below 0 to stop after this record.
int take_record(void* context, void* data, std::size_t size) {
  auto& ring = *static_cast<TracerRing*>(context);
  if (const auto record = decode_flow_record(std::as_bytes(std::span{static_cast<const char*>(data), size}))) {
    (*ring.take)(*record);
  } else {
    ++ring.malformed;
  }
  return --ring.left == 0 ? -ECANCELED : 0;
}

int add_ring(TracerRing& ring, bpf_map* map, int ready) {
  ring.buffer.reset(::ring_buffer__new(::bpf_map__fd(map), take_record, &ring, nullptr));
  if (!ring.buffer) return errno;
  epoll_event event{};
  event.events = EPOLLIN;
  return ::epoll_ctl(ready, EPOLL_CTL_ADD, ::ring_buffer__epoll_fd(ring.buffer.get()), &event) == 0 ? 0 : errno;
}

/// After each change of the maps. With each tick too: a processor may see the new number before the new maps, and remember wrongly.
void forget_what_is_inside(leak_bpf& skeleton) {
  __atomic_store_n(&skeleton.data->generation, skeleton.data->generation + 1, __ATOMIC_RELEASE);
}

std::optional<std::uint64_t> cookie_by_option(int socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0 || length != sizeof cookie) return std::nullopt;
  return cookie;
}

/// Connecting a datagram socket sends nothing. The address needs no route: the hook comes before the look-up.
void connect_to_nowhere(int socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(9);
  (void)::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

void silence_libbpf() {
  static std::once_flag once;
  std::call_once(once, [] { ::libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; }); });
}

Result<void> Tracer::built() { return {}; }

Result<Tracer> Tracer::start(const TracerSettings& settings) {
  silence_libbpf();
  auto tree = open_cgroup_tree(settings.cgroup);
  if (!tree) return fail(tree.error());
  auto state = std::make_unique<State>();
  state->old = settings.as_on_5_10;
  state->abilities.names = kernel_gives_names();
  const auto offsets = state->old ? std::nullopt : find_task_offsets();
  state->abilities.process_names = offsets.has_value();
  state->abilities.older_sockets = !state->old && kernel_gives_netns_of_packets();
  state->abilities.senders = !state->old && kernel_gives_senders_of_packets();
  state->abilities.makers = !state->old;
  state->abilities.whole_machine = tree->whole;
  auto skeleton = load(settings, state->abilities, offsets);
  if (!skeleton && state->abilities.makers && skeleton.error().kind != Error::Kind::not_permitted) {
    state->abilities.makers = false;
    skeleton = load(settings, state->abilities, offsets);
  }
  if (!skeleton) return fail(skeleton.error());
  state->skeleton = std::move(*skeleton);
  const auto& maps = state->skeleton->maps;
  state->ready = Fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!state->ready) return failed(TracerStage::read, errno);
  for (const auto& [ring, map] : {std::pair{&state->rings[0], maps.urgent}, std::pair{&state->rings[1], maps.routine}}) {
    if (const int error = add_ring(*ring, map, state->ready.get()); error != 0) return failed(TracerStage::read, error);
  }
  state->spaces = std::make_unique<SpaceMaps>(SpaceMaps::Descriptors{::bpf_map__fd(maps.spaces), ::bpf_map__fd(maps.interfaces),
                                                                     ::bpf_map__fd(maps.networks), ::bpf_map__fd(maps.endpoints),
                                                                     ::bpf_map__fd(maps.allowed)});
  if (const int error = attach(*state->skeleton, tree->folder.get()); error != 0) return failed(TracerStage::attach, error);
  return Tracer{std::move(state)};
}

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

const TracerAbilities& Tracer::abilities() const { return state_->abilities; }

Result<std::uint64_t> Tracer::cookie_of(const SocketOpener& opener) {
  const auto socket = opener(AF_INET, SOCK_DGRAM, 0);
  if (!socket) return fail(socket.error());
  const auto cookie = state_->old ? std::nullopt : cookie_by_option(socket->get());
  if (cookie) return *cookie;
  auto& shared = *state_->skeleton->bss;
  shared.answered = 0;
  // As bpf_get_current_pid_tgid has it; of another pid namespace than the first the numbers would differ, and nothing is answered.
  shared.asking = static_cast<std::uint64_t>(::getpid()) << 32U | static_cast<std::uint64_t>(::syscall(SYS_gettid));
  connect_to_nowhere(socket->get());
  shared.asking = 0;
  if (shared.answered != 0) return static_cast<std::uint64_t>(shared.answered);
  return fail(Error::Kind::unavailable,
              "the network namespace has no number that the BPF programs know: Linux 5.14 is needed, or the host's pid namespace");
}

Result<void> Tracer::watch(std::uint64_t netns, const WatchedSpace& space) {
  auto done = state_->spaces->put(netns, space);
  forget_what_is_inside(*state_->skeleton);
  return done;
}

void Tracer::forget(std::uint64_t netns) {
  state_->spaces->remove(netns);
  forget_what_is_inside(*state_->skeleton);
}

int Tracer::descriptor() const { return state_->ready.get(); }

bool Tracer::drain(const std::function<void(const FlowRecord&)>& take, std::size_t most) {
  bool more = false;
  for (auto& ring : state_->rings) {
    ring.take = &take;
    ring.left = std::max<std::size_t>(most, 1);
    more = ::ring_buffer__consume(ring.buffer.get()) == -ECANCELED || more;
    ring.take = nullptr;
  }
  return more;
}

void Tracer::tick() {
  ++state_->skeleton->data->tick;
  forget_what_is_inside(*state_->skeleton);
}

TracerLosses Tracer::losses() const {
  const auto& lost = *state_->skeleton->bss;
  return {lost.lost_records, lost.lost_flows, state_->rings[0].malformed + state_->rings[1].malformed};
}

}  // namespace vpn_sentinel
