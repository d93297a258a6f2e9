/// Which sources are used, by what the user wants and what this machine allows, and what is said of those that are not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/connections/source.hpp"

namespace vpn_sentinel {

/// The setting `connections`.
enum class ConnectionsMode : std::uint8_t { automatic, ebpf, sock_diag, conntrack, nflog, off };
[[nodiscard]] std::optional<ConnectionsMode> parse_connections_mode(std::string_view text);
[[nodiscard]] std::string_view to_string(ConnectionsMode mode);

/// eBPF is to be used where it can be.
[[nodiscard]] constexpr bool wants_tracer(ConnectionsMode mode) noexcept {
  return mode == ConnectionsMode::automatic || mode == ConnectionsMode::ebpf;
}

/// How much of far ends is told (the setting `destinations`).
enum class DestinationDetail : std::uint8_t { full, prefix, country, none };
[[nodiscard]] std::optional<DestinationDetail> parse_destination_detail(std::string_view text);
[[nodiscard]] std::string_view to_string(DestinationDetail detail);

struct ConnectionsPolicy {
  ConnectionsMode mode = ConnectionsMode::automatic;
  DestinationDetail destinations = DestinationDetail::full;
  std::uint16_t nflog_group = 0;  ///< that rules of the user log to
};

/// Makes the source of one kind, or tells why it cannot be.
using MakeSource = std::function<Result<std::unique_ptr<ConnectionSource>>(FlowSource kind)>;
/// Those of this program.
[[nodiscard]] MakeSource standard_sources(const NetNamespace& space, const ConnectionsPolicy& policy);

struct ChosenSources {
  std::vector<std::unique_ptr<ConnectionSource>> sources;  ///< the one that knows most first
  std::vector<std::string> refused;                        ///< "ebpf: why": of those that were wanted, and tried
};
/// automatic and ebpf: ebpf, and sock_diag beside it, which knows the sockets that have not sent since. Where there is no ebpf sock_diag
/// alone, for the users have to be told in any case who leaks; with automatic conntrack beside it when that may be read. Any other: that
/// one.
[[nodiscard]] ChosenSources choose_sources(ConnectionsMode mode, const MakeSource& make);

}  // namespace vpn_sentinel
