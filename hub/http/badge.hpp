/// A light of one client as a small picture for other pages: its name and its state, and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

struct BadgeLook {
  std::string word;         ///< "secure", "danger", … or "unknown"
  std::string_view colour;  ///< "#…"; green is secure alone
};

/// How a client looks at `now`: whoever is overdue, or not known at all, is grey.
[[nodiscard]] BadgeLook badge_look(const ClientState* client, WallTime now);

/// The picture. The name is text, whatever is in it.
[[nodiscard]] std::string badge_svg(std::string_view name, const BadgeLook& look);

/// GET /badge/{client}.svg (a group is "group:NAME") for clients that one of `patterns` names, without a key. Whoever is not named is 404,
/// known or not. Always asked for anew (no-cache, ETag).
void add_badge_route(Router& router, const Engine& engine, std::vector<std::string> patterns);

}  // namespace vpn_sentinel
