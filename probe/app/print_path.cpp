#include "probe/app/print_path.hpp"

#include <fmt/format.h>

#include "probe/app/print_layers.hpp"

namespace vpn_sentinel {
namespace {

std::string udp_line(const UdpOfFamily& udp, const std::optional<IpAddress>& exit) {
  if (!udp.current) return "no answer yet";
  if (!udp.address) return fmt::format("could not be verified: {}", udp.error);
  const auto beside = !exit                               ? std::string{}
                      : is_same_exit(*exit, *udp.address) ? std::string(", as web traffic does")
                                                          : fmt::format(", while web traffic leaves by {}", exit->to_string());
  return fmt::format("leaves by {}{} (told by {})", udp.address->to_string(), beside, udp.server);
}

std::string udp_rows(const CheckView& view) {
  if (!view.seen.udp) return print_row("udp", view.policy.path.stun_servers.empty() ? "not checked" : "no answer yet");
  std::string text;
  for (const auto family : {Family::v4, Family::v6}) {
    const auto& udp = view.seen.udp->of(family);
    if (!udp.asked) continue;
    const auto line = udp_line(udp, view.seen.exit ? view.seen.exit->address(family) : std::nullopt);
    text += print_row(text.empty() ? "udp" : "", family == Family::v4 ? line : "IPv6: " + line);
  }
  return text;
}

std::string large_packets_text(const LargePacketsView& large) {
  using Lost = LargePacketsView::Lost;
  switch (large.lost) {
    case Lost::none:
      return fmt::format("large packets get through (shown by {})", large.host);
    case Lost::requests:
      return fmt::format("large packets are lost on the way out (shown by {})", large.host);
    case Lost::answers:
      return fmt::format("large packets are lost on the way back (shown by {})", large.host);
    case Lost::unknown:
      break;
  }
  return fmt::format("large packets could not be checked: {}", large.error);
}

}  // namespace

std::string print_path(const CheckView& view) {
  auto text = udp_rows(view);
  if (view.seen.large_packets) text += print_row("path", large_packets_text(*view.seen.large_packets));
  if (const auto& drop = view.seen.latency_drop) {
    text += print_row(view.seen.large_packets ? "" : "path",
                      fmt::format("ordinary packets come back in {:.1f} ms, {} in {:.1f} ms", drop->path_ms,
                                  drop->beside_tunnel ? "those bound to the tunnel" : "earlier", drop->reference_ms));
  }
  return text;
}

}  // namespace vpn_sentinel
