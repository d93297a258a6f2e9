// Arbitrary text as a port of the settings, and as what a WireGuard program tells of its server: one look after another, cut at each empty
// line. Checked beyond "does not crash": a port is read as it is written, the table keeps its bounds and never counts more bytes than were
// told.
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "netns/sockets/wireguard_uapi.hpp"
#include "probe/serving/listen_port.hpp"
#include "probe/serving/peer_table.hpp"
#include "probe/serving/port_sightings.hpp"

using namespace vpn_sentinel;

namespace {

constexpr PeerBounds bounds{8, std::chrono::seconds{30}};
constexpr ListenPort port{IPPROTO_UDP, 51820};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_table(const PeerTable& table, const PortLook& look) {
  require(table.size() <= bounds.most);
  for (const auto* const peer : table.peers()) {
    require(!peer->public_key.empty() && peer->bytes.has_value());
    if (peer->ended) continue;
    const auto told = [&](const PeerSighting& seen) {
      return seen.connected && seen.public_key == peer->public_key && seen.bytes->in >= peer->bytes->in &&
             seen.bytes->out >= peer->bytes->out;
    };
    require(std::ranges::any_of(look.peers, told));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto read = parse_listen_port(text)) require(read->to_string() == text);
  PeerTable table{bounds};
  MonoTime now{std::chrono::hours{1}};
  WallTime wall{std::chrono::seconds{1'763'700'000}};
  while (!text.empty()) {
    const auto end = std::min(text.size(), text.find("\n\n") == std::string_view::npos ? text.size() : text.find("\n\n") + 2);
    const auto device = parse_uapi(text.substr(0, end), "wg0");
    text.remove_prefix(end);
    if (!device) continue;
    const auto look = wireguard_clients(port, *device, wall);
    table.take(look, wall, now);
    check_table(table, look);
    now += std::chrono::seconds{10};
    wall += std::chrono::seconds{10};
    table.age(now);
  }
  return 0;
}
