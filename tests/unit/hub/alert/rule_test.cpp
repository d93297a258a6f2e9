#include "hub/alert/rule.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(rule)

using namespace vpn_sentinel;
using nlohmann::json;

BOOST_AUTO_TEST_CASE(a_rule_is_read_as_it_is_written) {
  for (const auto* text :
       {R"({"name":"leak","on":"finding","findings":["process_*"],"states":["danger"],"clients":["office-*"],"groups":["b"],
                              "delay_s":5,"clear_delay_s":60,"remind_minutes":30,"channels":["phone"],"escalate_after_minutes":15,
                              "escalate_to":["boss"],"quiet_hours":"22:00-07:00","time_zone":"+02:00","group_wait_s":10})",
        R"({"name":"slow","on":"latency","deviations":4.5})", R"({"name":"dns","on":"dns_mismatch","count":3,"of":10})",
        R"({"name":"moves","on":"address_changes","count":4,"window_minutes":30})", R"({"name":"built-in","on":"state"})",
        R"({"name":"silent","on":"silence","delay_s":600})", R"({"name":"e","on":"exposure","exposed_s":90})", R"({"name":"h","on":"hub"})",
        R"({"name":"g","on":"group","groups":["*"]})"}) {
    const auto read = parse_rule(json::parse(text), AlertRule::Source::file);
    BOOST_REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
    BOOST_TEST((parse_rule(to_json(*read), AlertRule::Source::file) == *read));
    BOOST_TEST(to_json(*read)["source"] == "file");
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_field_value_and_what_was_expected) {
  for (const auto& [text, expected] : {
           std::pair{R"([])", "expected an object"},
           {R"({"on":"state"})", "name = nothing: expected a text"},
           {R"({"name":"A b","on":"state"})", "name = \"A b\": expected 1-32 of a-z 0-9 -"},
           {R"({"name":"a"})", "on = nothing"},
           {R"({"name":"a","on":"weather"})", "on = \"weather\": expected one of state, finding"},
           {R"({"name":"a","on":"state","states":["bad"]})", "states = [\"bad\"]: expected a list of secure"},
           {R"({"name":"a","on":"finding"})", "findings = nothing: expected at least one code"},
           {R"({"name":"a","on":"state","delay_s":-1})", "delay_s = -1: expected a whole number from 0 to 86400"},
           {R"({"name":"a","on":"state","delay_s":1.5})", "delay_s = 1.5"},
           {R"({"name":"a","on":"state","delay_s":18446744073709551615})", "delay_s = 18446744073709551615"},
           {R"({"name":"a","on":"state","quiet_hours":"22-7"})", "quiet_hours = \"22-7\": expected two times"},
           {R"({"name":"a","on":"state","time_zone":"Mars"})", "time_zone = \"Mars\": expected local, UTC"},
           {R"({"name":"a","on":"state","escalate_to":["boss"]})", "escalate_to = [\"boss\"]: expected channels, together with"},
           {R"({"name":"a","on":"state","channels":["My phone"]})", "channels = [\"My phone\"]: expected names"},
           {R"({"name":"a","on":"dns_mismatch","count":9,"of":3})", "count = 9: expected no more than"},
           {R"({"name":"a","on":"latency","deviations":0})", "deviations = 0: expected a number from 1"},
           {R"({"name":"a","on":"state","dleay_s":5})", "dleay_s = 5: expected no such field"},
       }) {
    const auto read = parse_rule(json::parse(text), AlertRule::Source::file);
    BOOST_TEST_CONTEXT(text << ": " << (read ? "taken" : read.error().message)) {
      BOOST_TEST(!read.has_value());
      if (!read) BOOST_TEST(read.error().message.find(expected) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
