// Routes, rules and the healthy state.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "probe/app/print_layers.hpp"
#include "probe/verdict/route_findings.hpp"

namespace vpn_sentinel {
namespace {

const FlowView& flow_of(const LookUp& look_up, const Observation& seen) {
  static const FlowView ordinary;
  return look_up.flow < seen.flows.size() ? seen.flows[look_up.flow] : ordinary;
}

bool is_ordinary(const LookUp& look_up, const Observation& seen) { return flow_of(look_up, seen).whom.empty(); }

bool is_fine(const LookUp& look_up) { return look_up.way && look_up.way->kind != Way::Kind::outside; }

std::string way_text(const LookUp& look_up) {
  if (!look_up.way) return "could not look";
  const auto& way = *look_up.way;
  if (way.kind == Way::Kind::nowhere) return fmt::format("nowhere ({})", way.why_nowhere);
  return fmt::format("by {}{}", way.device, way.kind == Way::Kind::outside ? " (outside the tunnel)" : "");
}

/// How many look-ups went which way.
class Ways {
 public:
  void add(const LookUp& look_up) {
    ++all_;
    ++counts_[way_text(look_up)];
  }
  [[nodiscard]] std::size_t all() const noexcept { return all_; }
  /// "by wg0", or "by eth0 (outside the tunnel) 2 of 9, by wg0 7 of 9".
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& [way, count] : counts_) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", way);
      if (counts_.size() > 1) text += fmt::format(" {} of {}", count, all_);
    }
    return text.empty() ? "not asked" : text;
  }

 private:
  std::map<std::string, std::size_t> counts_;
  std::size_t all_ = 0;
};

/// One line for each way that `takes` a look-up: what differs only in the destination is one way.
template <typename Takes>
std::vector<std::string> lines_of_ways(const Observation& seen, const Takes& takes) {
  std::vector<std::string> ways;
  std::vector<std::string> lines;
  for (const auto& look_up : seen.look_ups) {
    if (!takes(look_up)) continue;
    auto line = route_line(look_up, seen);
    auto way = fmt::format("{}{}", is_fine(look_up) ? "" : "!", line.substr(look_up.destination.to_string().size()));
    if (std::ranges::find(ways, way) != ways.end()) continue;
    ways.push_back(std::move(way));
    lines.push_back(look_up.legs > 1 ? fmt::format("{} (one of {} next hops)", line, look_up.legs) : std::move(line));
  }
  return lines;
}

std::string family_rows(std::string_view name, const Observation& seen, Family family) {
  Ways ways;
  const auto takes = [&](const LookUp& look_up) { return look_up.destination.family() == family && is_ordinary(look_up, seen); };
  for (const auto& look_up : seen.look_ups) {
    if (takes(look_up)) ways.add(look_up);
  }
  const auto asked = ways.all() == 0 ? std::string() : fmt::format("; parts of the address space asked: {}", ways.all());
  return print_row(name, fmt::format("IPv{} {}{}", static_cast<int>(family), ways.text(), asked)) +
         print_details(lines_of_ways(seen, takes));
}

/// A kind of packets, by its words: it may have a flow for each family.
struct Kind {
  std::string whom;
  bool bound = false;
  Ways ways;
};

std::vector<Kind> kinds_of(const Observation& seen) {
  std::vector<Kind> kinds;
  for (const auto& look_up : seen.look_ups) {
    const auto& flow = flow_of(look_up, seen);
    if (flow.whom.empty()) continue;
    auto kind = std::ranges::find(kinds, flow.whom, &Kind::whom);
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), Kind{flow.whom, flow.bound, {}});
    kind->ways.add(look_up);
  }
  return kinds;
}

std::string bypass_text(const CheckView& view) {
  std::vector<std::string> words;
  for (const auto& uids : view.policy.allow_uids) {
    words.push_back(uids.first == uids.last ? fmt::format("uid {}", uids.first) : fmt::format("uid {}-{}", uids.first, uids.last));
  }
  for (const auto& mark : view.policy.allow_marks) {
    words.push_back(mark.mask == 0xffffffff ? fmt::format("mark {:#x}", mark.value)
                                            : fmt::format("mark {:#x}/{:#x}", mark.value, mark.mask));
  }
  for (const auto table : view.policy.allow_tables) words.push_back(fmt::format("table {}", table));
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "may bypass on purpose: " : ", ") + word;
  return text;
}

std::vector<std::string> drift_lines(const DriftView& drift) {
  auto lines = drift.rules;
  lines.insert(lines.end(), drift.routes.begin(), drift.routes.end());
  return lines;
}

}  // namespace

std::string print_routes(const Observation& seen) {
  auto text = family_rows("routes", seen, Family::v4) + family_rows("", seen, Family::v6);
  if (seen.not_asked > 0) text += print_row("", fmt::format("NOT asked, there are too many: {} questions", seen.not_asked));
  return text;
}

std::string print_rules(const CheckView& view) {
  const auto& seen = view.seen;
  const auto kinds = kinds_of(seen);
  auto text = print_row("rules", kinds.empty() ? "no rule sends some packets another way"
                                               : fmt::format("kinds of packets that rules tell apart: {}", kinds.size()));
  std::vector<std::string> lines;
  lines.reserve(kinds.size());
  for (const auto& kind : kinds) {
    lines.push_back(
        fmt::format("{}: {}{}", kind.whom, kind.ways.text(), kind.bound ? " (information: whoever binds asks for that way)" : ""));
  }
  text += print_details(lines);
  text += print_details(lines_of_ways(seen, [&](const LookUp& look_up) { return !is_ordinary(look_up, seen) && !is_fine(look_up); }));
  std::vector<std::string> beside;
  if (const auto bypass = bypass_text(view); !bypass.empty()) beside.push_back(bypass);
  if (view.facts && view.facts->wireguard && view.facts->wireguard->fwmark != 0) {
    beside.push_back(fmt::format("the tunnel's own packets: mark {:#x}", view.facts->wireguard->fwmark));
  }
  for (const auto& rule : seen.unasked_rules) beside.push_back(fmt::format("could NOT be asked about: {}", rule));
  return text + print_details(beside);
}

std::string print_healthy(const CheckView& view) {
  const auto& drift = view.seen.drift;
  const auto lines = drift_lines(drift);
  if (!view.pinned && !view.learnt) {
    if (!lines.empty()) return print_row("healthy", "unknown") + print_details(lines);
    return print_row("healthy", "no state is pinned (vpn-sentinel-probe baseline pin)");
  }
  const auto since =
      fmt::format("{} {}", view.pinned ? "pinned" : "learnt", to_rfc3339(view.pinned ? view.pinned->time : view.learnt->time));
  const bool compared = view.carries && view.verdict.state <= State::warning;
  if (!compared) return print_row("healthy", fmt::format("{}; not compared: the look-ups say more now", since));
  const auto text = fmt::format("{}; {}", since, lines.empty() ? "nothing differs" : "differs now:");
  const auto unseen = drift.not_compared.empty() ? std::string() : print_row("", fmt::format("  {}", drift.not_compared));
  return print_row("healthy", text) + print_details(lines) + unseen;
}

}  // namespace vpn_sentinel
