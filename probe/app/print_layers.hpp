/// The layers of one verdict as rows: a name, its text, and further lines below it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

/// More lines of one sort are counted and not shown.
inline constexpr std::size_t most_shown_lines = 8;

/// "  tunnel    wg0 (wireguard), up\n".
[[nodiscard]] std::string print_row(std::string_view name, std::string_view text);
/// At most most_shown_lines of `lines`, indented below a row, then how many there are beside them.
[[nodiscard]] std::string print_details(const std::vector<std::string>& lines);

/// "wg0 (wireguard), up", "tun0 (tun), down, its program has ended".
[[nodiscard]] std::string tunnel_state(const TunnelView& tunnel);
/// Namespace, tunnel, its servers and program, uplinks.
[[nodiscard]] std::string print_links(const CheckView& view);
/// Where ordinary packets go, for each family, with a line as of ip-route(8) get for each way.
[[nodiscard]] std::string print_routes(const Observation& seen);
/// Which packets the policy rules tell apart, where those go, and what may bypass on purpose.
[[nodiscard]] std::string print_rules(const CheckView& view);
/// What is known as the healthy state, and what differs from it.
[[nodiscard]] std::string print_healthy(const CheckView& view);
/// Liveness, exit address, DNS.
[[nodiscard]] std::string print_answers(const CheckView& view);

}  // namespace vpn_sentinel
