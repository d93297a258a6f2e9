// The rules of alerts.toml and of the API, and what the desk reads back from the store: whatever is taken is read again as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/alert/rule_config.hpp"

namespace {

using namespace vpn_sentinel;

void check_rule(const AlertRule& rule) {
  const auto again = parse_rule(to_json(rule), rule.source);
  if (!again || !(*again == rule)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto document = toml::parse(text)) {
    const auto settings = parse_rules(document.table(), "fuzz");
    if (settings) {
      for (const auto& rule : settings->rules) check_rule(rule);
      static_cast<void>(file_windows_json(*settings));
    }
  }
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (const auto rule = parse_rule(object, AlertRule::Source::api)) check_rule(*rule);
  if (const auto watch = parse_watch(text); watch && !(parse_watch(to_text(*watch)) == watch)) std::abort();
  if (const auto batch = parse_batch(text); batch && !(parse_batch(to_text(*batch)) == batch)) std::abort();
  static_cast<void>(parse_mute(text));
  static_cast<void>(parse_maintenance(text));
  return 0;
}
