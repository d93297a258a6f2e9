/// The dashboard's pages: static files under a strict Content-Security-Policy; all data comes by the API and the live channel.
#pragma once

#include <cstdint>
#include <string>

#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// What the page tells a newcomer, GET /hub.json.
struct HubAbout {
  std::string version;
  std::uint16_t api_port = 0;
  bool api_tls = false;
  std::string api_path;
};

/// GET / (to /dashboard), /dashboard, /hub.json, and the page's files. Scripts and styles lie below /assets/ and may be kept for good.
void add_page_routes(Router& router, const HubAbout& about);

}  // namespace vpn_sentinel
