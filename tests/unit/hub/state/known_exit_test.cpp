// When another exit address is another exit.
#include "hub/state/known_exit.hpp"

#include <boost/test/unit_test.hpp>
#include <utility>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(known_exit_of_a_client)

using namespace vpn_sentinel;
using test::at;

namespace {

constexpr auto v4 = "203.0.113.7";
constexpr auto other_v4 = "203.0.113.8";
constexpr auto v6 = "2001:db8::7";
constexpr auto other_v6 = "2001:db8::8";

/// Reports of one client with their exits, and what was told of each: the address that was left.
class Client {
 public:
  /// `silent`: the family that was looked for in vain.
  std::string sees(std::optional<std::string> exit_v4, std::optional<std::string> exit_v6, const char* silent = nullptr) {
    auto admitted = next(exit_v4 ? exit_v4 : exit_v6);
    auto& report = admitted.report;
    if (report.public_ip) report.exit = ExitReport{std::move(exit_v4), std::move(exit_v6), {}, {}, ""};
    if (silent != nullptr) {
      report.findings = {{"exit_family_silent", Severity::information, at(0), {{silent, {{"error", "no service answered"}}}}}};
    }
    return told(fleet_.apply(admitted));
  }
  /// As who tells one address only.
  std::string shows(const std::string& address) { return told(fleet_.apply(next(address))); }

 private:
  Admitted next(std::optional<std::string> address) {
    ++seq_;
    return test::with_address(test::report("a", "b", seq_, State::secure, at(static_cast<double>(seq_))), std::move(address));
  }
  static std::string told(const std::vector<Change>& changes) {
    return changes.empty() || changes.front().kind != Change::Kind::address_changed ? "" : changes.front().previous_address;
  }

  Fleet fleet_{FleetPolicy{}};
  std::uint64_t seq_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(families_that_answer_one_after_the_other_when_a_tunnel_has_healed_are_no_change) {
  Client client;
  static_cast<void>(client.sees(v4, v6));
  BOOST_TEST(client.sees({}, {}).empty());
  BOOST_TEST(client.sees({}, v6).empty());
  BOOST_TEST(client.sees(v4, v6).empty());
  Client single;
  static_cast<void>(single.sees(v4, {}));
  BOOST_TEST(single.sees({}, v6).empty());
  BOOST_TEST(single.sees(v4, {}).empty());
  Client first;
  static_cast<void>(first.sees({}, v6));
  BOOST_TEST(first.sees(v4, v6).empty());
  BOOST_TEST(first.sees({}, v6).empty());
  BOOST_TEST(first.sees(v4, v6).empty());
}

BOOST_AUTO_TEST_CASE(another_address_of_the_family_is_told_once_also_after_the_other_family_was_seen_alone) {
  Client client;
  static_cast<void>(client.sees(v4, v6));
  BOOST_TEST(client.sees({}, {}).empty());
  BOOST_TEST(client.sees({}, v6).empty());
  BOOST_TEST(client.sees(other_v4, v6) == v4);
  BOOST_TEST(client.sees(other_v4, v6).empty());
  Client of_v6;
  static_cast<void>(of_v6.sees({}, v6));
  BOOST_TEST(of_v6.sees({}, other_v6) == v6);
  BOOST_TEST(of_v6.sees({}, other_v6).empty());
}

BOOST_AUTO_TEST_CASE(from_one_family_to_another_is_told_when_the_old_one_was_looked_for_in_vain) {
  Client client;
  static_cast<void>(client.sees(v4, {}));
  BOOST_TEST(client.sees({}, v6, "v4") == v4);
  BOOST_TEST(client.sees({}, v6, "v4").empty());
  BOOST_TEST(client.sees({}, other_v6, "v4") == v6);
}

BOOST_AUTO_TEST_CASE(a_family_that_falls_silent_beside_the_other_is_no_other_exit_however_often_it_does) {
  Client client;
  static_cast<void>(client.sees(v4, v6));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(client.sees({}, v6, "v4").empty());
    BOOST_TEST(client.sees({}, v6, "v4").empty());
    BOOST_TEST(client.sees(v4, v6).empty());
  }
}

BOOST_AUTO_TEST_CASE(who_tells_one_address_only_has_another_exit_with_every_other_address) {
  Client client;
  static_cast<void>(client.shows(v4));
  BOOST_TEST(client.shows(v6) == v4);
  BOOST_TEST(client.shows(v6).empty());
  BOOST_TEST(client.shows(other_v6) == v6);
}

BOOST_AUTO_TEST_SUITE_END()
