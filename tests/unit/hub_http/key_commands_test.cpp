#include "hub/app/key_commands.hpp"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "hub/app/key_file.hpp"

namespace vpn_sentinel {
namespace {

struct Folder {
  std::string path;
  Folder() {
    BOOST_REQUIRE(sodium_init() >= 0);
    std::string name = (std::filesystem::temp_directory_path() / "keys_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file() const { return key_file_path(path); }
  [[nodiscard]] std::string content() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

bool holds(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

BOOST_FIXTURE_TEST_SUITE(key_commands, Folder)

BOOST_AUTO_TEST_CASE(a_key_is_made_listed_and_revoked_and_never_stands_in_the_file) {
  const auto key = add_key(path, {"office", {"office-*", "lab"}, false}, wall_now()).value();
  BOOST_TEST(add_key(path, {"grafana", {}, true}, wall_now()).has_value());
  BOOST_TEST(!holds(content(), key));
  struct stat status {};
  BOOST_REQUIRE(stat(file().c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777U) == 0600U);
  const auto list = list_keys(path).value();
  BOOST_TEST((holds(list, "office") && holds(list, "office-*,lab") && holds(list, "grafana") && holds(list, "yes")));
  const Keyring ring("", read_keys(file()).value());
  BOOST_TEST_REQUIRE(ring.find(key) != nullptr);
  BOOST_TEST(ring.find(key)->may_report("office-1"));
  BOOST_TEST(revoke_key(path, "office").has_value());
  BOOST_TEST(Keyring("", read_keys(file()).value()).find(key) == nullptr);
  BOOST_TEST(!revoke_key(path, "office").has_value());
  BOOST_TEST(revoke_key(path, "grafana").has_value());
  BOOST_TEST(list_keys(path).value() == "There are no client keys.\n");
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(path), {}) == 1);
}

BOOST_AUTO_TEST_CASE(the_folder_is_made_for_the_first_key) {
  path += "/new/data";
  BOOST_TEST(add_key(path, {"a", {"*"}, false}, wall_now()).has_value());
  BOOST_TEST(read_keys(file()).value().size() == 1U);
  path.resize(path.size() - std::string("/new/data").size());
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_named_and_change_nothing) {
  BOOST_TEST(add_key(path, {"a", {"x"}, false}, wall_now()).has_value());
  const auto before = content();
  struct Row {
    NewKey key;
    std::string word;
  };
  for (const auto& row : {Row{{"", {"x"}, false}, "NAME"}, Row{{"a b", {"x"}, false}, "a b"}, Row{{"a", {"x"}, false}, "revoke it first"},
                          Row{{"b", {"x y"}, false}, "--clients = 'x y'"}, Row{{"b", {"*x"}, false}, "--clients"},
                          Row{{"b", {}, false}, "--read"}, Row{{"b", std::vector<std::string>(65, "x"), false}, "64"}}) {
    const auto added = add_key(path, row.key, wall_now());
    BOOST_TEST_REQUIRE(!added.has_value());
    BOOST_TEST(holds(added.error().message, row.word), added.error().message);
  }
  BOOST_TEST(content() == before);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_wrong_is_told_with_its_line_and_is_not_overwritten) {
  std::ofstream(file()) << "{\"name\":\"a\"}\n";
  const auto before = content();
  const auto added = add_key(path, {"b", {"x"}, false}, wall_now());
  BOOST_TEST_REQUIRE(!added.has_value());
  BOOST_TEST((holds(added.error().message, file()) && holds(added.error().message, "line 1: hash")), added.error().message);
  BOOST_TEST(content() == before);
  std::filesystem::remove(file());
  std::filesystem::create_directory(file());
  BOOST_TEST(!read_keys(file()).has_value());
}

BOOST_AUTO_TEST_CASE(the_watch_tells_each_change_once) {
  KeyFileWatch watch(file());
  BOOST_TEST(!watch.changed());
  BOOST_TEST(add_key(path, {"a", {"x"}, false}, wall_now()).has_value());
  BOOST_TEST(watch.changed());
  BOOST_TEST(!watch.changed());
  BOOST_TEST(revoke_key(path, "a").has_value());
  BOOST_TEST(watch.changed());
  std::filesystem::remove(file());
  BOOST_TEST(watch.changed());
  BOOST_TEST(!watch.changed());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
