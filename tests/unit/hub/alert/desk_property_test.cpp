// Random times of a desk, twice: once as it is, once killed and made anew from its rows at random points. Both tell the same.
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/hub/alert/make_desk.hpp"

BOOST_AUTO_TEST_SUITE(desk_property)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr const char* rules[] = {
    R"({"name":"a","on":"state","channels":["phone"]})",
    R"({"name":"b","on":"state","states":["danger"],"delay_s":30,"clear_delay_s":45,"remind_minutes":3,"channels":["mail"]})",
    R"({"name":"c","on":"state","group_wait_s":20,"quiet_hours":"10:10-10:30","time_zone":"UTC","channels":["mail"]})",
    R"({"name":"d","on":"silence","delay_s":60,"escalate_after_minutes":4,"escalate_to":["boss"],"channels":["phone"]})",
    R"({"name":"e","on":"address_changes","count":3,"window_minutes":5,"channels":["phone"]})",
    R"({"name":"f","on":"exposure","exposed_s":90,"remind_minutes":7,"channels":["boss"]})",
};

class Story {
 public:
  Story(DeskBench& bench, unsigned seed, bool kills) : bench_(bench), random_(seed), killer_(seed + 1), kills_(kills) {}

  void run() {
    for (int i = 0; i < 150; ++i) {
      now_ += pick(40) / 2.0;
      step();
      if (kills_ && std::uniform_int_distribution<int>(0, 2)(killer_) == 0) bench_.restart(now_);
    }
    bench_.until(now_ + 3'600);
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  void step() {
    const auto client = "c" + std::to_string(pick(4));
    const auto group = client == "c3" ? "g" : "";
    switch (pick(10)) {
      case 0:
        return bench_.mute(pick(2) == 0 ? client : "group:g", now_ + pick(300), now_);
      case 1:
        return bench_.acknowledge(client, pick(3) > 0, now_);
      case 2:
        return bench_.move(client, now_);
      case 3:
        return bench_.until(now_);
      default:
        break;
    }
    const auto from = states_.contains(client) ? std::optional(states_[client]) : std::nullopt;
    const auto to = static_cast<State>(pick(5));
    states_[client] = to;
    bench_.change(client, from, to, now_, group, {"code"}, std::chrono::seconds{pick(120)});
  }

  DeskBench& bench_;
  std::mt19937 random_;
  std::mt19937 killer_;
  bool kills_;
  double now_ = 0;
  std::map<std::string, State> states_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_desk_that_is_killed_at_random_points_tells_the_same) {
  DeskSettings settings{{}, {"phone", "mail", "boss"}};
  for (const auto* text : rules) settings.rules.push_back(rule_of(text));
  std::size_t told = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    settings.join_wait = seed % 2 == 0 ? std::chrono::milliseconds{0} : Desk::usual_join_wait;
    DeskBench steady(settings);
    DeskBench killed(settings);
    Story(steady, seed, false).run();
    Story(killed, seed, true).run();
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_REQUIRE_EQUAL(steady.notices.size(), killed.notices.size());
      for (std::size_t i = 0; i < steady.notices.size(); ++i) BOOST_REQUIRE(steady.notices[i] == killed.notices[i]);
      for (const auto& [name, row] : steady.rows) {
        BOOST_TEST_CONTEXT(name) { BOOST_TEST(killed.rows[name] == row); }
      }
      BOOST_TEST(steady.rows.size() == killed.rows.size());
    }
    told += steady.notices.size();
  }
  BOOST_TEST(told > 60U * 20U);
}

BOOST_AUTO_TEST_CASE(the_last_word_about_each_client_is_what_is_so_of_it) {
  constexpr int clients = 12;
  for (unsigned seed = 0; seed < 200; ++seed) {
    DeskSettings settings{{rule_of(seed % 3 == 0 ? R"({"name":"r","on":"state","group_wait_s":20})" : R"({"name":"r","on":"state"})")},
                          {"phone"}};
    if (seed % 3 != 1) settings.join_wait = Desk::usual_join_wait;
    DeskBench bench(settings);
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
    std::map<std::string, State> states;
    double now = 0;
    const auto change = [&] {
      const auto client = "c" + std::to_string(pick(clients));
      const auto from = states.try_emplace(client, State::secure).first->second;
      const auto to = static_cast<State>(pick(5));
      if (to == from) return;
      states[client] = to;
      bench.event(client, from, to, now);
    };
    for (int i = 0; i < 80; ++i) {
      now += pick(20) < 18 ? pick(100) / 1'000.0 : pick(30);
      bench.until(now);
      bench.together([&] {
        for (int events = pick(seed % 5 == 0 ? 60 : 4); events >= 0; --events) change();
      });
      if (pick(6) == 0) bench.restart(now);
    }
    bench.until(now + 3'600);
    std::map<std::string, Notice> last;
    for (const auto& [channel, notice] : bench.notices) {
      if (!notice.client_id.empty()) last[notice.client_id] = notice;
      for (const auto& client : notice.clients) last[client] = notice;
    }
    for (const auto& [client, state] : states) {
      const auto& notice = last[client];
      // Of several clients in one message the colours may differ, but not whether it is danger.
      const bool agrees =
          notice.clients.empty() ? notice.to.value_or(State::secure) == state : (notice.to == State::danger) == (state == State::danger);
      BOOST_TEST_CONTEXT("seed " << seed << ", " << client << " is " << to_string(state) << ", told: " << notice.title) {
        BOOST_TEST(agrees);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
