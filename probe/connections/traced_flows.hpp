/// Records of the BPF programs as sightings: what each socket sends where. Pure: fed with records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ebpf/records.hpp"
#include "probe/connections/sighting.hpp"
#include "probe/connections/traced_leaks.hpp"

namespace vpn_sentinel {

class TracedFlows {
 public:
  /// Far ends of one socket that are kept; more are counted as lost.
  static constexpr std::size_t most_ends = 64;

  /// `most`: sockets; of more the ones that came first are forgotten, which their next packet tells anew. `senders` as of name_traced().
  TracedFlows(bool senders, OwnerFactsOf facts_of, std::size_t most = 50'000)
      : senders_(senders), facts_of_(std::move(facts_of)), most_(most) {}

  /// What the record tells, of each far end of its socket.
  [[nodiscard]] std::vector<Sighting> take(const FlowRecord& record);
  [[nodiscard]] std::size_t lost() const noexcept { return lost_; }

 private:
  struct Known {
    std::vector<Sighting> ends;
    std::optional<SocketOwner> asked{};  ///< whose facts were asked for
    OwnerFacts facts;
  };

  [[nodiscard]] Owner owner_of(Known& known, const FlowRecord& record) const;
  [[nodiscard]] Known& known(std::uint64_t socket);

  bool senders_;
  OwnerFactsOf facts_of_;
  std::size_t most_;
  std::size_t lost_ = 0;
  std::map<std::uint64_t, Known> sockets_;  ///< by cookie
  std::deque<std::uint64_t> order_;
};

}  // namespace vpn_sentinel
