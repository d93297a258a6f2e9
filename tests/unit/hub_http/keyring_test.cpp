#include "hub/http/keyring.hpp"

#include <sodium.h>

#include <boost/test/unit_test.hpp>
#include <set>

namespace vpn_sentinel {
namespace {

ClientKey key_of(std::string name, std::string_view key) { return {{std::move(name), {"office-vpn", "lab-*"}, false}, hash_key(key), {}}; }

BOOST_AUTO_TEST_SUITE(keyring)

BOOST_AUTO_TEST_CASE(every_key_is_found_and_nothing_that_resembles_one) {
  std::vector<ClientKey> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(key_of("k" + std::to_string(i), "vs_" + std::to_string(i)));
  const Keyring ring("shared", keys);
  for (int i = 0; i < 100; ++i) {
    const auto grant = ring.find("vs_" + std::to_string(i));
    BOOST_TEST_REQUIRE(grant != nullptr);
    BOOST_TEST(grant->name == "k" + std::to_string(i));
  }
  BOOST_TEST_REQUIRE(ring.find("shared") != nullptr);
  BOOST_TEST(ring.find("shared")->is_shared());
  for (const auto* wrong : {"", "share", "sharedd", "Shared", "vs_", "vs_100", "k1"}) BOOST_TEST(ring.find(wrong) == nullptr);
  BOOST_TEST(Keyring().find("") == nullptr);
  BOOST_TEST(Keyring("", {}).empty());
}

BOOST_AUTO_TEST_CASE(a_hash_is_what_sha256sum_prints_one_after_the_other) {
  const auto hex_of = [](std::string_view key) {
    const auto line = format_keys({key_of("a", key)});
    const auto begin = line.find("\"hash\":\"") + 8;
    return line.substr(begin, line.find('"', begin) - begin);
  };
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(hex_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(hex_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(hex_of(std::string(1'000, 'x')).size() == 64U);
  }
}

BOOST_AUTO_TEST_CASE(a_shared_key_that_is_also_a_clients_is_the_shared_one) {
  const Keyring ring("vs_1", {key_of("a", "vs_0"), key_of("b", "vs_1"), key_of("c", "vs_2")});
  BOOST_TEST(ring.find("vs_1")->is_shared());
  BOOST_TEST(ring.has_same_shared_key(Keyring("vs_1", {})));
  BOOST_TEST(!ring.has_same_shared_key(Keyring("vs_2", {})));
  BOOST_TEST(!ring.has_same_shared_key(Keyring()));
}

BOOST_AUTO_TEST_CASE(a_key_reports_for_its_ids_and_for_what_begins_like_its_patterns) {
  const auto grant = key_of("a", "vs_0").grant;
  for (const auto* id : {"office-vpn", "lab-1", "lab-"}) BOOST_TEST(grant.may_report(id));
  for (const auto* id : {"office-vpn2", "office", "lab", "Lab-1", ""}) BOOST_TEST(!grant.may_report(id));
  BOOST_TEST((KeyGrant{"all", {"*"}, false}.may_report("anybody")));
  BOOST_TEST(!(KeyGrant{"reader", {}, true}.may_report("anybody")));
}

BOOST_AUTO_TEST_CASE(a_group_of_a_key_is_no_client_of_it_and_a_client_no_group) {
  const KeyGrant enrolled{"office-2", {"office-2"}, false, std::vector<std::string>{"office"}};
  BOOST_TEST(enrolled.may_report("office-2"));
  BOOST_TEST(enrolled.may_report_in("office"));
  BOOST_TEST(!enrolled.may_report("office"));
  BOOST_TEST(!enrolled.may_report_in("office-2"));
  const KeyGrant alone{"office", {"office"}, false, std::vector<std::string>{}};
  BOOST_TEST(!alone.may_report_in("office"));
  const KeyGrant by_hand{"lab", {"lab-*"}, false};
  BOOST_TEST(by_hand.may_report_in("lab-group"));
  BOOST_TEST(!by_hand.may_report_in("office"));
}

BOOST_AUTO_TEST_CASE(a_generated_key_is_43_characters_of_base64url_and_never_the_same) {
  BOOST_REQUIRE(sodium_init() >= 0);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto key = generate_key();
    BOOST_TEST(key.starts_with("vs_"));
    BOOST_TEST(key.size() == 46U);
    BOOST_TEST(key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos);
    BOOST_TEST(seen.insert(key).second);
  }
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again_and_holds_the_hash_that_sha256sum_prints) {
  auto keys = std::vector<ClientKey>{key_of("a", "abc"), key_of("b", "x")};
  keys[1].grant.may_read = true;
  keys[1].grant.clients.clear();
  keys.push_back(key_of("c", "y"));
  keys[2].grant.groups = {"berlin"};
  keys.push_back(key_of("d", "z"));
  keys[3].grant.groups.emplace();
  const auto text = format_keys(keys);
  BOOST_TEST(text.find("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") != std::string::npos);
  BOOST_TEST((parse_keys(text).value() == keys));
  BOOST_TEST(parse_keys("").value().empty());
  BOOST_TEST(parse_keys("\n \n" + text).value().size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_wrong_line_is_named_with_its_field) {
  const std::string good = format_keys({key_of("a", "abc")});
  const auto changed = [&](const std::string& what, const std::string& by) {
    auto text = format_keys({key_of("b", "x")});
    text.replace(text.find(what), what.size(), by);
    return good + text;
  };
  struct Row {
    std::string text;
    std::string field;
  };
  for (const auto& row :
       {Row{good + "[]\n", "line"}, Row{good + "{\n", "line"}, Row{good + "{\"name\":1}", "name"}, Row{changed("\"b\"", "\"b b\""), "name"},
        Row{changed("\"b\"", "\"a\""), "name"}, Row{changed("\"b\"", "\"" + std::string(65, 'b') + "\""), "name"},
        Row{changed("\"hash\":\"", "\"hash\":\"0"), "hash"}, Row{changed("\"hash\":\"2", "\"hash\":\"g"), "hash"},
        Row{changed("lab-*", "l*b"), "clients"}, Row{changed("[\"office-vpn\"", "[5"), "clients"}, Row{changed("false", "0"), "read"},
        Row{changed("\"hash\"", "\"groups\":\"b\",\"hash\""), "groups"}, Row{changed("\"hash\"", "\"groups\":[\"*\"],\"hash\""), "groups"},
        Row{changed("1970", "70"), "created"}, Row{good + std::string(20'000, 'x'), "length"}}) {
    if (row.field == "clients" && row.text == good) continue;
    const auto keys = parse_keys(row.text);
    BOOST_TEST_CONTEXT(row.text) {
      BOOST_TEST_REQUIRE(!keys.has_value());
      BOOST_TEST(keys.error().message.starts_with("line 2: " + row.field + ":"), keys.error().message);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
