/// Several services on one listener: each answers its own paths behind its own gates.
#pragma once

#include <memory>
#include <vector>

#include "hub/http/auth.hpp"
#include "hub/http/router.hpp"
#include "hub/http/server.hpp"

namespace vpn_sentinel {

struct Service {
  std::shared_ptr<const Router> router;
  std::vector<Gate> gates;
  Routes routes;  ///< of this router, behind these gates
};

/// A path that several serve is open to whoever passes the gates of one of them, as it would be on listeners of their own; the refusal
/// is the last one's. So is the answer at a path that nobody serves. `services` is not empty; all that have a live channel share one.
[[nodiscard]] Routes join_services(std::vector<Service> services);

}  // namespace vpn_sentinel
