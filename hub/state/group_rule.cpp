#include "hub/state/group_rule.hpp"

#include <fmt/format.h>

#include <charconv>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view quorum_word = "quorum";
constexpr std::size_t most_members = 10'000;

tl::unexpected<Error> wrong(std::string_view text) {
  return fail(Error::Kind::invalid,
              fmt::format("'{}': expected any, all, quorum (more than half) or quorum:N with N from 1 to {}", text, most_members));
}

Result<GroupRule> parse_quorum(std::string_view text) {
  auto number = text.substr(quorum_word.size());
  if (number.empty()) return GroupRule{GroupRule::Kind::quorum, 0};
  if (!number.starts_with(':')) return wrong(text);
  number.remove_prefix(1);
  std::size_t quorum = 0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), quorum);
  if (code != std::errc() || end != number.data() + number.size() || quorum < 1 || quorum > most_members) return wrong(text);
  return GroupRule{GroupRule::Kind::quorum, quorum};
}

}  // namespace

Result<GroupRule> parse_group_rule(std::string_view text) {
  if (text == "any") return GroupRule{GroupRule::Kind::any, 0};
  if (text == "all") return GroupRule{GroupRule::Kind::all, 0};
  return text.starts_with(quorum_word) ? parse_quorum(text) : wrong(text);
}

std::string to_string(const GroupRule& rule) {
  if (rule.kind == GroupRule::Kind::any) return "any";
  if (rule.kind == GroupRule::Kind::all) return "all";
  return rule.quorum == 0 ? std::string(quorum_word) : fmt::format("{}:{}", quorum_word, rule.quorum);
}

Result<GroupRules> parse_group_rules(const std::vector<std::string>& items) {
  GroupRules rules;
  bool usual_given = false;
  for (const auto& item : items) {
    const auto equals = item.find('=');
    const auto rule = parse_group_rule(equals == std::string::npos ? std::string_view(item) : std::string_view(item).substr(equals + 1));
    if (!rule) return fail(rule.error());
    if (equals == std::string::npos) {
      if (usual_given) return fail(Error::Kind::invalid, fmt::format("'{}': expected one rule without a group's name", item));
      usual_given = true;
      rules.usual = *rule;
      continue;
    }
    const auto group = item.substr(0, equals);
    if (!is_valid_group(group)) {
      return fail(Error::Kind::invalid, fmt::format("'{}': expected a group's name of 1-64 characters out of A-Z a-z 0-9 . _ -", item));
    }
    if (!rules.named.emplace(group, *rule).second)
      return fail(Error::Kind::invalid, fmt::format("'{}': this group has a rule already", item));
  }
  return rules;
}

}  // namespace vpn_sentinel
