#include "netns/clients/dns_message.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/unit/netns_clients/dns_wire.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

DnsQuery query_for(std::string name, DnsType type = DnsType::txt, DnsClass dns_class = DnsClass::ch,
                   DnsNameCase name_case = DnsNameCase::mixed) {
  return build_dns_query({std::move(name), type, dns_class}, name_case).value();
}

/// A mixed-case question whose letters are not all as they were given; chance leaves 24 letters alone once in 16 million.
DnsQuery mixed_query() {
  for (;;) {
    auto query = query_for("whoami.cloudflare.example.test");
    if (query.question != query_for("whoami.cloudflare.example.test", DnsType::txt, DnsClass::ch, DnsNameCase::plain).question)
      return query;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_message)

BOOST_AUTO_TEST_CASE(a_question_has_the_bytes_of_rfc_1035_and_edns) {
  const auto query = query_for("id.server", DnsType::txt, DnsClass::ch, DnsNameCase::plain);
  const auto expected = bytes({0x01, 0x00, 0,   1,    0,    0,   0,   0,   0,   1,                    // RD, 1 question, 1 additional
                               2,    'i',  'd', 6,    's',  'e', 'r', 'v', 'e', 'r', 0, 0, 16, 0, 3,  // id.server TXT CH
                               0,    0,    41,  0x04, 0xd0, 0,   0,   0,   0,   0,   0});             // OPT, 1232
  BOOST_TEST((Message(query.wire.begin() + 2, query.wire.end()) == expected));
  BOOST_TEST((query.question == Message(expected.begin() + 10, expected.begin() + 25)));
}

BOOST_AUTO_TEST_CASE(ids_and_cases_of_two_questions_differ) {
  bool id_differs = false;
  bool case_differs = false;
  const auto first = query_for("abcdefghijklmnop.test");
  for (int i = 0; i < 20; ++i) {
    const auto other = query_for("abcdefghijklmnop.test");
    id_differs = id_differs || first.wire[0] != other.wire[0] || first.wire[1] != other.wire[1];
    case_differs = case_differs || first.question != other.question;
  }
  BOOST_TEST(id_differs);
  BOOST_TEST(case_differs);
}

BOOST_AUTO_TEST_CASE(what_is_no_domain_name_cannot_be_asked) {
  const std::vector<std::string> names{"", "a..b", std::string(64, 'a') + ".test", std::string("a\0b", 3), std::string(300, 'a')};
  for (const auto& name : names) {
    const auto query = build_dns_query({name, DnsType::a, DnsClass::in}, DnsNameCase::mixed);
    BOOST_REQUIRE(!query);
    BOOST_TEST((query.error().kind == Error::Kind::invalid));
  }
}

BOOST_AUTO_TEST_CASE(the_root_can_be_asked) { BOOST_TEST(query_for(".").question.size() == 5U); }

BOOST_AUTO_TEST_CASE(the_true_answer_matches) {
  const auto query = mixed_query();
  BOOST_TEST((match_dns_answer(query, answer_to(query.wire)) == DnsMatch::yes));
}

BOOST_AUTO_TEST_CASE(one_changed_byte_of_header_or_question_is_another_answer) {
  const auto query = mixed_query();
  const auto good = answer_to(query.wire);
  struct Row {
    const char* what;
    std::size_t at;
    unsigned flip;
  };
  const Row rows[] = {
      {"id, first byte", 0, 1},     {"id, second byte", 1, 0x80}, {"a question, not an answer", 2, 0x80}, {"opcode", 2, 0x08},
      {"no question", 5, 1},        {"257 questions", 4, 1},      {"a letter of the name", 13, 1},        {"a label's length", 12, 1},
      {"type", good.size() - 3, 1}, {"class", good.size() - 1, 1}};
  for (const auto& row : rows) {
    auto forged = good;
    forged[row.at] ^= static_cast<std::byte>(row.flip);
    BOOST_TEST((match_dns_answer(query, forged) == DnsMatch::no), row.what);
  }
}

BOOST_AUTO_TEST_CASE(a_name_in_another_case_is_told_apart) {
  const auto query = mixed_query();
  auto forged = answer_to(query.wire);
  forged[13] ^= std::byte{0x20};
  BOOST_TEST((match_dns_answer(query, forged) == DnsMatch::case_lost));
}

BOOST_AUTO_TEST_CASE(every_cut_of_an_answer_is_refused) {
  const auto query = query_for("whoami.cloudflare");
  const auto good = txt_answer(query.wire, "198.51.100.7");
  for (std::size_t size = 0; size < good.size(); ++size) {
    const std::span<const std::byte> cut(good.data(), size);
    const bool matches = match_dns_answer(query, cut) == DnsMatch::yes;
    BOOST_TEST((!matches || !parse_dns_answer(query, cut)), "cut to " << size << " bytes");
  }
}

BOOST_AUTO_TEST_CASE(the_truncation_bit_is_seen) {
  const auto query = query_for("whoami.cloudflare");
  auto message = answer_to(query.wire);
  BOOST_TEST(!is_truncated(message));
  message[2] |= std::byte{0x02};
  BOOST_TEST(is_truncated(message));
}

BOOST_AUTO_TEST_CASE(strings_of_one_text_record_are_joined_and_records_are_not) {
  const auto query = query_for("whoami.cloudflare");
  auto message = answer_to(query.wire);
  add_record(message, 16, 3, txt_rdata({"198.51.", "100.7"}));
  add_record(message, 16, 3, txt_rdata({""}));
  const auto answer = parse_dns_answer(query, message).value();
  BOOST_TEST(answer.texts == (std::vector<std::string>{"198.51.100.7", ""}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(records_of_another_type_or_class_are_left_out) {
  const auto query = query_for("whoami.cloudflare");
  auto message = answer_to(query.wire);
  add_record(message, 16, 1, txt_rdata({"class IN"}));
  add_record(message, 1, 3, bytes({192, 0, 2, 1}));
  const auto answer = parse_dns_answer(query, message).value();
  BOOST_TEST(answer.texts.empty());
  BOOST_TEST(answer.addresses.empty());
}

BOOST_AUTO_TEST_CASE(addresses_of_both_families_are_read) {
  const auto v4 = query_for("www.test", DnsType::a, DnsClass::in);
  auto message = answer_to(v4.wire);
  add_record(message, 1, 1, bytes({192, 0, 2, 1}));
  add_record(message, 1, 1, bytes({192, 0, 2, 2}));
  BOOST_TEST(parse_dns_answer(v4, message).value().addresses.at(1).to_string() == "192.0.2.2");

  const auto v6 = query_for("www.test", DnsType::aaaa, DnsClass::in);
  message = answer_to(v6.wire);
  add_record(message, 28, 1, bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  BOOST_TEST(parse_dns_answer(v6, message).value().addresses.at(0).to_string() == "2001:db8::1");
}

BOOST_AUTO_TEST_CASE(an_empty_answer_and_a_refusal_are_answers) {
  const auto query = query_for("id.server");
  BOOST_TEST(parse_dns_answer(query, answer_to(query.wire)).value().texts.empty());
  BOOST_TEST(parse_dns_answer(query, answer_to(query.wire, 5)).value().rcode == 5);
  BOOST_TEST(rcode_name(5) == "REFUSED");
  BOOST_TEST(rcode_name(23) == "RCODE23");
}

BOOST_AUTO_TEST_CASE(an_extended_rcode_is_not_taken_for_success) {
  const auto query = query_for("id.server");
  auto message = answer_to(query.wire);
  message[11] = std::byte{1};
  const auto opt = bytes({0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0});  // BADVERS: 1 << 4
  message.insert(message.end(), opt.begin(), opt.end());
  BOOST_TEST(parse_dns_answer(query, message).value().rcode == 16);
}

BOOST_AUTO_TEST_CASE(a_compression_loop_is_an_error) {
  const auto query = query_for("id.server");
  auto message = answer_to(query.wire);
  const auto at = static_cast<unsigned>(message.size());
  message[7] = std::byte{1};
  put16(message, 0xc000U | at);  // a name that points at itself
  put16(message, 16);
  put16(message, 3);
  put16(message, 0);
  put16(message, 0);
  put16(message, 0);
  const auto answer = parse_dns_answer(query, message);
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_text_longer_than_its_record_is_an_error) {
  const auto query = query_for("id.server");
  auto message = answer_to(query.wire);
  add_record(message, 16, 3, bytes({200, 'a', 'b'}));
  BOOST_TEST(!parse_dns_answer(query, message));
}

BOOST_AUTO_TEST_CASE(the_edns_option_that_crashes_printing_is_parsed) {
  const auto query = query_for("id.server");
  auto message = txt_answer(query.wire, "FRA");
  message[11] = std::byte{1};
  const auto opt = bytes({0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 5, 0, 13, 0, 1, 0});
  message.insert(message.end(), opt.begin(), opt.end());
  BOOST_TEST(parse_dns_answer(query, message).value().texts.at(0) == "FRA");
}

BOOST_AUTO_TEST_SUITE_END()
