#include "netns/firewall/ruleset_walker.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_addrtype.h>

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>
#include <utility>

#include "netns/firewall/ruleset_sets.hpp"

namespace vpn_sentinel::audit {
namespace {

constexpr unsigned most_jumps = 64;  // the kernel allows 16; goto needs none
constexpr std::size_t most_words = 4;
constexpr std::size_t most_witnesses = 32;

void note_words(std::vector<std::string>& into, std::string words) {
  if (into.size() < most_words && std::find(into.begin(), into.end(), words) == into.end()) into.push_back(std::move(words));
}

const Chain* find_chain(const Table& table, std::string_view name) {
  const auto place = std::find_if(table.chains.begin(), table.chains.end(), [&](const Chain& chain) { return chain.name == name; });
  return place == table.chains.end() ? nullptr : &*place;
}

/// The packet goes to an ordinary host: unicast, and none of our own addresses.
Answer is_of_type(std::uint32_t types, Family family) {
  if (family == Family::v4) return (types & XT_ADDRTYPE_UNICAST) != 0 ? Answer::yes : Answer::no;
  constexpr std::uint32_t looked_up = XT_ADDRTYPE_LOCAL | XT_ADDRTYPE_ANYCAST | XT_ADDRTYPE_UNREACHABLE | XT_ADDRTYPE_PROHIBIT;
  if ((types & (XT_ADDRTYPE_MULTICAST | XT_ADDRTYPE_UNSPEC | looked_up)) != 0) return Answer::no;
  return types == XT_ADDRTYPE_UNICAST ? Answer::yes : Answer::depends;
}

}  // namespace

Surroundings Walker::surroundings(const State& state) const { return {packet_, state, uplink_, *stage_}; }

std::string Walker::words(const InRule& rule) const {
  auto text = fmt::format("rule {} of chain {} in table {}", rule.number, chain_->name, stage_->table->name.to_string());
  if (!rule.rule->comment.empty()) text += fmt::format(" ({})", rule.rule->comment);
  return text;
}

Fate Walker::run(const Packet& like) {
  std::optional<State> state{State{}};
  state->witness = like;
  for (const auto& stage : stages_) {
    if (!state) break;
    run_stage(stage, state);
  }
  fate_.may_pass = state.has_value() || escaped_;
  fate_.surely_passes = state.has_value() && !state->moved && !fate_.may_drop;
  if (state && fate_.witnesses.size() < most_witnesses) fate_.witnesses.push_back(state->witness);
  if (budget_ == 0) {
    fate_.may_pass = fate_.may_drop = true;
    fate_.surely_passes = false;
    note_words(fate_.doubts, "the rules are too many to be followed");
  }
  return std::move(fate_);
}

void Walker::run_stage(const Stage& stage, std::optional<State>& state) {
  stage_ = &stage;
  accepted_.reset();
  auto before = *state;
  if (stage.order_unknown) {
    // What another chain of this priority changes may come first.
    before.mark.reset();
    before.conntrack_mark_known = false;
    before.tracked = Answer::depends;
    before.moved = true;
  }
  // Only the first packet of a tracked connection is shown to these, and they are not made to drop.
  const bool translates = stage.chain->type == "nat";
  const bool may_skip = translates || (stage.place == Stage::Place::egress && stage.chain->hook->more_devices) ||
                        (stage.place == Stage::Place::egress && before.moved);
  if (may_skip) accepted_ = *state;
  if (auto end = run_chain(*stage.chain, before, 0)) {
    if (stage.chain->hook->policy == nft::Policy::accept) {
      join_into(accepted_, *end);
    } else {
      fate_.may_drop = true;
      note_words(fate_.drops, fmt::format("policy of chain {} in table {}", stage.chain->name, stage.table->name.to_string()));
    }
  }
  // A changed mark or address may lead to another device.
  if (accepted_ && stage.chain->type == "route" && accepted_->mark != before.mark) accepted_->moved = true;
  state = accepted_;
}

std::optional<State> Walker::run_chain(const Chain& chain, const State& state, unsigned depth) {
  std::optional<State> returned;
  if (depth > most_jumps) budget_ = 0;
  if (budget_ == 0) return state;
  const auto* const outer = std::exchange(chain_, &chain);
  InRule rule;
  rule.next = state;
  for (const auto& each : chain.rules) {
    if (!rule.next || budget_ == 0) break;
    rule.rule = &each;
    ++rule.number;
    rule.registers = Registers{};
    rule.here = rule.next;
    rule.next.reset();
    run_rule(rule, returned, depth);
  }
  chain_ = outer;
  if (rule.next) join_into(returned, *rule.next);
  return returned;
}

void Walker::run_rule(InRule& rule, std::optional<State>& returned, unsigned depth) {
  for (const auto& step : rule.rule->steps) {
    if (!rule.here || budget_ == 0) break;
    --budget_;
    do_step(rule, step, returned, depth);
  }
  leave(rule);
}

void Walker::leave(InRule& rule) {
  if (rule.here) join_into(rule.next, *rule.here);
  rule.here.reset();
}

void Walker::condition(InRule& rule, Answer answer, std::string_view doubt) {
  if (answer == Answer::yes) return;
  if (answer == Answer::no) return leave(rule);
  rule.depends = true;
  if (!doubt.empty()) note_words(fate_.doubts, fmt::format("{}: {}", words(rule), doubt));
  join_into(rule.next, *rule.here);
}

void Walker::do_step(InRule& rule, const Step& step, std::optional<State>& returned, unsigned depth) {
  auto& state = *rule.here;
  auto& registers = rule.registers;
  const auto load = [&](const auto& one) {
    if (registers.load(one, surroundings(state))) condition(rule, Answer::depends, {});
  };
  std::visit(
      [&](const auto& one) {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, LoadMeta> || std::is_same_v<One, LoadPayload> || std::is_same_v<One, LoadConntrack> ||
                      std::is_same_v<One, LoadRoute>) {
          load(one);
        } else if constexpr (std::is_same_v<One, LoadConstant> || std::is_same_v<One, Bitwise> || std::is_same_v<One, Swap>) {
          registers.load(one);
        } else if constexpr (std::is_same_v<One, LoadUnknown>) {
          registers.forget(one.word, register_bytes);
          condition(rule, Answer::depends, one.name);
        } else if constexpr (std::is_same_v<One, Compare>) {
          compare(rule, one);
        } else if constexpr (std::is_same_v<One, Between>) {
          between(rule, one);
        } else if constexpr (std::is_same_v<One, FieldIn>) {
          field_in(rule, one);
        } else if constexpr (std::is_same_v<One, LookIn>) {
          look_in(rule, one, returned, depth);
        } else if constexpr (std::is_same_v<One, SetMark>) {
          const auto cells = registers.at(one.word).first(4);
          state.mark.reset();
          if (all_known(cells))
            state.mark = std::bit_cast<std::uint32_t>(std::array{cells[0].value, cells[1].value, cells[2].value, cells[3].value});
        } else if constexpr (std::is_same_v<One, SetMarkTo>) {
          if (state.mark) state.mark = (*state.mark & ~one.mask) ^ one.value;
        } else if constexpr (std::is_same_v<One, SetConntrackMark>) {
          state.conntrack_mark_known = false;
        } else if constexpr (std::is_same_v<One, NoTrack>) {
          const auto now = conntrack_state(surroundings(state));
          if (now == state_invalid) state.tracked = Answer::no;
          if (!now) state.tracked = Answer::depends;
        } else if constexpr (std::is_same_v<One, MayEnd>) {
          condition(rule, Answer::depends, one.name);
        } else if constexpr (std::is_same_v<One, Translate>) {
          if (one.destination) state.moved = true;
          accept(rule);
          rule.here.reset();
        } else if constexpr (std::is_same_v<One, Anything>) {
          anything(rule, one.name);
        } else if constexpr (std::is_same_v<One, Decide>) {
          decide(rule, one, returned, depth);
        } else if constexpr (std::is_same_v<One, MarkIs>) {
          const auto answer = !state.mark ? Answer::depends : (*state.mark & one.mask) == one.value ? Answer::yes : Answer::no;
          condition(rule, inverted_if(one.inverted, answer), {});
        } else if constexpr (std::is_same_v<One, StateIn>) {
          const auto now = conntrack_state(surroundings(state));
          constexpr std::uint32_t known = 0x7f;
          auto answer = Answer::depends;
          if (now && (one.states & *now) != 0) answer = Answer::yes;
          if (now && (one.states & *now) == 0 && (one.states & ~known) == 0) answer = Answer::no;
          condition(rule, inverted_if(one.inverted, answer), answer == Answer::depends ? "state of the connection" : "");
        } else if constexpr (std::is_same_v<One, DestinationType>) {
          const auto answer = state.moved ? Answer::depends : is_of_type(one.types, packet_.family);
          condition(rule, inverted_if(one.inverted, answer), {});
        } else {
          static_assert(std::is_same_v<One, Neutral>);
        }
      },
      step);
}

void Walker::compare(InRule& rule, const Compare& step) {
  const auto cells = rule.registers.at(step.word).first(step.value.size());
  std::array<std::uint8_t, register_bytes> bound{};
  auto answer = Answer::depends;
  bool inverted = false;
  switch (step.operation) {
    case NFT_CMP_EQ:
    case NFT_CMP_NEQ:
      answer = equals(cells, step.value, never_);
      inverted = step.operation == NFT_CMP_NEQ;
      break;
    case NFT_CMP_LTE:
    case NFT_CMP_GT:
      answer = is_between(cells, std::span{bound}.first(step.value.size()), step.value, never_);
      inverted = step.operation == NFT_CMP_GT;
      break;
    default:
      bound.fill(0xff);
      answer = is_between(cells, step.value, std::span{bound}.first(step.value.size()), never_);
      inverted = step.operation == NFT_CMP_LT;
      break;
  }
  const auto told = inverted_if(inverted, answer);
  condition(rule, told, told == Answer::depends && is_strange(cells) ? "a field that is not followed" : "");
  if (told != Answer::depends) return;
  take_hint(inverted ? rule.next->witness : rule.here->witness, cells, step.value);
}

void Walker::between(InRule& rule, const Between& step) {
  const auto cells = rule.registers.at(step.word).first(step.first.size());
  const auto told = inverted_if(step.inverted, is_between(cells, step.first, step.last, never_));
  condition(rule, told, told == Answer::depends && is_strange(cells) ? "a field that is not followed" : "");
  if (told == Answer::depends) take_hint(step.inverted ? rule.next->witness : rule.here->witness, cells, step.first);
}

void Walker::field_in(InRule& rule, const FieldIn& step) {
  const auto part = part_of(step.field);
  const auto around = surroundings(*rule.here);
  const bool known = packet_[part].known && cell_of(around, part, 0).known == 0xff;
  auto answer = Answer::no;
  for (const auto& numbers : step.numbers) {
    if (known) {
      const auto number = packet_.number(part);
      if (numbers.first <= number && number <= numbers.last) answer = Answer::yes;
    } else if (!never_.covers(part, numbers.first, numbers.last) && answer == Answer::no) {
      answer = Answer::depends;
    }
  }
  const auto told = inverted_if(step.inverted, answer);
  condition(rule, told, {});
  if (told == Answer::depends && !step.numbers.empty()) {
    (step.inverted ? rule.next->witness : rule.here->witness).set_number(part, step.numbers.front().first);
  }
}

void Walker::look_in(InRule& rule, const LookIn& step, std::optional<State>& returned, unsigned depth) {
  const auto found = stage_->table->sets.find(step.set);
  if (found == stage_->table->sets.end() || found->second.key_length == 0 || step.word * 4U + found->second.key_length > register_bytes) {
    return anything(rule, "a set that is not known");
  }
  const auto& set = found->second;
  if (set.unsteady && step.into == LookIn::Into::verdict) return anything(rule, "a map whose content changes");
  budget_ -= std::min(budget_, set.elements.size() / 16);
  if (step.into == LookIn::Into::verdict) return follow_map(rule, step, set, returned, depth);
  look_for(rule, step, set);
  if (step.into == LookIn::Into::registers && rule.here) rule.registers.forget(step.to, std::max<std::size_t>(set.value_length, 4));
}

void Walker::look_for(InRule& rule, const LookIn& step, const Set& set) {
  const auto cells = rule.registers.at(step.word).first(set.key_length);
  const auto found = look_up(set, cells, never_);
  auto answer = found.misses ? Answer::no : Answer::yes;
  if (found.misses && !found.elements.empty()) answer = Answer::depends;
  const auto told = inverted_if(step.inverted, answer);
  const bool strange = set.unsteady || is_strange(cells);
  condition(rule, told, told == Answer::depends && strange ? "a set whose content changes, or a field that is not followed" : "");
  if (told != Answer::depends || found.elements.empty()) return;
  const auto& element = *found.elements.front();
  if (!element.catch_all) take_hint(step.inverted ? rule.next->witness : rule.here->witness, cells, element.key);
}

void Walker::follow_map(InRule& rule, const LookIn& step, const Set& set, std::optional<State>& returned, unsigned depth) {
  const auto cells = rule.registers.at(step.word).first(set.key_length);
  const auto found = look_up(set, cells, never_);
  const bool depends = found.misses ? !found.elements.empty() : found.elements.size() > 1;
  if (depends) rule.depends = true;
  if (depends && (set.unsteady || is_strange(cells))) note_words(fate_.doubts, words(rule) + ": a field that is not followed");
  const auto before = *rule.here;
  std::optional<State> after;
  if (found.misses) after = before;
  std::vector<Decide> done;
  for (const auto* element : found.elements) {
    if (!element->verdict) {
      join_into(after, before);
      continue;
    }
    const auto same = [&](const Decide& one) { return one.code == element->verdict->code && one.chain == element->verdict->chain; };
    if (std::any_of(done.begin(), done.end(), same)) continue;
    done.push_back(*element->verdict);
    rule.here = before;
    if (depends && !element->catch_all) take_hint(rule.here->witness, cells, element->key);
    decide(rule, *element->verdict, returned, depth);
    if (rule.here) join_into(after, *rule.here);
    rule.here.reset();
  }
  rule.here = after;
}

void Walker::decide(InRule& rule, const Decide& verdict, std::optional<State>& returned, unsigned depth) {
  switch (verdict.code) {
    case NFT_CONTINUE:
      return;
    case NFT_BREAK:
      return leave(rule);
    case NF_ACCEPT:
      accept(rule);
      break;
    case NF_DROP:
      drop(rule);
      break;
    case NFT_RETURN:
      join_into(returned, *rule.here);
      break;
    case NFT_JUMP:
    case NFT_GOTO:
      return jump(rule, verdict, returned, depth);
    default:
      // A queue's program decides.
      note_words(fate_.doubts, words(rule) + ": a program decides (queue)");
      fate_.may_drop = true;
      accept(rule);
      break;
  }
  rule.here.reset();
}

void Walker::jump(InRule& rule, const Decide& verdict, std::optional<State>& returned, unsigned depth) {
  const auto* const chain = find_chain(*stage_->table, verdict.chain);
  if (chain == nullptr) return anything(rule, "a chain that is not known");
  auto end = run_chain(*chain, *rule.here, depth + 1);
  rule.here.reset();
  if (!end) return;
  join_into(verdict.code == NFT_JUMP ? rule.next : returned, *end);
}

void Walker::anything(InRule& rule, std::string_view name) {
  note_words(fate_.doubts, fmt::format("{}: {}", words(rule), name));
  fate_.may_drop = true;
  escaped_ = true;
  auto& state = *rule.here;
  state.mark.reset();
  state.conntrack_mark_known = false;
  state.tracked = Answer::depends;
  state.moved = true;
  accept(rule);
  leave(rule);
}

void Walker::accept(const InRule& rule) {
  join_into(accepted_, *rule.here);
  fate_.accepted_by = words(rule);
  note_words(fate_.passes, words(rule));
  if (fate_.witnesses.size() < most_witnesses) fate_.witnesses.push_back(rule.here->witness);
}

void Walker::drop(const InRule& rule) {
  fate_.may_drop = true;
  note_words(fate_.drops, words(rule));
}

}  // namespace vpn_sentinel::audit
