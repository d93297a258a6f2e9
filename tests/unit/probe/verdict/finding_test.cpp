#include "probe/verdict/finding.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

using namespace vpn_sentinel;

namespace {

bool is_snake_case(std::string_view code) {
  return !code.empty() && code.front() >= 'a' && code.front() <= 'z' && code.back() != '_' && code.find("__") == std::string_view::npos &&
         std::ranges::all_of(code, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_sentence(std::string_view text) {
  return text.size() > 10 && text.front() >= 'A' && text.front() <= 'Z' && text.back() == '.' && text.find("  ") == std::string_view::npos;
}

Finding finding_of(Severity severity) { return Finding{"a_code", severity, {}, nlohmann::json::object()}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(finding)

BOOST_AUTO_TEST_CASE(every_code_is_unique_and_snake_case) {
  std::set<std::string_view> codes;
  for (const auto& row : finding_table()) {
    BOOST_TEST(is_snake_case(row.code), row.code);
    BOOST_TEST(codes.insert(row.code).second, row.code);
  }
  BOOST_TEST(codes.size() > 10);
}

BOOST_AUTO_TEST_CASE(every_meaning_is_one_sentence_and_every_advice_ends_with_a_full_stop) {
  for (const auto& row : finding_table()) {
    BOOST_TEST(is_sentence(row.meaning), row.code);
    BOOST_TEST(is_sentence(row.advice), row.code);
    BOOST_TEST(row.meaning.find(". ") == std::string_view::npos, row.code);
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_code_has_no_text) {
  BOOST_TEST(find_text("no_such_code") == nullptr);
  BOOST_TEST(find_text("") == nullptr);
  for (const auto& row : finding_table()) BOOST_TEST(find_text(row.code) == &row);
}

BOOST_AUTO_TEST_CASE(words_of_states_and_severities_read_back) {
  for (const auto state : {State::secure, State::warning, State::contained, State::danger, State::offline}) {
    BOOST_TEST((parse_state(to_string(state)) == state));
  }
  for (const auto severity : {Severity::information, Severity::warning, Severity::contained, Severity::danger}) {
    BOOST_TEST((parse_severity(to_string(severity)) == severity));
  }
  for (const auto* const word : {"", "Secure", "secure ", "green"}) {
    BOOST_TEST(!parse_state(word).has_value(), word);
    BOOST_TEST(!parse_severity(word).has_value(), word);
  }
}

BOOST_AUTO_TEST_CASE(the_most_severe_finding_decides_the_state) {
  using enum Severity;
  const struct {
    std::vector<Severity> severities;
    State state;
  } rows[]{
      {{}, State::secure},
      {{information}, State::secure},
      {{information, information}, State::secure},
      {{warning}, State::warning},
      {{information, warning}, State::warning},
      {{contained}, State::contained},
      {{warning, contained}, State::contained},
      {{danger}, State::danger},
      {{contained, danger, warning}, State::danger},
  };
  for (const auto& row : rows) {
    std::vector<Finding> findings;
    for (const auto severity : row.severities) findings.push_back(finding_of(severity));
    BOOST_TEST(to_string(state_of(findings)) == to_string(row.state));
  }
}

BOOST_AUTO_TEST_SUITE_END()
