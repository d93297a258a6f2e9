#include "netns/namespace/namespace_ref.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(namespace_ref)

BOOST_AUTO_TEST_CASE(every_form_names_its_file_and_is_written_as_it_was_read) {
  const auto check = [](std::string_view text, const NamespaceRef& expected, std::string_view file) {
    const auto ref = NamespaceRef::parse(text);
    BOOST_TEST_REQUIRE(ref.has_value(), text);
    BOOST_TEST((*ref == expected), text);
    BOOST_TEST(ref->to_string() == text);
    BOOST_TEST(ref->file() == file);
  };
  check("self", {NamespaceRef::Kind::self, ""}, "/proc/self/ns/net");
  check("name:vpn", {NamespaceRef::Kind::name, "vpn"}, "/run/netns/vpn");
  check("name:..vpn.", {NamespaceRef::Kind::name, "..vpn."}, "/run/netns/..vpn.");
  check("pid:4242", {NamespaceRef::Kind::pid, "4242"}, "/proc/4242/ns/net");
  check("path:/proc/1/ns/net", {NamespaceRef::Kind::path, "/proc/1/ns/net"}, "/proc/1/ns/net");
  check("container:gluetun_1.a-b", {NamespaceRef::Kind::container, "gluetun_1.a-b"}, "");
}

BOOST_AUTO_TEST_CASE(a_pid_and_its_file_in_proc_name_the_same_process) {
  const auto process = [](std::string_view text) { return NamespaceRef::parse(text).value().process().value_or(0); };
  BOOST_TEST(process("pid:4242") == 4242);
  BOOST_TEST(process("path:/proc/4242/ns/net") == 4242);
  BOOST_TEST(process("path:/proc/self/ns/net") == 0);
  BOOST_TEST(process("path:/proc/4242/ns/mnt") == 0);
  BOOST_TEST(process("path:/proc/ns/net") == 0);
  BOOST_TEST(process("name:4242") == 0);
  BOOST_TEST((NamespaceRef::of_pid(7) == NamespaceRef::parse("pid:7").value()));
}

BOOST_AUTO_TEST_CASE(a_name_with_wildcards_is_a_pattern_for_names) {
  const auto pattern = NamespaceRef::parse("name:vpn-*").value();
  BOOST_TEST(pattern.is_pattern());
  BOOST_TEST(pattern.matches("vpn-de"));
  BOOST_TEST(pattern.matches("vpn-"));
  BOOST_TEST(!pattern.matches("my-vpn-de"));
  BOOST_TEST(!NamespaceRef::parse("name:*").value().matches(".hidden"));
  BOOST_TEST(!NamespaceRef::parse("name:vpn").value().is_pattern());
  BOOST_TEST(!NamespaceRef::parse("path:/run/netns/*").value().is_pattern());
}

BOOST_AUTO_TEST_CASE(what_a_pattern_leaves_open_is_the_variable_part) {
  const auto part = [](std::string_view text, std::string_view name) { return NamespaceRef::parse(text).value().variable_part(name); };
  BOOST_TEST(part("name:vpn-*", "vpn-de") == "de");
  BOOST_TEST(part("name:*-vpn", "de-vpn") == "de");
  BOOST_TEST(part("name:a-*-b-?-c", "a-1-b-2-c") == "1-b-2");
  BOOST_TEST(part("name:vpn[0-9]", "vpn7") == "7");
  BOOST_TEST(part("name:*", "anything") == "anything");
  BOOST_TEST(part("name:vpn-*", "vpn-").empty());
}

BOOST_AUTO_TEST_CASE(a_pid_loses_its_leading_zeros) { BOOST_TEST((NamespaceRef::parse("pid:0042")->value) == "42"); }

BOOST_AUTO_TEST_CASE(a_name_as_long_as_a_file_name_may_be_is_accepted_and_a_longer_one_is_not) {
  BOOST_TEST(NamespaceRef::parse("name:" + std::string(255, 'a')).has_value());
  BOOST_TEST(!NamespaceRef::parse("name:" + std::string(256, 'a')).has_value());
}

BOOST_AUTO_TEST_CASE(a_wrong_reference_is_refused_with_a_sentence_that_tells_what_is_wrong) {
  const auto check = [](std::string_view text, std::string_view part) {
    const auto ref = NamespaceRef::parse(text);
    BOOST_TEST_REQUIRE(!ref.has_value(), text);
    BOOST_TEST((ref.error().kind == Error::Kind::invalid));
    BOOST_TEST(ref.error().message.find(part) != std::string::npos, ref.error().message);
  };
  check("", "name:NAME");
  check("vpn", "'vpn' does not name a network namespace");
  check("Self", "'Self'");
  check("name:", "empty");
  check("name:.", "one file name");
  check("name:..", "one file name");
  check("name:../../etc/passwd", "use path:");
  check("name:a\nb", "control character");
  check("pid:", "positive number");
  check("pid:0", "positive number");
  check("pid:-1", "positive number");
  check("pid:12x", "'12x'");
  check("pid:99999999999", "positive number");
  check("path:", "absolute");
  check("path:run/netns/vpn", "must start with '/'");
  check("path:/" + std::string(5000, 'a'), "fewer than");
  check(std::string_view("path:/a\0b", 9), "control character");
  check("container:", "no name or id of a container");
  check("container:../x", "no name or id");
  check("container:a/b", "'a/b'");
  check("container:-a", "no name or id");
  check("container:" + std::string(256, 'a'), "at most 255");
}

BOOST_AUTO_TEST_CASE(an_error_message_never_repeats_control_characters_or_a_long_input) {
  const auto message = NamespaceRef::parse("\x1b[31m" + std::string(5000, 'x')).error().message;
  BOOST_TEST(message.find('\x1b') == std::string::npos);
  BOOST_TEST(message.size() < 300U);
}

BOOST_AUTO_TEST_SUITE_END()
