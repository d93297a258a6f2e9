/// The [[rule]], [[maintenance]] and [report] tables of alerts.toml.
#pragma once

#include <toml++/toml.h>

#include <nlohmann/json.hpp>
#include <string>

#include "hub/alert/desk.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t most_file_rules = 100;

/// Rules, windows and the report's plan of the document; `channels` is left empty. No rule at all: the built-in one counts. invalid: the
/// message has file, line, field, value and what was expected.
[[nodiscard]] Result<DeskSettings> parse_rules(const toml::table& document, const std::string& file);

/// Its windows for GET /maintenance: {"id":null,"name","clients","from"|null,"to"|null,"weekly"?,"reason","by":"file","from_file":true}.
[[nodiscard]] nlohmann::json file_windows_json(const DeskSettings& settings);

/// What the other parts of the hub read JSON from. Times as text.
[[nodiscard]] nlohmann::json to_json(const toml::node& node);

}  // namespace vpn_sentinel
