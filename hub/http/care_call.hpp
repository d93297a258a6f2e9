/// What routes that change what people did (mutes, rules, …) share. For nobody else.
#pragma once

#include <string>

#include "hub/engine/engine.hpp"
#include "hub/http/account_gate.hpp"

namespace vpn_sentinel {

/// One change that was found to be allowed and right.
struct CareWish {
  CareOrder order;
  std::string action;  ///< of the audit log
  std::string target;
  int status = 200;
};

/// Whom the gate (require_role_to_change) has let in.
[[nodiscard]] Actor care_actor(const Request& request);

/// Asks the engine, answers what it says, and notes it in the audit log. Door and engine must outlive it.
void carry_out(const AccountDoor& door, Engine& engine, const Request& request, CareWish wish, const Respond& respond);

/// By its kind: 404, 409, 507 or 503.
[[nodiscard]] Response care_refusal(const Error& error);

}  // namespace vpn_sentinel
