// Every message of the Python original has one here that says as much: a table by its kinds.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "hub/alert/bot_answers.hpp"
#include "hub/alert/bot_command.hpp"
#include "hub/alert/message.hpp"
#include "hub/alert/telegram_reply.hpp"
#include "hub/state/fleet.hpp"
#include "tests/unit/hub/alert/bot_fixture.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(original_messages)

using namespace vpn_sentinel;
using test::at;

namespace {

struct Kind {
  const char* of_original;
  std::function<std::string()> ours;
  std::vector<std::string> says;  ///< what the original's message has, in our words
};

/// A report as the original's client fills it, with a finding when `code` is one.
Admitted told(std::uint64_t seq, State state, std::string_view code = {}, const std::string& address = "198.51.100.2") {
  auto admitted = test::report("office", "b", seq, state, at(static_cast<int>(seq) * 10));
  admitted.report.public_ip = address;
  admitted.report.location = LocationReport{"RO", "Bucharest", "B", "AS64500 Example", "Europe/Bucharest"};
  admitted.report.dns_location = "RO";
  admitted.report.dns_colo = "OTP";
  admitted.report.findings.clear();
  if (!code.empty()) {
    const auto severity = state == State::danger ? Severity::danger : Severity::warning;
    admitted.report.findings.push_back(test::finding(std::string(code), severity, at(static_cast<int>(seq) * 10)));
  }
  return admitted;
}

std::string text_of(const Change& change) { return telegram_html(notice_of(change).value()); }

std::string connected(State state, std::string_view code = {}) {
  Fleet fleet{FleetPolicy{}};
  return text_of(fleet.apply(told(1, state, code)).at(0));
}

std::string address_changed(State state, std::string_view code = {}) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(told(1, state, code));
  return text_of(fleet.apply(told(2, state, code, "198.51.100.99")).at(0));
}

std::string nobody_left() {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(told(1, State::secure));
  return text_of(fleet.expire(at(1'000'000)).at(0));
}

const std::vector<std::string> facts{"Client: <code>office</code>",
                                     "VPN IP: <code>198.51.100",
                                     "Location: Bucharest, B, RO",
                                     "AS64500 Example",
                                     "Europe/Bucharest",
                                     "RO (OTP)",
                                     "2026-11-21 10:"};

std::vector<std::string> with_facts(std::vector<std::string> words) {
  words.insert(words.end(), facts.begin(), facts.end());
  return words;
}

std::string status(std::vector<BotActions::Snapshot> clients) { return status_page(std::move(clients), {}, 0, false, at(60)).html; }

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_is_there_and_says_as_much) {
  const test::BotWorld world;
  const std::vector<Kind> kinds{
      {"server started",
       [] { return telegram_html(start_notice("1.2.3", at(0), 0)); },
       {"🚀", "started", "1.2.3", "2026-11-21 10:00:00 UTC"}},
      {"connected, secure", [] { return connected(State::secure); }, with_facts({"🟢 <b>VPN Connected!"})},
      {"connected, bypass", [] { return connected(State::danger, "exit_is_hub"); },
       with_facts({"🔴", "VPN Connected!", "BYPASS", "What to do"})},
      {"connected, DNS leak", [] { return connected(State::warning, "dns_egress_is_uplink"); },
       with_facts({"🟡", "VPN Connected!", "WARNING", "What to do"})},
      {"connected, DNS inconclusive", [] { return connected(State::warning, "dns_unverifiable"); },
       with_facts({"🟡", "VPN Connected!", "could not be verified", "What to do"})},
      {"IP changed, secure", [] { return address_changed(State::secure); },
       with_facts({"🟢 <b>VPN IP Changed!", "Previous IP: <code>198.51.100.2</code>", "198.51.100.99"})},
      {"IP changed, bypass", [] { return address_changed(State::danger, "exit_is_hub"); },
       with_facts({"🔴", "VPN IP Changed!", "BYPASS", "Previous IP: <code>198.51.100.2</code>"})},
      {"IP changed, DNS leak", [] { return address_changed(State::warning, "dns_egress_is_uplink"); },
       with_facts({"🟡", "VPN IP Changed!", "Previous IP: <code>198.51.100.2</code>"})},
      {"IP changed, DNS inconclusive", [] { return address_changed(State::warning, "dns_unverifiable"); },
       with_facts({"🟡", "VPN IP Changed!", "Previous IP: <code>198.51.100.2</code>"})},
      {"no clients (promised by its /help, never sent)",
       nobody_left,
       {"⚪ <b>OFFLINE", "<code>office</code>", "Last report: ", "What to do"}},
      {"/ping",
       [&] {
         return ping_answer(BotHub{"1.2.3", std::chrono::hours{2}, "", 0}, world.clients, at(0));
       },
       {"Pong!", "Server time: ", "Active clients: "}},
      {"/status without clients", [] { return status({}); }, {"VPN Status", "No client is known", "Server time: "}},
      {"/status",
       [&] { return status(world.clients); },
       {"VPN Status", "office-1", "198.51.100.2", "Bucharest", "last report", "Server time: "}},
      {"/help", [] { return help_answer(); }, {"Bot Help", "/ping", "/status", "/help"}},
      {"/start", [] { return start_answer(); }, {"/ping", "/status", "/help"}},
      {"an unknown command", [] { return unknown_answer("nothing"); }, {"Unknown command: /nothing", "/help"}},
      {"other text", [] { return unknown_answer(""); }, {"/ping", "/status", "/help"}},
  };
  for (const auto& kind : kinds) {
    const auto text = kind.ours();
    for (const auto& words : kind.says) {
      BOOST_TEST(text.find(words) != std::string::npos, kind.of_original << ": '" << words << "' is not in:\n" << text);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_first_forty_characters_tell_the_kinds_apart) {
  const std::vector<std::string> texts{connected(State::secure),
                                       connected(State::danger, "exit_is_hub"),
                                       connected(State::danger, "default_route_outside"),
                                       connected(State::warning, "dns_unverifiable"),
                                       address_changed(State::secure),
                                       address_changed(State::danger, "exit_is_hub"),
                                       nobody_left()};
  std::vector<std::string> beginnings;
  for (const auto& text : texts) {
    const auto begin = shortened(plain_text(text), 40);
    BOOST_TEST(std::ranges::count(beginnings, begin) == 0, begin);
    beginnings.push_back(begin);
  }
}

BOOST_AUTO_TEST_SUITE_END()
