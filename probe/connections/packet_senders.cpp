#include "probe/connections/packet_senders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "netns/sockets/packet_sockets.hpp"
#include "netns/sockets/socket_owners.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_told = 4;

bool is_by_tunnel(const PacketSender& sender, const FlowGround& ground) {
  Sighting seen;
  seen.out_index = sender.link_index;
  const auto way = way_by_device(seen, ground);
  return way && (way->way == FlowWay::tunnel || way->way == FlowWay::loopback);
}

std::string shown(const PacketSender& sender, const FlowGround& ground) {
  const auto link = ground.links.find(sender.link_index);
  auto text = fmt::format("{} (pid {})", sender.program.name, sender.program.pid);
  return link == ground.links.end() ? text : text + " by " + link->second.name;
}

}  // namespace

Result<std::vector<PacketSender>> find_packet_senders(const SocketOpener& opener, MonoTime deadline) {
  const auto sockets = list_packet_sockets(opener);
  if (!sockets) return fail(sockets.error());
  std::vector<std::uint32_t> inodes;
  for (const auto& socket : *sockets) inodes.push_back(socket.inode);
  std::ranges::sort(inodes);
  const auto owners = find_socket_owners(inodes, deadline);
  if (!owners) return fail(owners.error());
  std::vector<PacketSender> senders;
  for (const auto& socket : *sockets) {
    const auto held = owners->of.find(socket.inode);
    if (held == owners->of.end()) continue;
    for (const auto index : held->second) {
      const auto& process = owners->processes[index];
      senders.push_back({{process.pid, process.comm, process.uid, process.container}, socket.link_index, socket.uid});
    }
  }
  return senders;
}

std::string shown_packet_senders(const std::vector<PacketSender>& senders, const FlowGround& ground, std::optional<std::uint32_t> uid) {
  std::set<std::string> texts;
  for (const auto& sender : senders) {
    const bool is_users = !uid || !sender.uid || *sender.uid == *uid;
    if (is_users && !is_by_tunnel(sender, ground)) texts.insert(shown(sender, ground));
  }
  std::string all;
  std::size_t told = 0;
  for (const auto& text : texts) {
    if (told++ == most_told) return fmt::format("{} and {} more", all, texts.size() - most_told);
    all += all.empty() ? text : ", " + text;
  }
  return all;
}

}  // namespace vpn_sentinel
