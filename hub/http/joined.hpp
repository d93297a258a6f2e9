/// Several services on one listener: each answers its own paths behind its own gates.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/http/auth.hpp"
#include "hub/http/router.hpp"
#include "hub/http/server.hpp"

namespace vpn_sentinel {

struct Service {
  std::shared_ptr<const Router> router;
  std::vector<Gate> gates;
  std::string live_path = {};              ///< of the WebSocket; empty: none
  decltype(Routes::on_live) on_live = {};  ///< with a live_path
  std::string large_path = {};             ///< takes bodies up to the listener's `large_body`; empty: none
};

/// A path that several serve is open to whoever passes the gates of one of them, as it would be on listeners of their own; the refusal
/// is the last one's. So is the answer at a path that nobody serves. Gates run once per request, for a large body also before it is
/// read. `services` is not empty; all that have a live channel share one.
[[nodiscard]] Routes join_services(std::vector<Service> services);

}  // namespace vpn_sentinel
