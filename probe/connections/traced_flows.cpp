#include "probe/connections/traced_flows.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

std::uint64_t all_bytes(const SocketFlow& flow) { return flow.tunnel.bytes + flow.exempt.bytes + flow.outside.bytes; }

/// TCP may still send what waits when its program has closed it; nobody has it any more all the same.
bool has_ended(const FlowRecord& record) { return record.event == FlowEvent::closed || record.event == FlowEvent::ended; }

}  // namespace

TracedFlows::Known& TracedFlows::known(std::uint64_t socket) {
  const auto [at, is_new] = sockets_.try_emplace(socket);
  if (!is_new) return at->second;
  order_.push_back(socket);
  while (order_.size() > most_ && order_.front() != socket) {
    sockets_.erase(order_.front());
    order_.pop_front();
  }
  return at->second;
}

Owner TracedFlows::owner_of(Known& known, const FlowRecord& record) const {
  Owner owner;
  const auto& told = record.flow.owner;
  if (!told) {
    owner.why_not = "its socket is older than the tracer";
    return owner;
  }
  if (known.asked != told) {
    known.asked = told;
    known.facts = facts_of_(*told);
  }
  Program program{static_cast<pid_t>(told->pid), known.facts.name, told->uid, known.facts.container};
  // See certainty in traced_leaks.cpp: who made or connected a socket, or has it, is not always who sends by it.
  const auto protocol = known.ends.empty() ? std::uint8_t{0} : known.ends.front().key.protocol;
  const bool checked = (senders_ && protocol != IPPROTO_TCP) || every_call_is_seen(*told);
  const bool by_tcp = protocol == IPPROTO_TCP && told->by == OwnerBy::connected;
  if (told->several) {
    owner.candidates.push_back(std::move(program));
    owner.why_not = "several processes send by its socket";
  } else if (!checked && !by_tcp) {
    // No candidate: another source may be sure.
    owner.why_not = fmt::format("{} (pid {}) had its socket first; who sends by it is not known for certain", program.name, program.pid);
  } else {
    owner.program = std::move(program);
  }
  return owner;
}

std::vector<Sighting> TracedFlows::take(const FlowRecord& record) {
  const auto socket = record.flow.socket;
  if (socket == 0) {
    ++lost_;
    return {};
  }
  auto& of_socket = known(socket);
  if (record.packet) {
    const auto& packet = *record.packet;
    const FlowKey key{packet.protocol, packet.source, packet.destination, socket};
    auto end = std::ranges::find(of_socket.ends, key, &Sighting::key);
    if (end == of_socket.ends.end() && of_socket.ends.size() == most_ends) {
      ++lost_;
    } else {
      if (end == of_socket.ends.end()) end = of_socket.ends.insert(end, Sighting{});
      end->key = key;
      end->out_index = packet.interface;
      end->mark = packet.mark;
      end->uid = packet.uid;
    }
  }
  const auto owner = owner_of(of_socket, record);
  for (auto& end : of_socket.ends) {
    end.owner = owner;
    end.ended = has_ended(record);
    end.bytes.reset();
    // Of several far ends nobody counts apart.
    if (of_socket.ends.size() == 1) end.bytes = FlowBytes{all_bytes(record.flow), 0, true, false};
  }
  auto told = of_socket.ends;
  if (record.packet && !has_ended(record)) {
    std::erase_if(told, [&](const Sighting& end) { return end.key.remote != record.packet->destination; });
  }
  return told;
}

}  // namespace vpn_sentinel
