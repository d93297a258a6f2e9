/// The walk of ruleset_walk, step by step. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/firewall/ruleset_packet.hpp"
#include "netns/firewall/ruleset_registers.hpp"
#include "netns/firewall/ruleset_values.hpp"
#include "netns/firewall/ruleset_walk.hpp"

namespace vpn_sentinel::audit {

class Walker {
 public:
  Walker(const std::vector<Stage>& stages, const Uplink& uplink, const Exclusions& never, std::size_t& budget, const Packet& packet)
      : stages_(stages), uplink_(uplink), never_(never), budget_(budget), packet_(packet) {}

  [[nodiscard]] Fate run(const Packet& like);

 private:
  /// A rule that is walked through: what is left of the packet that goes on in it, and what has left it for the next rule.
  struct InRule {
    const Rule* rule = nullptr;
    std::size_t number = 0;  ///< within its chain, from 1
    Registers registers;
    std::optional<State> here;
    std::optional<State> next;
    bool depends = false;  ///< whether the packet comes so far
  };

  void run_stage(const Stage& stage, std::optional<State>& state);
  /// The packet behind the chain, when it may come out of it.
  [[nodiscard]] std::optional<State> run_chain(const Chain& chain, const State& state, unsigned depth);
  void run_rule(InRule& rule, std::optional<State>& returned, unsigned depth);
  void do_step(InRule& rule, const Step& step, std::optional<State>& returned, unsigned depth);
  void condition(InRule& rule, Answer answer, std::string_view doubt);
  void compare(InRule& rule, const Compare& step);
  void between(InRule& rule, const Between& step);
  void field_in(InRule& rule, const FieldIn& step);
  void look_in(InRule& rule, const LookIn& step, std::optional<State>& returned, unsigned depth);
  void look_for(InRule& rule, const LookIn& step, const Set& set);
  void follow_map(InRule& rule, const LookIn& step, const Set& set, std::optional<State>& returned, unsigned depth);
  void decide(InRule& rule, const Decide& verdict, std::optional<State>& returned, unsigned depth);
  void jump(InRule& rule, const Decide& verdict, std::optional<State>& returned, unsigned depth);
  void anything(InRule& rule, std::string_view name);
  void accept(const InRule& rule);
  void drop(const InRule& rule);
  void leave(InRule& rule);
  [[nodiscard]] std::string words(const InRule& rule) const;
  [[nodiscard]] Surroundings surroundings(const State& state) const;

  const std::vector<Stage>& stages_;
  const Uplink& uplink_;
  const Exclusions& never_;
  std::size_t& budget_;
  const Packet& packet_;
  const Stage* stage_ = nullptr;
  const Chain* chain_ = nullptr;
  std::optional<State> accepted_;  ///< in this stage
  bool escaped_ = false;           ///< something may have sent it, or a copy, round what comes later
  Fate fate_;
};

}  // namespace vpn_sentinel::audit
