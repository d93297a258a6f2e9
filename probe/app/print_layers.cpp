#include "probe/app/print_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "probe/app/print_dns.hpp"
#include "probe/app/print_exit.hpp"
#include "probe/app/print_firewall.hpp"
#include "probe/app/print_packets.hpp"
#include "probe/app/print_path.hpp"

namespace vpn_sentinel {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string tunnel_text(const Observation& seen) {
  if (!seen.tunnel) {
    return seen.expected_tunnel.empty() ? "no tunnel interface found" : fmt::format("{} does not exist", seen.expected_tunnel);
  }
  const auto& tunnel = *seen.tunnel;
  return tunnel_state(tunnel) + (tunnel.has_address ? ", with an address" : ", no address");
}

std::string tunnel_rows(const CheckView& view) {
  auto text = print_row("tunnel", tunnel_text(view.seen));
  std::vector<std::string> more;
  if (view.policy.tunnels.size() > 1) {
    more.push_back(
        fmt::format("{} of {} must be up", view.policy.tunnel_rule == TunnelRule::all ? "all" : "one", joined(view.policy.tunnels)));
  }
  if (!view.seen.other_tunnels_down.empty()) more.push_back(fmt::format("not up: {}", joined(view.seen.other_tunnels_down)));
  if (!view.seen.replaced.empty()) more.push_back(view.seen.replaced);
  return text + print_details(more);
}

std::string handshake_text(const WireGuardDevice& device, WallTime now) {
  const auto age = handshake_age(device, now);
  auto text = age ? fmt::format("last handshake {} ago", human_duration(*age)) : std::string("no handshake yet");
  if (device.fwmark != 0) text += fmt::format(", its own packets carry mark {:#x}", device.fwmark);
  return text;
}

/// The port is known only where WireGuard told it.
std::string server_text(const EndpointView& server, const std::optional<TunnelFacts>& facts) {
  auto where = server.address.to_string();
  if (facts && facts->wireguard) {
    for (const auto& peer : facts->wireguard->peers) {
      if (peer.endpoint && peer.endpoint->address == server.address) where = peer.endpoint->to_string();
    }
  }
  return fmt::format("{} ({})", where, server.source);
}

std::string server_rows(const CheckView& view) {
  std::vector<std::string> servers;
  for (const auto& server : view.seen.endpoints) {
    auto text = server_text(server, view.facts);
    if (std::ranges::find(servers, text) == servers.end()) servers.push_back(std::move(text));
  }
  const auto more = servers.size() > most_shown_lines ? servers.size() - most_shown_lines : 0;
  if (more > 0) servers.resize(most_shown_lines);
  auto text = servers.empty() ? std::string("not known") : joined(servers);
  if (more > 0) text += fmt::format(" and {} more", more);
  if (view.facts && view.facts->wireguard) text += "; " + handshake_text(*view.facts->wireguard, view.seen.time);
  return print_row("server", text);
}

std::string program_rows(const CheckView& view) {
  if (!view.seen.tunnel) return {};
  if (!view.facts) return print_row("program", "not asked for, or no answer in time");
  const auto& owner = view.facts->owner;
  const bool by_kernel = !owner && view.seen.tunnel->kind == "wireguard";
  std::vector<std::string> gaps;
  for (const auto& gap : view.facts->gaps) gaps.push_back(gap.message);
  if (owner || by_kernel) {
    return print_row("program", owner ? fmt::format("{} (pid {}, uid {})", owner->comm, owner->pid, owner->uid) : "the kernel's own") +
           print_details(gaps);
  }
  if (gaps.empty()) return print_row("program", "not known");
  auto text = print_row("program", "not known: " + gaps.front());
  gaps.erase(gaps.begin());
  return text + print_details(gaps);
}

std::string uplink_text(const Observation& seen) {
  if (seen.uplinks.empty()) return seen.uplink_lost ? "lost" : "none in this namespace";
  return joined(seen.uplinks) + (seen.uplink_lost ? ": none is up with carrier" : "");
}

std::string liveness_text(const CheckView& view) {
  switch (view.seen.liveness) {
    case LivenessView::alive:
      return view.latency_ms ? fmt::format("answers through the tunnel in {:.1f} ms", *view.latency_ms) : "answers through the tunnel";
    case LivenessView::stalled:
      return fmt::format("no answer through the tunnel for {}", human_duration(view.seen.silent_for));
    case LivenessView::waiting:
      return "no answer through the tunnel yet";
    case LivenessView::off:
      break;
  }
  return "not checked";
}

}  // namespace

std::string print_row(std::string_view name, std::string_view text) { return fmt::format("  {:<9} {}\n", name, text); }

std::string print_details(const std::vector<std::string>& lines) {
  std::string text;
  const auto shown = std::min(lines.size(), most_shown_lines);
  for (std::size_t i = 0; i < shown; ++i) text += print_row("", "  " + lines[i]);
  if (lines.size() > shown) text += print_row("", fmt::format("  and {} more", lines.size() - shown));
  return text;
}

std::string tunnel_state(const TunnelView& tunnel) {
  const auto* const state = tunnel.up ? "up" : tunnel.carrier == false ? "down, its program has ended" : "down";
  return fmt::format("{} ({}), {}", tunnel.name, tunnel.kind.empty() ? "kind unknown" : tunnel.kind, state);
}

std::string print_links(const CheckView& view) {
  const auto name = view.policy.netns.to_string();
  auto text = print_row("namespace", view.identity ? fmt::format("{} is {}", name, view.identity->to_string()) : name);
  text += tunnel_rows(view);
  text += server_rows(view);
  text += program_rows(view);
  return text + print_row("uplink", uplink_text(view.seen)) + print_firewall(view) + print_kill_switch(view);
}

std::string print_answers(const CheckView& view) {
  return print_row("liveness", liveness_text(view)) + print_exit(view) + print_dns(view.seen) + print_path(view) + print_packets(view.seen);
}

}  // namespace vpn_sentinel
