#include "hub/accounts/code_brake.hpp"

#include <algorithm>

#include "hub/accounts/secrets.hpp"
#include "hub/accounts/totp.hpp"

namespace vpn_sentinel {

std::optional<std::chrono::nanoseconds> CodeBrake::wait(std::int64_t user, MonoTime now) const {
  const auto found = users_.find(user);
  if (found == users_.end() || now >= found->second.until) return std::nullopt;
  return found->second.until - now;
}

void CodeBrake::failed(std::int64_t user, MonoTime now) {
  std::erase_if(users_, [now](const auto& each) { return now - each.second.last >= forgotten_after; });
  auto& count = users_[user];
  count.last = now;
  if (++count.wrong < free_tries) return;
  constexpr unsigned most_doublings = 10;
  const auto doublings = std::min(count.wrong - free_tries, most_doublings);
  count.until = now + std::min<std::chrono::seconds>(first_wait * (1U << doublings), longest_wait);
}

bool looks_like_recovery_code(std::string_view typed) { return plain_code(typed).size() == recovery_code_characters; }

}  // namespace vpn_sentinel
