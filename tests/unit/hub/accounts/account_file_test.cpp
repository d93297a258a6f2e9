#include "hub/accounts/account_file.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "hub/accounts/secrets.hpp"
#include "hub/accounts/totp.hpp"
#include "make_accounts.hpp"

namespace vpn_sentinel {
namespace {

const WallTime now = parse_rfc3339("2026-11-21T10:15:30Z").value();
const SessionLimits limits;

User user_of(AccountFile& file, const std::string& name) { return file.load().value().users.at(name); }

AccountFile::Login log_in(AccountFile& file, const std::string& name, const std::string& code = {}, WallTime when = now,
                          LoginKind kind = LoginKind::session) {
  return file.log_in(user_of(file, name), code, kind, limits, when, tester).value();
}

/// The code that the authenticator of `name` shows.
std::string code_of(AccountFile& file, const std::string& name, WallTime when) {
  return hotp(user_of(file, name).totp_secret, static_cast<std::uint64_t>(totp_step(when)));
}

std::vector<std::string> add_totp(AccountFile& file, const std::string& name) {
  const auto secret = make_totp_secret();
  BOOST_REQUIRE(file.begin_totp(name, secret).has_value());
  return file.confirm_totp(name, hotp(secret, static_cast<std::uint64_t>(totp_step(now))), now, tester).value().value();
}

BOOST_FIXTURE_TEST_SUITE(account_file, AccountFolder)

BOOST_AUTO_TEST_CASE(the_file_is_the_owners_alone) {
  umask(0);
  { auto file = open(); }
  umask(0077);
  struct stat found {};
  BOOST_REQUIRE(stat(path().c_str(), &found) == 0);
  BOOST_TEST((found.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(a_user_is_there_after_the_file_was_opened_again) {
  {
    auto file = open();
    add(file, "anna", Role::admin);
  }
  auto file = open();
  const auto anna = user_of(file, "anna");
  BOOST_TEST((anna.role == Role::admin));
  BOOST_TEST(password_matches(anna.password, usual_password));
  BOOST_TEST(!password_matches(anna.password, "another password"));
  BOOST_TEST(has_accounts(folder).value());
}

BOOST_AUTO_TEST_CASE(a_user_whose_making_was_told_survives_a_kill) {
  int told[2];
  BOOST_REQUIRE(pipe(told) == 0);
  const auto child = fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    auto file = AccountFile::open(path());
    const bool added = file && file->add_user("anna", Role::admin, hash_password(usual_password, cheap), false, tester);
    [[maybe_unused]] const auto written = write(told[1], added ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  char answer = 0;
  BOOST_REQUIRE(read(told[0], &answer, 1) == 1);
  BOOST_REQUIRE(kill(child, SIGKILL) == 0);
  BOOST_REQUIRE(waitpid(child, nullptr, 0) == child);
  close(told[0]);
  close(told[1]);
  BOOST_TEST(answer == 'y');
  auto file = open();
  BOOST_TEST(user_of(file, "anna").name == "anna");
}

BOOST_AUTO_TEST_CASE(no_folder_has_accounts_before_somebody_has_one) {
  BOOST_TEST(!has_accounts(folder).value());
  BOOST_TEST(!std::filesystem::exists(path()));
  auto file = open();
  BOOST_TEST(!has_accounts(folder).value());
}

BOOST_AUTO_TEST_CASE(a_file_of_somebody_else_or_of_a_newer_hub_is_refused) {
  {
    auto other = Database::open(folder + "/other.db").value();
    BOOST_REQUIRE(other.execute("CREATE TABLE t (x)").has_value());
    auto newer = Database::open(folder + "/newer.db").value();
    BOOST_REQUIRE(newer.execute("CREATE TABLE t (x); PRAGMA application_id = 0x56504e41; PRAGMA user_version = 99").has_value());
    std::ofstream(folder + "/garbage.db") << "this is no database, however long it may be, and nobody can read it as one";
  }
  for (const auto* name : {"/other.db", "/newer.db", "/garbage.db"}) BOOST_TEST(!AccountFile::open(folder + name));
}

BOOST_AUTO_TEST_CASE(names_are_taken_once_and_the_first_user_must_be_an_admin) {
  auto file = open();
  BOOST_TEST(!file.add_user("victor", Role::viewer, "h", false, tester));
  add(file, "anna", Role::admin);
  BOOST_TEST((file.add_user("anna", Role::viewer, "h", false, tester).error().kind == Error::Kind::invalid));
  BOOST_TEST(!file.add_user("bert", Role::admin, "h", true, tester));
}

BOOST_AUTO_TEST_CASE(the_last_admin_stays_one) {
  auto file = open();
  add(file, "anna", Role::admin);
  add(file, "bert", Role::viewer);
  BOOST_TEST(!file.remove_user("anna", tester));
  BOOST_TEST(!file.set_role("anna", Role::operator_, tester));
  BOOST_TEST(file.set_role("bert", Role::admin, tester).has_value());
  BOOST_TEST(file.remove_user("anna", tester).has_value());
  BOOST_TEST((file.remove_user("anna", tester).error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(a_session_is_kept_as_a_hash_and_goes_with_its_user) {
  auto file = open();
  add(file, "anna", Role::admin);
  add(file, "bert", Role::viewer);
  const auto login = log_in(file, "bert");
  BOOST_TEST((login.result == LoginResult::ok));
  BOOST_TEST(file.load().value().sessions.contains(hash_secret(login.secret)));
  BOOST_TEST(!file.load().value().sessions.contains(login.secret));
  BOOST_REQUIRE(file.remove_user("bert", tester).has_value());
  BOOST_TEST(file.load().value().sessions.empty());
}

BOOST_AUTO_TEST_CASE(a_new_password_ends_all_log_ins_but_the_one_that_made_it) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto kept = hash_secret(log_in(file, "anna").secret);
  static_cast<void>(log_in(file, "anna"));
  static_cast<void>(log_in(file, "anna", "", now, LoginKind::jwt));
  BOOST_REQUIRE(file.set_password("anna", "new", kept, "", tester).has_value());
  const auto all = file.load().value();
  BOOST_TEST(all.sessions.size() == 1U);
  BOOST_TEST(all.sessions.contains(kept));
  BOOST_TEST(all.families.empty());
}

BOOST_AUTO_TEST_CASE(a_password_that_was_changed_meanwhile_logs_nobody_in) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto before = user_of(file, "anna");
  BOOST_REQUIRE(file.set_password("anna", "new", "", "", tester).has_value());
  BOOST_TEST((file.log_in(before, "", LoginKind::session, limits, now, tester).value().result == LoginResult::wrong));
}

BOOST_AUTO_TEST_CASE(the_oldest_of_too_many_log_ins_makes_room) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto first = hash_secret(log_in(file, "anna").secret);
  for (std::size_t i = 0; i < most_sessions_of_user; ++i) static_cast<void>(log_in(file, "anna", "", now + std::chrono::seconds{1 + i}));
  const auto all = file.load().value();
  BOOST_TEST(all.sessions.size() == most_sessions_of_user);
  BOOST_TEST(!all.sessions.contains(first));
}

BOOST_AUTO_TEST_CASE(a_code_is_asked_for_after_it_was_confirmed_and_works_once) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto secret = make_totp_secret();
  BOOST_REQUIRE(file.begin_totp("anna", secret).has_value());
  BOOST_TEST((log_in(file, "anna").result == LoginResult::ok));  // not in force before it was confirmed
  BOOST_TEST(!file.confirm_totp("anna", "000000x", now, tester).value().has_value());
  static_cast<void>(add_totp(file, "anna"));
  BOOST_TEST((log_in(file, "anna").result == LoginResult::code_required));
  const auto later = now + std::chrono::minutes{1};
  BOOST_TEST((log_in(file, "anna", code_of(file, "anna", now), later - std::chrono::seconds{40}).result == LoginResult::code_wrong));
  const auto code = code_of(file, "anna", later);
  BOOST_TEST((log_in(file, "anna", code, later).result == LoginResult::ok));
  BOOST_TEST((log_in(file, "anna", code, later).result == LoginResult::code_wrong));
}

BOOST_AUTO_TEST_CASE(a_recovery_code_stands_for_one_log_in) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto codes = add_totp(file, "anna");
  BOOST_TEST(codes.size() == 10U);
  BOOST_TEST((log_in(file, "anna", codes.front()).result == LoginResult::ok));
  BOOST_TEST((log_in(file, "anna", codes.front()).result == LoginResult::code_wrong));
  BOOST_TEST((log_in(file, "anna", codes.back()).result == LoginResult::ok));
  BOOST_REQUIRE(file.remove_totp("anna", tester).has_value());
  BOOST_TEST((log_in(file, "anna").result == LoginResult::ok));
}

BOOST_AUTO_TEST_CASE(a_refresh_token_is_used_once_and_a_second_time_ends_them_all) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto login = log_in(file, "anna", "", now, LoginKind::jwt);
  const auto second = file.refresh(login.secret, now, tester).value().value();
  BOOST_TEST(second.family == login.family);
  const auto third = file.refresh(second.token, now, tester).value().value();
  BOOST_TEST(!file.refresh(second.token, now, tester).value().has_value());
  BOOST_TEST(!file.refresh(third.token, now, tester).value().has_value());
  BOOST_TEST(file.load().value().families.empty());
}

BOOST_AUTO_TEST_CASE(refresh_tokens_end_with_their_log_in) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto login = log_in(file, "anna", "", now, LoginKind::jwt);
  BOOST_TEST(!file.refresh(login.secret, now + limits.absolute, tester).value().has_value());
  for (const auto* text : {"", "vsr_", "vsr_.", "nonsense", "vsr_x.y"}) BOOST_TEST(!file.refresh(text, now, tester).value().has_value());
  BOOST_TEST(file.end_family(login.secret, tester).value());
  BOOST_TEST(!file.end_family(login.secret, tester).value());
}

BOOST_AUTO_TEST_CASE(an_enrolment_is_redeemed_once_in_time_and_only_when_the_key_was_made) {
  auto file = open();
  const auto made = file.add_enrolment({"office", "berlin", now + std::chrono::hours{1}}, now, tester).value();
  const auto none = [](const Enrolment&) { return Result<bool>{false}; };
  const auto other = [](const Enrolment&) { return Result<bool>{fail(Error::Kind::invalid, "another key")}; };
  const auto fine = [](const Enrolment&) { return Result<void>{}; };
  const auto full = [](const Enrolment&) { return Result<void>{fail(Error::Kind::no_space, "the disk is full")}; };
  BOOST_TEST(!file.redeem("wrong", now, tester, none, fine).value().has_value());
  BOOST_TEST(!file.redeem(made.second, now + std::chrono::hours{1}, tester, none, fine).value().has_value());
  BOOST_TEST(!file.redeem(made.second, now, tester, none, full));
  BOOST_TEST(!file.redeem(made.second, now, tester, other, fine));
  const auto redeemed = file.redeem(made.second, now, tester, none, fine).value();
  BOOST_REQUIRE(redeemed.has_value());
  BOOST_TEST(redeemed->client_id == "office");
  BOOST_TEST(redeemed->group == "berlin");
  BOOST_TEST(!file.redeem(made.second, now, tester, none, fine).value().has_value());
}

BOOST_AUTO_TEST_CASE(tokens_belong_to_their_user) {
  auto file = open();
  add(file, "anna", Role::admin);
  add(file, "bert", Role::viewer);
  const auto made = file.add_token({"anna", "grafana", {true, false, false}, std::nullopt}, now, tester).value();
  BOOST_TEST(file.load().value().tokens.contains(hash_secret(made.second)));
  const auto bert = user_of(file, "bert").id;
  BOOST_TEST((file.remove_token(made.first.id, bert, tester).error().kind == Error::Kind::not_found));
  BOOST_TEST(file.remove_token(made.first.id, std::nullopt, tester).has_value());
  BOOST_TEST(file.load().value().tokens.empty());
}

BOOST_AUTO_TEST_CASE(a_password_that_was_changed_meanwhile_makes_no_token) {
  auto file = open();
  add(file, "anna", Role::admin);
  const auto before = user_of(file, "anna").password;
  BOOST_REQUIRE(file.add_token({"anna", "t", {true, false, false}, std::nullopt, before}, now, tester).has_value());
  BOOST_REQUIRE(file.set_password("anna", "new", "", "", tester).has_value());
  BOOST_TEST(file.load().value().tokens.empty());
  BOOST_TEST((file.add_token({"anna", "t", {true, false, false}, std::nullopt, before}, now, tester).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(what_has_expired_is_removed) {
  auto file = open();
  add(file, "anna", Role::admin);
  static_cast<void>(log_in(file, "anna"));
  static_cast<void>(log_in(file, "anna", "", now, LoginKind::jwt));
  static_cast<void>(file.add_enrolment({"office", "", now + std::chrono::hours{1}}, now, tester));
  BOOST_REQUIRE(file.clean(limits, now + limits.absolute).has_value());
  const auto all = file.load().value();
  BOOST_TEST((all.sessions.empty() && all.families.empty() && all.enrolments.empty()));
}

BOOST_AUTO_TEST_CASE(the_audit_log_tells_who_did_what_newest_first) {
  auto file = open();
  add(file, "anna", Role::admin);
  BOOST_REQUIRE(file.note(tester, "key_added", "office").has_value());
  const auto rows = file.audit(0, 10).value();
  BOOST_REQUIRE(rows.size() == 2U);
  BOOST_TEST(rows[0].action == "key_added");
  BOOST_TEST(rows[0].who == "tester");
  BOOST_TEST(rows[0].address == "192.0.2.7");
  BOOST_TEST(rows[0].target == "office");
  BOOST_TEST(rows[1].target == "anna (admin)");
  BOOST_TEST(file.audit(rows[0].id, 10).value().size() == 1U);
  BOOST_TEST(file.audit(0, 1).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(two_at_once_see_each_others_changes) {
  auto hub = open();
  auto command = open();
  const auto before = hub.version().value();
  add(command, "anna", Role::admin);
  BOOST_TEST(hub.version().value() != before);
  BOOST_TEST(user_of(hub, "anna").name == "anna");
  BOOST_TEST(hub.load().value().signing_key == command.load().value().signing_key);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
