/// Text from outside: what may be kept and shown. Input is valid UTF-8 (the JSON parser saw to it).
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// Without ASCII white space at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
[[nodiscard]] std::size_t code_points(std::string_view text);
/// C0, DEL, C1, line and paragraph separators, and the marks that turn the writing direction: they forge log lines and messages.
[[nodiscard]] bool has_control_characters(std::string_view text);
/// At most `most` characters, none of them a control character.
[[nodiscard]] bool is_plain_text(std::string_view text, std::size_t most);
/// Every control character becomes '?'.
void replace_control_characters(std::string& text);
/// Keys too, at any depth.
void replace_control_characters(nlohmann::json& value);

}  // namespace vpn_sentinel
