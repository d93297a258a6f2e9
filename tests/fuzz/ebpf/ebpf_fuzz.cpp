// Arbitrary bytes as everything that tells the tracer something: records of the BPF programs, rows of their iterators, /proc/self/mountinfo
// and /proc/self/status. Checked beyond "does not crash": what is accepted says only what its bytes can say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "ebpf/cgroup_mount.hpp"
#include "ebpf/flow_wire.h"
#include "ebpf/records.hpp"
#include "ebpf/tracer_error.hpp"

using namespace vpn_sentinel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_name(std::string_view name) {
  require(name.size() <= VS_COMM);
  require(std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
}

void require_sane(const SocketFlow& flow) {
  if (flow.owner) require_name(flow.owner->name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  if (const auto record = decode_flow_record(bytes)) {
    require(size == sizeof(vs_record));
    require_sane(record->flow);
    if (record->packet) require(record->packet->source.address.family() == record->packet->destination.address.family());
  }
  if (const auto flow = decode_socket_flow(bytes)) {
    require(size == sizeof(vs_flow));
    require_sane(*flow);
  }
  if (const auto holder = decode_socket_holder(bytes)) {
    require(size == sizeof(vs_holder));
    require_name(holder->name);
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto mount = cgroup2_mount(text)) require(mount->size() <= size);
  (void)rights_of(text);
  return 0;
}
