#include "probe/watch/namespace_events.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
namespace files = std::filesystem;

namespace {

struct Folder {
  Folder() { files::create_directories(root); }
  ~Folder() { files::remove_all(root); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void touch(const std::string& name) const { std::ofstream(root + "/" + name) << name; }
  NamespaceEvents::Handler collect() {
    return [this](const std::string& name) { told.push_back(name.empty() ? "everything" : name); };
  }
  bool run_until_told(std::size_t count) {
    return run_until(io, [&] { return told.size() >= count; });
  }

  std::string root = fmt::format("{}/vs{}-events", files::temp_directory_path().string(), ::getpid());
  boost::asio::io_context io{1};
  NamespaceEvents& events = boost::asio::use_service<NamespaceEvents>(io);
  std::vector<std::string> told;
};

using Names = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(namespace_events, Folder)

BOOST_AUTO_TEST_CASE(files_that_appear_move_and_vanish_are_told) {
  const auto subscription = events.subscribe(root, {}, collect());
  touch("a");
  files::rename(root + "/a", root + "/b");
  files::remove(root + "/b");
  BOOST_TEST_REQUIRE(run_until_told(4));
  BOOST_TEST(told == (Names{"a", "a", "b", "b"}));
}

BOOST_AUTO_TEST_CASE(who_waits_for_one_name_hears_of_no_other_and_who_left_hears_nothing) {
  const auto one = events.subscribe(root, "b", collect());
  auto left = events.subscribe(root, {}, [](const std::string&) { BOOST_ERROR("told"); });
  left.reset();
  touch("a");
  touch("b");
  BOOST_TEST_REQUIRE(run_until_told(1));
  BOOST_TEST(told == (Names{"b"}));
}

BOOST_AUTO_TEST_CASE(a_folder_may_come_later_and_go_and_come_again) {
  const auto subscription = events.subscribe(root + "/later", {}, collect());
  files::create_directory(root + "/later");
  BOOST_TEST_REQUIRE(run_until_told(1));
  touch("later/a");
  BOOST_TEST_REQUIRE(run_until_told(2));
  files::remove_all(root + "/later");
  BOOST_TEST_REQUIRE(run_until(io, [&] { return told.back() == "everything" && told.size() > 2; }));
  told.clear();
  files::create_directory(root + "/later");
  BOOST_TEST_REQUIRE(run_until_told(1));
  touch("later/b");
  BOOST_TEST(run_until(io, [&] { return told.back() == "b"; }));
}

BOOST_AUTO_TEST_CASE(a_folder_whose_parent_is_missing_too_is_found_in_the_end) {
  const auto subscription = events.subscribe(root + "/x/y", {}, collect());
  files::create_directories(root + "/x/y");
  BOOST_TEST(run_until_told(1));
}

BOOST_AUTO_TEST_CASE(one_folder_may_be_watched_and_be_the_parent_of_another) {
  const auto child = events.subscribe(root + "/later", {}, [](const std::string&) {});
  const auto parent = events.subscribe(root, "a", collect());
  touch("a");
  files::remove(root + "/a");
  BOOST_TEST_REQUIRE(run_until_told(2));
  BOOST_TEST(told == (Names{"a", "a"}));
}

BOOST_AUTO_TEST_CASE(a_handler_may_end_its_own_subscription_and_begin_others) {
  NamespaceEvents::Subscription again;
  auto first = events.subscribe(root, {}, [](const std::string&) {});
  first = events.subscribe(root, {}, [&](const std::string&) {
    first.reset();
    again = events.subscribe(root, {}, collect());
  });
  touch("a");
  BOOST_TEST_REQUIRE(run_until(io, [&] { return again != nullptr; }));
  touch("b");
  BOOST_TEST(run_until_told(1));
}

BOOST_AUTO_TEST_CASE(why_a_folder_cannot_be_followed_is_told_once_and_a_missing_one_is_no_trouble) {
  events.on_trouble([&](const Error& error) { told.push_back(error.message); });
  const auto missing = events.subscribe("/no/such/folder", {}, [](const std::string&) {});
  BOOST_TEST(told.empty());
  // A name that is too long stands for every other reason: no room for more watches, no right.
  const auto first = events.subscribe("/" + std::string(300, 'a'), {}, [](const std::string&) {});
  const auto second = events.subscribe("/" + std::string(300, 'b'), {}, [](const std::string&) {});
  BOOST_TEST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front().find("inotify cannot watch /aaa") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
