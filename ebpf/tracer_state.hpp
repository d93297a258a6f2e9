/// What a running tracer holds. For tracer.cpp and socket_survey.cpp.
#pragma once

#include <bpf/libbpf.h>
#include <leak.skel.h>

#include <array>
#include <memory>

#include "ebpf/space_maps.hpp"
#include "ebpf/tracer.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

struct DestroyLeak {
  void operator()(leak_bpf* skeleton) const { leak_bpf::destroy(skeleton); }
};
struct FreeRing {
  void operator()(ring_buffer* ring) const { ::ring_buffer__free(ring); }
};

/// One ring and who takes its records just now.
struct TracerRing {
  std::unique_ptr<ring_buffer, FreeRing> buffer;
  const std::function<void(const FlowRecord&)>* take = nullptr;
  std::size_t left = 0;
  std::uint64_t malformed = 0;
};

struct Tracer::State {
  std::unique_ptr<leak_bpf, DestroyLeak> skeleton;
  TracerAbilities abilities;
  bool old = false;  ///< TracerSettings::as_on_5_10
  Fd ready;          ///< epoll over both rings
  std::array<TracerRing, 2> rings;
  std::unique_ptr<SpaceMaps> spaces;
};

/// libbpf writes to standard error by itself; what failed is in our errors.
void silence_libbpf();

}  // namespace vpn_sentinel
