#include "probe/connections/choose_sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::array<std::string_view, 6> modes{"auto", "ebpf", "sock_diag", "conntrack", "nflog", "off"};
constexpr std::array<std::string_view, 4> details{"full", "prefix", "country", "none"};

template <typename Enum, std::size_t Count>
std::optional<Enum> parse_word(const std::array<std::string_view, Count>& words, std::string_view text) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

bool try_source(ChosenSources& chosen, FlowSource kind, const MakeSource& make) {
  auto made = make(kind);
  if (!made) {
    chosen.refused.push_back(fmt::format("{}: {}", to_string(kind), made.error().message));
    return false;
  }
  chosen.sources.push_back(std::move(*made));
  return true;
}

}  // namespace

std::optional<ConnectionsMode> parse_connections_mode(std::string_view text) { return parse_word<ConnectionsMode>(modes, text); }
std::string_view to_string(ConnectionsMode mode) { return modes.at(static_cast<std::size_t>(mode)); }
std::optional<DestinationDetail> parse_destination_detail(std::string_view text) { return parse_word<DestinationDetail>(details, text); }
std::string_view to_string(DestinationDetail detail) { return details.at(static_cast<std::size_t>(detail)); }

MakeSource standard_sources(const NetNamespace& space, const ConnectionsPolicy& policy) {
  return [space, policy](FlowSource kind) -> Result<std::unique_ptr<ConnectionSource>> {
    switch (kind) {
      case FlowSource::sock_diag:
        return make_socket_source(space);
      case FlowSource::conntrack:
        return make_conntrack_source(space);
      case FlowSource::nflog:
        return make_nflog_source(space, policy.nflog_group);
      case FlowSource::ebpf:
        return make_ebpf_source(space);
    }
    return fail(Error::Kind::unavailable, "there is no such source");
  };
}

ChosenSources choose_sources(ConnectionsMode mode, const MakeSource& make) {
  ChosenSources chosen;
  switch (mode) {
    case ConnectionsMode::off:
      break;
    case ConnectionsMode::automatic:
    case ConnectionsMode::ebpf: {
      const bool traced = try_source(chosen, FlowSource::ebpf, make);
      const bool listed = try_source(chosen, FlowSource::sock_diag, make);
      if (mode == ConnectionsMode::automatic && !traced && listed) (void)try_source(chosen, FlowSource::conntrack, make);
      break;
    }
    case ConnectionsMode::sock_diag:
      (void)try_source(chosen, FlowSource::sock_diag, make);
      break;
    case ConnectionsMode::conntrack:
      (void)try_source(chosen, FlowSource::conntrack, make);
      break;
    case ConnectionsMode::nflog:
      (void)try_source(chosen, FlowSource::nflog, make);
      break;
  }
  return chosen;
}

}  // namespace vpn_sentinel
