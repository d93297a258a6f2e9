#include "probe/watch/allowing_settings.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <bitset>

#include "probe/watch/rule_match.hpp"

namespace vpn_sentinel {
namespace {

/// The rule among `rules` that names what `names` asks for, with the lowest `width`; null: none does.
template <typename Names, typename Width>
const Rule* narrowest(const std::vector<Rule>& rules, Family family, const Names& names, const Width& width) {
  const Rule* best = nullptr;
  for (const auto& rule : rules) {
    if (rule.family != family || !names(rule)) continue;
    if (!best || width(rule) < width(*best)) best = &rule;
  }
  return best;
}

std::string marks_text(const Rule& rule) {
  const auto value = rule.fwmark & mask_of(rule);
  return mask_of(rule) == 0xffffffff ? fmt::format("--allow-marks {:#x}", value)
                                     : fmt::format("--allow-marks {:#x}/{:#x}", value, mask_of(rule));
}

std::string uids_text(const UidRange& uids) {
  return uids.first == uids.last ? fmt::format("--allow-uids {}", uids.first) : fmt::format("--allow-uids {}-{}", uids.first, uids.last);
}

}  // namespace

std::string allowing_settings(const std::vector<Rule>& rules, Family family, const Flow& flow, std::uint32_t table) {
  const auto names_mark = [&](const Rule& rule) {
    return (rule.fwmark & mask_of(rule)) != 0 && (flow.mark & mask_of(rule)) == (rule.fwmark & mask_of(rule));
  };
  const auto free_bits = [](const Rule& rule) { return 32 - std::bitset<32>(mask_of(rule)).count(); };
  const auto names_user = [&](const Rule& rule) {
    return rule.uids && flow.uid && *flow.uid >= rule.uids->first && *flow.uid <= rule.uids->last;
  };
  const auto users = [](const Rule& rule) { return rule.uids->last - rule.uids->first; };
  std::string text;
  const auto add = [&text](const std::string& words) { text += (text.empty() ? "" : " or ") + words; };
  if (const auto* const rule = narrowest(rules, family, names_mark, free_bits)) add(marks_text(*rule));
  if (const auto* const rule = narrowest(rules, family, names_user, users)) add(uids_text(*rule->uids));
  const bool is_usual = table == RT_TABLE_MAIN || table == RT_TABLE_DEFAULT;
  if (!is_usual || text.empty()) add(fmt::format("--allow-tables {}", table));
  return text;
}

}  // namespace vpn_sentinel
