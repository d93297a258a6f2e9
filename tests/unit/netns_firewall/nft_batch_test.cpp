#include "netns/firewall/nft_batch.hpp"

#include <linux/netfilter/nfnetlink.h>

#include <boost/test/unit_test.hpp>

#include "netns/firewall/leak_rules.hpp"
#include "tests/unit/netns_firewall/largest_policy.hpp"
#include "tests/unit/netns_firewall/sent_ruleset.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::nft;

namespace {

FirewallPolicy full_policy() {
  FirewallPolicy policy;
  policy.tunnels = {"tun0", "wg0"};
  policy.endpoints = {{IpAddress::parse("198.51.100.2").value(), 17, 51820, 7},
                      {IpAddress::parse("2001:db8::2").value(), 0, 443, 0},
                      {IpAddress::parse("198.51.100.3").value(), 0, 0, 0}};
  policy.local_networks = standard_local_networks();
  policy.uplinks = {"eth1", "eth0"};
  return policy;
}

const TableName table{family_inet, "t"};

}  // namespace

BOOST_AUTO_TEST_SUITE(nft_batch)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_as_the_same_rules) {
  for (const auto action : {OutsideAction::count, OutsideAction::drop}) {
    for (const auto& ruleset : {output_ruleset(action, "x", full_policy(), flag_owner), egress_ruleset(action, "x", full_policy(), 0)}) {
      const auto sent = sent_ruleset(ruleset);
      BOOST_TEST((sent == ruleset));
      BOOST_TEST(first_difference(ruleset, sent).value_or("").empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_begins_and_ends_and_asks_for_one_answer) {
  Batch batch{40};
  batch.add(Table{table, 0, 0});
  batch.remove_rules(table);
  const auto bytes = batch.finish().value();
  std::vector<NetlinkMessage> messages;
  MessageCursor cursor{bytes};
  while (const auto message = cursor.next()) messages.push_back(*message);
  BOOST_TEST_REQUIRE(messages.size() == 4U);
  BOOST_TEST(messages.front().type == NFNL_MSG_BATCH_BEGIN);
  BOOST_TEST(messages.back().type == NFNL_MSG_BATCH_END);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    BOOST_TEST(messages[i].sequence == 40 + i);
    BOOST_TEST(((messages[i].flags & NLM_F_ACK) != 0) == (i == 2));
  }
  BOOST_TEST(batch.last_sequence() == 42U);
}

BOOST_AUTO_TEST_CASE(each_message_has_a_name_for_errors) {
  Batch batch{40};
  batch.add(Table{table, 0, 0});
  batch.add(table, Rule{"c", {Decide{Policy::drop}}, "all"});
  BOOST_TEST(batch.action_of(40).empty());
  BOOST_TEST(batch.action_of(41) == "creating table inet t");
  BOOST_TEST(batch.action_of(42) == "creating rule 'all' of chain 'c' in table inet t");
  BOOST_TEST(batch.action_of(43).empty());
  BOOST_TEST(batch.action_of(0).empty());
}

BOOST_AUTO_TEST_CASE(a_batch_that_changes_nothing_or_is_too_long_is_refused) {
  BOOST_TEST((Batch{1}.finish().error().kind == Error::Kind::invalid));
  Batch batch{1};
  for (int i = 0; i < 20'000; ++i) batch.add(table, Rule{"c", {LoadMeta{1, 0}, Decide{Policy::drop}}, "many"});
  const auto bytes = batch.finish();
  BOOST_TEST_REQUIRE(!bytes.has_value());
  BOOST_TEST(bytes.error().message.find("longer than 1048576 bytes") != std::string::npos, bytes.error().message);
}

BOOST_AUTO_TEST_CASE(the_largest_policy_fits_into_a_batch) {
  const auto policy = largest_policy();
  BOOST_TEST_REQUIRE(check_policy(policy).has_value());
  const std::string id(32, 'x');
  Batch batch{1};
  batch.add(output_ruleset(OutsideAction::drop, id, policy, 0));
  batch.add(egress_ruleset(OutsideAction::drop, id, policy, 0));
  const auto bytes = batch.finish();
  BOOST_TEST(bytes.has_value(), (bytes ? std::string() : bytes.error().message));
  BOOST_TEST((sent_ruleset(output_ruleset(OutsideAction::drop, id, policy, 0)) == output_ruleset(OutsideAction::drop, id, policy, 0)));
}

BOOST_AUTO_TEST_CASE(values_of_impossible_length_are_refused_and_not_written) {
  const auto refused = [](const auto& fill) {
    Batch batch{1};
    fill(batch);
    const auto bytes = batch.finish();
    return !bytes && bytes.error().kind == Error::Kind::invalid;
  };
  const std::string long_name(256, 'n');
  BOOST_TEST(refused([&](Batch& batch) { batch.add(Table{{family_inet, long_name}, 0, 0}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(Table{{family_inet, ""}, 0, 0}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.remove({family_inet, long_name}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add_counter(table, long_name); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Chain{"c", Hook{0, 0, Policy::drop, {"a-device-of-too-many"}}}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Rule{"c", {}, std::string(128, 'c')}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Rule{"c", {Compare{0, Bytes(65, 0)}}, {}}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Rule{"c", {Unknown{"x"}}, {}}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Rule{"c", {LoadMeta{1, 16}}, {}}); }));
  BOOST_TEST(refused([&](Batch& batch) { batch.add(table, Rule{"c", std::vector<Expression>(33, LoadMeta{1, 0}), {}}); }));
}

BOOST_AUTO_TEST_CASE(errors_say_what_is_missing) {
  BOOST_TEST((nft_error(EPERM, {}, "count packets") ==
              Error{Error::Kind::not_permitted, "CAP_NET_ADMIN is needed in the namespace to count packets"}));
  BOOST_TEST((nft_error(EPERM, "removing table inet x", "count packets") ==
              Error{Error::Kind::not_permitted, "removing table inet x: another program that still runs owns the table"}));
  BOOST_TEST((nft_error(EOPNOTSUPP, {}, "count packets") ==
              Error{Error::Kind::unavailable, "this kernel has no nf_tables, which is needed to count packets"}));
  BOOST_TEST((nft_error(ENOENT, "creating chain 'c'", "count packets").kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
