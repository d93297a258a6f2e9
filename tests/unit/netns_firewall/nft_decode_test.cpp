#include "netns/firewall/nft_decode.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

using MessageBytes = vpn_sentinel::Bytes;

// Layout: struct nfgenmsg, then attributes whose numbers are in network order (linux/netfilter/nf_tables.h).
Payload message() { return Payload{nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0}}; }
MessageBytes big(std::uint32_t value) { return value_of(htonl(value)); }
MessageBytes big64(std::uint64_t value) { return value_of(htobe64(value)); }

MessageBytes expression(std::string_view name, const Payload& data) {
  return Payload{}.add(NFTA_EXPR_NAME, name).add(NFTA_EXPR_DATA, data.bytes()).bytes();
}
MessageBytes counted(std::uint64_t packets, std::uint64_t bytes) {
  return Payload{}.add(NFTA_COUNTER_BYTES, big64(bytes)).add(NFTA_COUNTER_PACKETS, big64(packets)).bytes();
}
MessageBytes value(const MessageBytes& bytes) { return Payload{}.add(NFTA_DATA_VALUE, bytes).bytes(); }

Payload rule_with(std::initializer_list<MessageBytes> expressions) {
  Payload list;
  for (const auto& one : expressions) list.add(NFTA_LIST_ELEM, one);
  return message()
      .add(NFTA_RULE_TABLE, std::string_view("t"))
      .add(NFTA_RULE_CHAIN, std::string_view("c"))
      .add(NFTA_RULE_EXPRESSIONS, list.bytes());
}
nft::Expression first_of(const MessageBytes& one) { return nft::decode_rule(rule_with({one})).value().value.expressions.front(); }
bool is_unknown(const nft::Expression& one) { return std::holds_alternative<nft::Unknown>(one); }

Payload whole_chain() {
  const auto devices = Payload{}.add(NFTA_DEVICE_NAME, std::string_view("eth1")).add(NFTA_DEVICE_NAME, std::string_view("eth0")).bytes();
  const auto hook =
      Payload{}.add(NFTA_HOOK_HOOKNUM, big(1)).add(NFTA_HOOK_PRIORITY, big(static_cast<std::uint32_t>(-7))).add(NFTA_HOOK_DEVS, devices);
  return message()
      .add(NFTA_CHAIN_TABLE, std::string_view("t"))
      .add(NFTA_CHAIN_NAME, std::string_view("c"))
      .add(NFTA_CHAIN_HOOK, hook.bytes())
      .add(NFTA_CHAIN_POLICY, big(NF_DROP));
}

Payload elements() {
  const auto element = Payload{}
                           .add(NFTA_SET_ELEM_KEY, value(MessageBytes(16, std::byte{9})))
                           .add(NFTA_SET_ELEM_EXPR, expression("counter", Payload{}.append(nlattr{}, {})))
                           .bytes();
  const auto good =
      Payload{}
          .add(NFTA_SET_ELEM_KEY, value(MessageBytes(16, std::byte{1})))
          .add(NFTA_SET_ELEM_EXPR, Payload{}.add(NFTA_EXPR_NAME, std::string_view("counter")).add(NFTA_EXPR_DATA, counted(3, 400)).bytes())
          .bytes();
  return message()
      .add(NFTA_SET_ELEM_LIST_TABLE, std::string_view("t"))
      .add(NFTA_SET_ELEM_LIST_SET, std::string_view("s"))
      .add(NFTA_SET_ELEM_LIST_ELEMENTS, Payload{}.add(NFTA_LIST_ELEM, good).add(NFTA_LIST_ELEM, element).bytes());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nft_decode)

BOOST_AUTO_TEST_CASE(a_table_is_read_with_its_owner) {
  const auto table =
      nft::decode_table(message().add(NFTA_TABLE_NAME, std::string_view("t")).add(NFTA_TABLE_FLAGS, big(2)).add(NFTA_TABLE_OWNER, big(77)))
          .value();
  BOOST_TEST((table == nft::Table{{nft::family_inet, "t"}, nft::flag_owner, 77}));
}

BOOST_AUTO_TEST_CASE(a_chain_is_read_with_hook_policy_and_sorted_devices) {
  const auto chain = nft::decode_chain(whole_chain()).value();
  BOOST_TEST((chain.value == nft::Chain{"c", nft::Hook{1, -7, nft::Policy::drop, {"eth0", "eth1"}}}));
}

BOOST_AUTO_TEST_CASE(a_counter_is_read_and_another_object_is_none) {
  const auto object = [](std::uint32_t type) {
    return message()
        .add(NFTA_OBJ_TABLE, std::string_view("t"))
        .add(NFTA_OBJ_NAME, std::string_view("n"))
        .add(NFTA_OBJ_TYPE, big(type))
        .add(NFTA_OBJ_DATA, counted(5, 600));
  };
  BOOST_TEST((nft::decode_counter(object(NFT_OBJECT_COUNTER)).value().value == nft::Counter{"n", {5, 600}}));
  BOOST_TEST(!nft::decode_counter(object(NFT_OBJECT_QUOTA)).has_value());
}

BOOST_AUTO_TEST_CASE(elements_are_read_with_their_counters_and_no_more_than_asked_for) {
  const auto all = nft::decode_elements(elements(), 10).value().value;
  BOOST_TEST_REQUIRE(all.size() == 2U);
  BOOST_TEST((all[0] == nft::Element{nft::Bytes(16, 1), {3, 400}}));
  BOOST_TEST((all[1].traffic == nft::Traffic{}));
  BOOST_TEST(nft::decode_elements(elements(), 1).value().value.size() == 1U);
}

BOOST_AUTO_TEST_CASE(expressions_that_do_something_else_are_unknown) {
  const auto compare = Payload{}.add(NFTA_CMP_SREG, big(NFT_REG_1)).add(NFTA_CMP_OP, big(NFT_CMP_EQ));
  BOOST_TEST(
      (first_of(expression("cmp", Payload{compare}.add(NFTA_CMP_DATA, value(bytes_of({1}))))) == nft::Expression{nft::Compare{0, {1}}}));
  BOOST_TEST(is_unknown(first_of(expression("cmp", compare))));
  BOOST_TEST(
      is_unknown(first_of(expression("cmp", Payload{}.add(NFTA_CMP_SREG, big(NFT_REG_2)).add(NFTA_CMP_DATA, value(bytes_of({1})))))));
  BOOST_TEST(is_unknown(first_of(expression("meta", Payload{}.add(NFTA_META_SREG, big(1))))));
  BOOST_TEST(is_unknown(first_of(expression("meta", Payload{}.add(NFTA_META_KEY, big(1)).add(NFTA_META_DREG, big(99))))));
  BOOST_TEST(is_unknown(first_of(expression("limit", Payload{}))));
  BOOST_TEST(is_unknown(first_of(bytes_of({}))));
  const auto verdict = Payload{}.add(NFTA_VERDICT_CODE, big(static_cast<std::uint32_t>(NFT_RETURN))).bytes();
  const auto data = Payload{}.add(NFTA_DATA_VERDICT, verdict).bytes();
  BOOST_TEST(is_unknown(first_of(expression("immediate", Payload{}.add(NFTA_IMMEDIATE_DREG, big(0)).add(NFTA_IMMEDIATE_DATA, data)))));
}

BOOST_AUTO_TEST_CASE(a_value_that_is_longer_than_registers_is_not_taken) {
  const auto constant = [](std::size_t size) {
    return first_of(expression(
        "immediate", Payload{}.add(NFTA_IMMEDIATE_DREG, big(NFT_REG_1)).add(NFTA_IMMEDIATE_DATA, value(MessageBytes(size, std::byte{1})))));
  };
  BOOST_TEST(!is_unknown(constant(64)));
  BOOST_TEST(is_unknown(constant(65)));
}

BOOST_AUTO_TEST_CASE(a_rule_of_very_many_expressions_ends_in_an_unknown) {
  Payload list;
  for (int i = 0; i < 100; ++i) list.add(NFTA_LIST_ELEM, expression("objref", Payload{}));
  const auto rule = nft::decode_rule(message()
                                         .add(NFTA_RULE_TABLE, std::string_view("t"))
                                         .add(NFTA_RULE_CHAIN, std::string_view("c"))
                                         .add(NFTA_RULE_EXPRESSIONS, list.bytes()));
  BOOST_TEST(rule.value().value.expressions.size() == nft::most_expressions);
  BOOST_TEST(is_unknown(rule.value().value.expressions.back()));
}

BOOST_AUTO_TEST_CASE(a_message_without_its_table_or_name_is_refused) {
  BOOST_TEST(!nft::decode_table({}).has_value());
  BOOST_TEST(!nft::decode_table(message()).has_value());
  BOOST_TEST(!nft::decode_chain(message().add(NFTA_CHAIN_TABLE, std::string_view("t"))).has_value());
  BOOST_TEST(!nft::decode_rule(message().add(NFTA_RULE_TABLE, std::string_view("t"))).has_value());
  BOOST_TEST(!nft::decode_set(message().add(NFTA_SET_TABLE, std::string_view("t"))).has_value());
}

BOOST_AUTO_TEST_CASE(messages_that_are_cut_anywhere_are_read_without_harm) {
  const auto rule = rule_with({expression("cmp", Payload{}.add(NFTA_CMP_SREG, big(1)).add(NFTA_CMP_DATA, value(bytes_of({1, 2}))))});
  for (const auto& whole : {whole_chain(), elements(), rule}) {
    for (std::size_t length = 0; length <= whole.bytes().size(); ++length) {
      const std::span<const std::byte> cut{whole.bytes().data(), length};
      (void)nft::decode_chain(cut);
      (void)nft::decode_rule(cut);
      BOOST_TEST(nft::decode_elements(cut, 10).value_or(nft::Owned<std::vector<nft::Element>>{}).value.size() <= 2U);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kernels_words_about_an_error_are_taken_and_cleaned) {
  const auto error = Payload{nlmsgerr{-EINVAL, {sizeof(nlmsghdr) + 4, 1, 0, 1, 0}}};
  const auto capped = Payload{error}.add(NLMSGERR_ATTR_MSG, std::string_view("not so\n"));
  BOOST_TEST(nft::decode_error_text(capped, NLM_F_CAPPED | NLM_F_ACK_TLVS) == "not so");
  BOOST_TEST(nft::decode_error_text(capped, NLM_F_CAPPED).empty());
  const auto whole = Payload{error}.append(std::uint32_t{0}, {}).add(NLMSGERR_ATTR_MSG, std::string_view("why"));
  BOOST_TEST(nft::decode_error_text(whole, NLM_F_ACK_TLVS) == "why");
  BOOST_TEST(nft::decode_error_text(bytes_of({1, 2}), NLM_F_ACK_TLVS).empty());
}

BOOST_AUTO_TEST_SUITE_END()
