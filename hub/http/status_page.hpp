/// The public status page: names and states of the clients that the settings name, for everybody, and nothing else of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// Who stands on the page, and by which name.
struct StatusPagePick {
  std::string pattern;  ///< "lab", "office-*", "group:office"
  std::string name;     ///< shown instead of the client's own; empty: its own. Only with the name of one client or group
  friend bool operator==(const StatusPagePick&, const StatusPagePick&) = default;
};

/// "office-*" or "lab=The lab". invalid: neither; a name has 1-60 bytes without control characters.
[[nodiscard]] Result<StatusPagePick> parse_status_page_pick(std::string_view text);

struct StatusLine {
  std::string name;
  std::string_view word;  ///< "secure", "warning", "contained", "danger", "offline", "unknown"
  friend bool operator==(const StatusLine&, const StatusLine&) = default;
};

/// Lines of all that `picks` name, in their order; nobody twice. Silence is judged at `now`. A client that is named and has never
/// reported is "unknown".
[[nodiscard]] std::vector<StatusLine> status_lines(const Engine& engine, const std::vector<StatusPagePick>& picks, WallTime now);

/// GET /status-page (HTML, which is whole without its script), /status-page.css, /status-page.js and /status-page.json, without a key.
void add_status_page(Router& router, const Engine& engine, std::vector<StatusPagePick> picks, std::string title);

}  // namespace vpn_sentinel
