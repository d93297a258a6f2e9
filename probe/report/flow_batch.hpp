/// What a probe tells the hub of connections: flows of one client since the batch before, added up. The language of both daemons, as
/// report.hpp; the hub's openapi.json has its JSON schema (FlowBatch). Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Rows of one batch.
inline constexpr std::size_t most_batch_flows = 1'000;
/// Of a batch as JSON, unpacked.
inline constexpr std::size_t most_flow_batch_bytes = std::size_t{1024} * 1024;
/// Of a batch as it is sent (gzip).
inline constexpr std::size_t most_packed_batch_bytes = std::size_t{64} * 1024;
/// Any number of one row, so that sums of rows stay within 64 bits for long.
inline constexpr std::uint64_t most_flow_number = std::uint64_t{1} << 50U;
/// Of a container's id, the digits that are told: as the engines show it.
inline constexpr std::size_t told_container_digits = 12;

/// The words of `way`, in the order of FlowWay (probe/connections).
inline constexpr std::array<std::string_view, 8> flow_ways{"unknown", "tunnel", "outside",  "allowed",
                                                           "server",  "local",  "loopback", "nowhere"};
/// The words of `destinations`, in the order of DestinationDetail (probe/connections).
inline constexpr std::array<std::string_view, 4> destination_details{"full", "prefix", "country", "none"};

/// The longest networks that `prefix` tells.
inline constexpr unsigned told_prefix_v4 = 24;
inline constexpr unsigned told_prefix_v6 = 48;

/// Flows that share all texts of this row, between this batch and the one before. Numbers are of that time alone.
struct FlowRow {
  bool incoming = false;   ///< began at the far end: a peer of a server in the namespace
  std::string listener{};  ///< "udp/51820", of an incoming one
  std::string program{};   ///< comm, as the program chose it; empty: attributed to nobody
  std::optional<std::uint32_t> uid{};
  std::string container{};    ///< the first digits of its id; empty: none
  std::string protocol{};     ///< "tcp", "udp", "icmp" or a number
  std::string destination{};  ///< the far end: an address or a prefix; empty: not told
  std::optional<std::uint16_t> port{};
  std::string country{};  ///< of the far end, ISO 3166-1 alpha-2 in capitals; empty: not known, or not told
  std::optional<std::uint32_t> asn{};
  std::string organisation{};
  std::string interface {};                  ///< that it leaves by; empty: not known
  std::string way = "unknown";               ///< one of flow_ways
  std::optional<std::uint64_t> bytes_out{};  ///< absent: nobody counted
  std::optional<std::uint64_t> bytes_in{};
  std::optional<std::uint64_t> packets_out{};
  std::optional<std::uint64_t> packets_in{};
  std::uint64_t opened = 0;  ///< began since the last batch
  std::uint64_t closed = 0;  ///< ended since
  std::uint64_t open = 0;    ///< are there now
  std::uint64_t folded = 0;  ///< so many rows were added up in this one, because there were too many: it has no far end
  WallTime first{};          ///< when the first of them was seen first
  WallTime last{};           ///< when one of them was seen last
  friend bool operator==(const FlowRow&, const FlowRow&) = default;
};

/// What a batch lacks, since the one before.
struct FlowGaps {
  std::uint64_t folded = 0;   ///< rows that were added up into others
  std::uint64_t lost = 0;     ///< flows that sources lost, or that there was no room for
  std::uint64_t batches = 0;  ///< earlier batches that were given up unsent
  friend bool operator==(const FlowGaps&, const FlowGaps&) = default;
};

struct FlowBatch {
  std::string client_id{};
  std::string boot_id{};               ///< random for each start of the probe
  std::uint64_t seq = 0;               ///< 1, 2, … of this client within boot_id: (client_id, boot_id, seq) counts once
  WallTime timestamp{};                ///< end of the time that it tells of, by the probe's clock
  std::optional<WallTime> sent_at{};   ///< when this try to send it began, by the same clock
  std::uint32_t interval_s = 0;        ///< length of the time that it tells of
  std::string destinations = "full";   ///< one of destination_details: how much is told of far ends
  std::vector<std::string> sources{};  ///< that were asked: sock_diag, conntrack, …
  bool countries = false;              ///< the probe has a database; false: nobody knows where far ends are
  std::string exit_country{};          ///< where the tunnel's exit is; empty: not known
  std::string uplink_country{};        ///< where what goes outside leaves; empty: not known
  std::string why{};                   ///< what could not be looked at, and why; empty: everything could
  FlowGaps gaps{};
  std::vector<FlowRow> flows{};
  friend bool operator==(const FlowBatch&, const FlowBatch&) = default;
};

/// To the wire. What is absent, empty or zero is left out.
[[nodiscard]] nlohmann::json encode(const FlowBatch& batch);
/// From the wire: unknown keys are ignored, a bad field is an Error (invalid) that names it. What others worded (names of programs and
/// interfaces) is made harmless and cut.
[[nodiscard]] Result<FlowBatch> decode_flow_batch(const nlohmann::json& json);

/// "tcp", "udp", "icmp", or a number up to 255.
[[nodiscard]] bool is_flow_protocol(std::string_view word);
/// "udp/51820", "tcp/1194".
[[nodiscard]] bool is_listener(std::string_view word);
/// Two capital letters.
[[nodiscard]] bool is_country(std::string_view word);

}  // namespace vpn_sentinel
