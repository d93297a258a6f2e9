// Arbitrary bytes as what nf_tables lists: a datagram of messages, and one payload given to each decoder; a rule is also walked through by
// the audit. Checked beyond "does not crash": what is read keeps the limits, and a rule that can be written again is read as itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "netns/firewall/leak_bell.hpp"
#include "netns/firewall/leak_counters.hpp"
#include "netns/firewall/nft_batch.hpp"
#include "netns/firewall/nft_decode.hpp"
#include "netns/firewall/ruleset_audit.hpp"
#include "netns/firewall/ruleset_decode.hpp"
#include "netns/firewall/ruleset_events.hpp"
#include "netns/netlink/attribute_cursor.hpp"

using namespace vpn_sentinel;

namespace {

constexpr std::size_t most_elements = 100;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_same_again(const nft::Rule& rule) {
  nft::Batch batch{1};
  batch.add({nft::family_inet, "t"}, rule);
  const auto bytes = batch.finish();
  if (!bytes) return;
  MessageCursor messages{*bytes};
  (void)messages.next();
  const auto message = messages.next();
  require(message.has_value());
  const auto again = nft::decode_rule(message->payload);
  require(again && again->value == rule);
}

void require_sane(std::span<const std::byte> payload) {
  (void)nft::decode_table(payload);
  (void)nft::decode_chain(payload);
  (void)nft::decode_set(payload);
  (void)nft::decode_counter(payload);
  (void)nft::decode_quota(payload);
  if (const auto rule = nft::decode_rule(payload)) {
    require(rule->value.expressions.size() <= nft::most_expressions);
    require_same_again(rule->value);
  }
  if (const auto elements = nft::decode_elements(payload, most_elements)) {
    require(elements->value.size() <= most_elements);
    for (const auto& element : elements->value) {
      require(!element.key.empty() && element.key.size() <= 64);
      for (const auto family : {Family::v4, Family::v6}) {
        if (const auto destination = decode_destination(element, family)) require(destination->address.family() == family);
      }
    }
  }
  for (const auto flags : {NLM_F_ACK_TLVS, NLM_F_ACK_TLVS | NLM_F_CAPPED}) {
    require(nft::decode_error_text(payload, static_cast<std::uint16_t>(flags)).size() <= 200);
  }
}

/// Whatever the rule is, it is walked through without harm, and what cannot be read holds nothing.
void require_audited(audit::Rule rule, const audit::Set& set) {
  audit::Table table;
  table.name = {nft::family_inet, "t"};
  table.sets.emplace(set.name, set);
  audit::Chain chain;
  chain.name = "c";
  chain.hook = audit::Hook{3, 0, nft::Policy::accept, {}, false};
  chain.rules.push_back(std::move(rule));
  table.chains.push_back(std::move(chain));
  audit::Ruleset ruleset;
  ruleset.tables.push_back(std::move(table));
  audit::AuditQuestion question;
  question.uplinks = {{"eth0", 2}};
  (void)audit_ruleset(ruleset, question);
  ruleset.incomplete = "cut";
  require(audit_ruleset(ruleset, question).verdict == audit::AuditVerdict::undecided);
}

void require_sane_audit(std::span<const std::byte> payload, audit::Set& set) {
  (void)audit::decode_table(payload);
  (void)audit::decode_chain(payload);
  (void)audit::decode_generation(payload);
  if (auto found = audit::decode_set(payload)) set = std::move(found->value);
  if (auto elements = audit::decode_elements(payload)) set.elements = std::move(elements->value.elements);
  if (auto rule = audit::decode_rule(payload)) {
    require(rule->value.steps.size() <= audit::most_steps);
    require_audited(std::move(rule->value), set);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  (void)rings_bell(bytes, "t");
  audit::Set set;
  audit::ChangeReader changes;
  for (const auto& change : changes.take(bytes)) {
    require(change.tables.size() <= 16 && change.program.size() <= 15);
    (void)audit::is_own_change(change, 1, "x");
    (void)audit::describe_tables(change);
  }
  require_sane(bytes);
  require_sane_audit(bytes, set);
  MessageCursor messages{bytes};
  while (const auto message = messages.next()) {
    require_sane(message->payload);
    require_sane_audit(message->payload, set);
  }
  return 0;
}
