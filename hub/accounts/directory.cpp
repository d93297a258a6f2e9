#include "hub/accounts/directory.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_name = 64;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' || c == '-';
}

}  // namespace

const User* Directory::find(std::string_view name) const {
  const auto found = users.find(name);
  return found == users.end() ? nullptr : &found->second;
}

const User* Directory::find(std::int64_t id) const {
  const auto found = names.find(id);
  return found == names.end() ? nullptr : find(found->second);
}

bool is_valid_user_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, is_name_character);
}

bool is_alive(const UserSession& session, WallTime seen, WallTime now, const SessionLimits& limits) noexcept {
  constexpr std::chrono::minutes slack{5};
  if (session.created > now + slack) return false;
  return now < session.created + limits.absolute && now < std::max(seen, session.seen) + limits.idle;
}

std::string_view to_string(Identity::By by) {
  switch (by) {
    case Identity::By::session:
      return "session";
    case Identity::By::token:
      return "token";
    case Identity::By::jwt:
      return "jwt";
    case Identity::By::forward_auth:
      return "forward_auth";
  }
  return "session";
}

}  // namespace vpn_sentinel
