#include "hub/engine/leak_steps.hpp"

#include <utility>

#include "hub/state/group.hpp"

namespace vpn_sentinel {

void LeakSteps::note(const Admitted& admitted, Fleet::Snapshot before, const ClientState& after, std::size_t position, bool has_change) {
  const bool was_secure = before == nullptr || before->state == State::secure;
  if (was_secure && after.state == State::secure) return;
  const auto& group = admitted.report.group;
  const auto step = leak_step(before.get(), admitted);
  if (!step) return;
  entries_.push_back({*step, group.empty() ? std::string() : group_client_id(group), position, has_change, std::move(before)});
}

}  // namespace vpn_sentinel
