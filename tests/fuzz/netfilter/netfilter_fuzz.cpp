// Arbitrary bytes as tracked connections and logged packets. Checked beyond "does not crash": what is accepted is whole, and words of a
// rule keep their limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "netns/base/text.hpp"
#include "netns/sockets/conntrack_decode.hpp"
#include "netns/sockets/nflog_decode.hpp"

using namespace vpn_sentinel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  if (const auto connection = decode_tracked_connection(bytes)) {
    require(connection->original.source.address.family() == connection->original.destination.address.family());
    require(!connection->expires || connection->expires->count() >= 0);
  }
  if (const auto packet = decode_logged_packet(bytes)) {
    require(packet->source.address.family() == packet->destination.address.family());
    require(packet->prefix.size() <= 127);
    require(without_control_characters(packet->prefix) == packet->prefix);
  }
  return 0;
}
