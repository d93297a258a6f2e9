#include "hub/accounts/accounts.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <set>

#include "hub/accounts/jwt.hpp"
#include "hub/accounts/secrets.hpp"
#include "make_accounts.hpp"

namespace vpn_sentinel {
namespace {

const WallTime start = parse_rfc3339("2026-11-21T10:15:30Z").value();

struct Running : AccountFolder {
  std::shared_ptr<std::atomic<std::int64_t>> offset = std::make_shared<std::atomic<std::int64_t>>(0);  ///< seconds
  std::atomic<int> changes = 0;
  std::unique_ptr<Accounts> accounts;
  User anna;

  Running() {
    {
      auto file = open();
      add(file, "anna", Role::admin);
      add(file, "bert", Role::viewer);
    }
    Accounts::Options options;
    options.cost = cheap;
    options.now = [offset = offset] { return start + std::chrono::seconds{*offset}; };
    options.on_changed = [this] { ++changes; };
    accounts = Accounts::start(path(), options).value();
    anna = *accounts->directory()->find("anna");
  }
  ~Running() { accounts.reset(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// What `job` returns when the directory knows what it did.
  template <typename Job>
  auto changed(Job job) {
    std::promise<decltype(job(std::declval<AccountFile&>()))> promise;
    auto result = promise.get_future();
    BOOST_REQUIRE(accounts->change([&](AccountFile& file) -> Accounts::Reply {
      auto value = job(file);
      return [&promise, value] { promise.set_value(value); };
    }));
    return result.get();
  }
  AccountFile::Login log_in(LoginKind kind = LoginKind::session) {
    return changed([&](AccountFile& file) {
      return file.log_in(anna, "", kind, accounts->options().limits, accounts->options().now(), tester).value();
    });
  }
  void pass(std::chrono::seconds time) const { *offset += time.count(); }
};

BOOST_FIXTURE_TEST_SUITE(accounts, Running)

BOOST_AUTO_TEST_CASE(whoever_has_logged_in_is_known_when_the_answer_goes_out) {
  const auto login = log_in();
  const auto identity = accounts->by_session(login.secret);
  BOOST_REQUIRE(identity.has_value());
  BOOST_TEST(identity->user == "anna");
  BOOST_TEST((identity->role == Role::admin));
  BOOST_TEST(!identity->csrf.empty());
  BOOST_TEST(identity->csrf != accounts->by_session(log_in().secret)->csrf);
  BOOST_TEST(!accounts->by_session("x"));
  BOOST_TEST(!accounts->by_session(""));
  BOOST_TEST(!accounts->by_session(identity->credential));  // the hash opens nothing
}

BOOST_AUTO_TEST_CASE(a_session_ends_when_nobody_uses_it) {
  const auto login = log_in();
  pass(std::chrono::hours{11});
  BOOST_TEST(accounts->by_session(login.secret).has_value());
  pass(std::chrono::hours{11});
  const auto identity = accounts->by_session(login.secret);
  BOOST_REQUIRE(identity.has_value());
  pass(std::chrono::hours{12});
  BOOST_TEST(!accounts->holds(*identity));
  BOOST_TEST(!accounts->by_session(login.secret));
}

BOOST_AUTO_TEST_CASE(a_session_ends_however_much_it_is_used) {
  const auto login = log_in();
  for (int hours = 0; hours < 30 * 24; hours += 8) {
    BOOST_TEST(accounts->by_session(login.secret).has_value());
    pass(std::chrono::hours{8});
  }
  BOOST_TEST(!accounts->by_session(login.secret));
}

BOOST_AUTO_TEST_CASE(a_log_out_counts_at_once_and_is_written_when_the_file_can_be_written_again) {
  const auto login = log_in();
  const auto other = log_in();
  auto disk = Database::open(path()).value();
  BOOST_REQUIRE(disk.execute("CREATE TRIGGER full BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END").has_value());
  const auto identity = accounts->by_session(login.secret);
  BOOST_REQUIRE(identity.has_value());
  const auto end = [&](AccountFile& file) {
    accounts->end_session(file, identity->credential, tester);
    return true;
  };
  BOOST_TEST(changed(end));
  const auto nothing = [](AccountFile&) { return true; };
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(!accounts->by_session(login.secret));
    BOOST_TEST(!accounts->holds(*identity));
    BOOST_TEST(changed(nothing));  // the file, which still has it, is read again
  }
  BOOST_TEST(accounts->by_session(other.secret).has_value());
  BOOST_TEST(open().load().value().sessions.contains(identity->credential));
  BOOST_REQUIRE(disk.execute("DROP TRIGGER full").has_value());
  accounts->turn();
  BOOST_TEST(changed(nothing));
  auto file = open();
  BOOST_TEST(!file.load().value().sessions.contains(identity->credential));
  BOOST_TEST(file.audit(0, 1).value().at(0).action == "logged_out");
  BOOST_TEST(accounts->by_session(other.secret).has_value());
}

BOOST_AUTO_TEST_CASE(a_role_that_was_taken_is_gone_at_once) {
  const auto login = log_in();
  static_cast<void>(changed([](AccountFile& file) {
    return file.set_role("bert", Role::admin, tester).and_then([&] { return file.set_role("anna", Role::viewer, tester); }).has_value();
  }));
  BOOST_TEST((accounts->by_session(login.secret)->role == Role::viewer));
}

BOOST_AUTO_TEST_CASE(what_a_command_changes_is_seen_without_a_restart) {
  const auto identity = accounts->by_session(log_in().secret);
  const int before = changes;
  {
    auto command = open();
    BOOST_REQUIRE(command.set_password("anna", hash_password("another password", cheap), "", "", tester).has_value());
  }
  for (int i = 0; i < 500 && changes == before; ++i) {
    accounts->turn();
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  BOOST_TEST(changes > before);
  BOOST_TEST(!accounts->holds(*identity));
}

BOOST_AUTO_TEST_CASE(a_jwt_is_good_as_long_as_its_log_in) {
  const auto login = log_in(LoginKind::jwt);
  const auto now = accounts->options().now();
  const auto token = make_jwt(accounts->directory()->signing_key, {anna.id, "anna", login.family, now, now + std::chrono::minutes{10}});
  const auto identity = accounts->by_jwt(token);
  BOOST_REQUIRE(identity.has_value());
  BOOST_TEST(identity->csrf.empty());
  BOOST_TEST(!identity->scopes.report);
  static_cast<void>(changed([&](AccountFile& file) { return file.end_family(login.secret, tester).value(); }));
  BOOST_TEST(!accounts->by_jwt(token));
  BOOST_TEST(!accounts->holds(*identity));
}

BOOST_AUTO_TEST_CASE(what_a_jwt_or_a_proxy_s_word_has_opened_does_not_hold_for_good) {
  const auto login = log_in(LoginKind::jwt);
  const auto now = accounts->options().now();
  const auto jwt =
      accounts->by_jwt(make_jwt(accounts->directory()->signing_key, {anna.id, "anna", login.family, now, now + std::chrono::seconds{60}}));
  const auto named = accounts->by_name("anna");
  BOOST_REQUIRE((jwt && named));
  BOOST_TEST((jwt->until == now + std::chrono::seconds{60}));
  const auto longest = now + accounts->options().limits.access_token;
  BOOST_TEST((named->until > now && *named->until <= longest && *named->until >= longest - std::chrono::minutes{1}));
  std::set<WallTime> ends;
  for (int i = 0; i < 20; ++i) ends.insert(*accounts->by_name("anna")->until);
  BOOST_TEST(ends.size() > 1U);  // they do not all come again at once
  pass(std::chrono::seconds{59});
  BOOST_TEST((accounts->holds(*jwt) && accounts->holds(*named)));
  pass(std::chrono::seconds{1});
  BOOST_TEST(!accounts->holds(*jwt));
  pass(std::chrono::seconds{540});
  BOOST_TEST(!accounts->holds(*named));
}

BOOST_AUTO_TEST_CASE(a_token_ends_in_time_and_has_its_own_scopes) {
  const auto expires = accounts->options().now() + std::chrono::hours{1};
  const auto made = changed([&](AccountFile& file) {
    return file.add_token({"anna", "t", {true, false, false}, expires}, accounts->options().now(), tester).value();
  });
  const auto identity = accounts->by_token(made.second);
  BOOST_REQUIRE(identity.has_value());
  BOOST_TEST((identity->scopes == Scopes{true, false, false}));
  pass(std::chrono::hours{1});
  BOOST_TEST(!accounts->by_token(made.second));
  BOOST_TEST(!accounts->holds(*identity));
}

BOOST_AUTO_TEST_CASE(a_user_who_was_removed_has_no_rights_left) {
  const auto bert = accounts->by_name("bert");
  BOOST_REQUIRE(bert.has_value());
  static_cast<void>(changed([](AccountFile& file) { return file.remove_user("bert", tester).has_value(); }));
  BOOST_TEST(!accounts->by_name("bert"));
  BOOST_TEST(!accounts->holds(*bert));
}

BOOST_AUTO_TEST_CASE(who_was_seen_is_remembered_over_a_restart) {
  const auto login = log_in();
  pass(std::chrono::hours{10});
  BOOST_TEST(accounts->by_session(login.secret).has_value());
  auto options = accounts->options();
  accounts.reset();
  options.on_changed = [] {};
  accounts = Accounts::start(path(), options).value();
  pass(std::chrono::hours{11});
  BOOST_TEST(accounts->by_session(login.secret).has_value());
}

BOOST_AUTO_TEST_CASE(more_passwords_than_can_wait_are_refused) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  std::size_t taken = 0;
  // One is under way, or all of the first are: what is taken at once waits outside the queue.
  while (taken < 3 * Accounts::most_passwords_waiting && accounts->hash([gate] { gate.wait(); })) ++taken;
  BOOST_TEST(taken < 3 * Accounts::most_passwords_waiting);
  go.set_value();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
