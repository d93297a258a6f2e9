/// The exit address that a client is known by, and when another one is another exit. Pure.
#pragma once

#include <string>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

struct KnownExit {
  std::string address;  ///< what the client is known by from now on
  bool moved = false;   ///< that is news: the address before is another exit's
};

/// What a report makes of `before` (null: nothing is known). Only another address of the same family is another exit: after a reconnection
/// the families answer one after the other. From one family to the other it is one when the old one was looked for in vain and the new one
/// was not seen beside it. A report without `exit` tells one address and does not say what it looked for: there every other one counts.
[[nodiscard]] KnownExit known_exit(const ClientState* before, const Report& report);

}  // namespace vpn_sentinel
