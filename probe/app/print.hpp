/// The words that check and watch print for people. Pure but for style_of_stdout().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "netns/namespace/net_namespace.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/baseline.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

class TargetWatch;

/// ANSI colours when `colour`, else plain text. Symbols and words carry the meaning, never colour alone.
struct Style {
  bool colour = false;
};

/// True when standard output is a terminal and NO_COLOR is not set.
[[nodiscard]] Style style_of_stdout();

/// `text` in the ANSI colour `ansi` ("1;32"), or as it is.
[[nodiscard]] std::string paint(std::string_view text, std::string_view ansi, const Style& style);

/// "✔ SECURE" in its colour.
[[nodiscard]] std::string state_badge(State state, const Style& style);

/// What is told about one target. The references outlive it.
struct CheckView {
  const TargetPolicy& policy;
  const Observation& seen;
  const Verdict& verdict;
  std::optional<NamespaceIdentity> identity;
  std::optional<TunnelFacts> facts;  ///< absent: not asked for, or no answer in time
  std::optional<Baseline> pinned;
  std::optional<Baseline> learnt;
  bool carries = false;  ///< packets go by a tunnel that is up; else nothing is compared with the healthy state
  std::optional<double> latency_ms;
};
[[nodiscard]] CheckView view_of(const TargetWatch& watch);

/// The whole verdict, a line or more for each layer, then the findings with evidence and what to do.
[[nodiscard]] std::string print_verdict(const CheckView& view, const Style& style);

}  // namespace vpn_sentinel
