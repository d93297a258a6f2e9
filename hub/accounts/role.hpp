/// What the holder of an account or of an API token may do. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vpn_sentinel {

/// Each may do what the ones before it may: read; keys and enrolments; users, all tokens and the audit log.
enum class Role : std::uint8_t { viewer, operator_, admin };

[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

/// What a token may be used for, within its user's role.
struct Scopes {
  bool read = false;
  bool report = false;  ///< for any client; an operator's or admin's only
  bool manage = false;
  friend bool operator==(const Scopes&, const Scopes&) = default;
};

}  // namespace vpn_sentinel
