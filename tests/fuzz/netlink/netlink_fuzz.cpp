// Arbitrary bytes as one datagram of rtnetlink: through the cursors, every decoder and the snapshot. Checked beyond "does not crash":
// what a decoder accepts keeps the promises of the values, and the snapshot's index always finds what the snapshot holds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "netns/monitor/snapshot_store.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/decode.hpp"

using namespace vpn_sentinel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void decode_everything(std::span<const std::byte> payload) {
  if (const auto link = decode_link(payload)) require(!link->name.empty() && link->name.size() <= 15 && link->index != 0);
  if (const auto address = decode_address(payload)) require(address->prefix_length <= address->address.bytes().size() * 8);
  if (const auto route = decode_route(payload)) require(route->destination.address().family() == route->family);
  if (const auto rule = decode_rule(payload)) require(rule->input_interface.size() <= 15 && rule->output_interface.size() <= 15);
  if (const auto code = decode_error_code(payload)) require(*code >= 0);
  if (const auto object = decode_next_hop_object(payload)) require(object->id != 0 && object->group.size() == object->weights.size());
  if (const auto prefix = decode_advertised_prefix(payload)) require(!prefix->prefix.address().is_v4());
  if (const auto option = decode_router_option(payload)) require(option->servers.size() * 16 <= payload.size());
  (void)tells_move_to_namespace(payload);
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) require(attribute->as_string().size() <= attribute->payload.size());
}

void require_consistent(SnapshotStore& store) {
  Burst moved;
  store.refresh_next_hops(moved);
  require(std::ranges::is_sorted(store.snapshot().next_hop_objects, {}, &NextHopObject::id));
  // A dump that agrees with the snapshot changes nothing: possible only while the index and the snapshot agree.
  Burst burst;
  store.adopt(DumpKind::next_hop_objects, store, burst);
  store.adopt(DumpKind::routes_v4, store, burst);
  store.adopt(DumpKind::routes_v6, store, burst);
  store.adopt(DumpKind::rules_v4, store, burst);
  store.adopt(DumpKind::rules_v6, store, burst);
  require(!burst.changed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  decode_everything(bytes);
  SnapshotStore store;
  SnapshotStore dumped;
  Burst burst;
  MessageCursor messages{bytes};
  while (const auto message = messages.next()) {
    decode_everything(message->payload);
    (void)decode_route_answer(*message);
    store.apply(*message, burst);
    for (std::size_t kind = 0; kind < dump_kinds; ++kind) dumped.insert(static_cast<DumpKind>(kind), *message);
  }
  require_consistent(store);
  for (std::size_t kind = 0; kind < dump_kinds; ++kind) store.adopt(static_cast<DumpKind>(kind), dumped, burst);
  require_consistent(store);
  return 0;
}
