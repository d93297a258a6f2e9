#include "netns/base/boxed_optional.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <utility>

namespace vpn_sentinel {
namespace {

using Text = BoxedOptional<std::string>;

BOOST_AUTO_TEST_SUITE(boxed_optional_test)

BOOST_AUTO_TEST_CASE(it_is_empty_until_it_gets_a_value) {
  Text text;
  BOOST_CHECK(!text);
  BOOST_CHECK(!text.has_value());
  text = std::string("a");
  BOOST_REQUIRE(text);
  BOOST_CHECK_EQUAL(*text, "a");
  text.emplace(3, 'b');
  BOOST_CHECK_EQUAL(text->size(), 3);
  BOOST_CHECK_EQUAL(text.value(), "bbb");
  text.reset();
  BOOST_CHECK(!text);
  BOOST_CHECK_THROW(static_cast<void>(text.value()), std::bad_optional_access);
  text.emplace("c");
  text = std::nullopt;
  BOOST_CHECK(!text);
}

BOOST_AUTO_TEST_CASE(a_copy_has_a_value_of_its_own) {
  const Text first = std::string("a");
  Text second = first;
  *second = "b";
  BOOST_CHECK_EQUAL(*first, "a");
  second = first;
  BOOST_CHECK_EQUAL(*second, "a");
  second = Text();
  BOOST_CHECK(!second);
  BOOST_CHECK_EQUAL(*first, "a");
}

BOOST_AUTO_TEST_CASE(an_assignment_to_itself_keeps_the_value) {
  Text text = std::string("a");
  const auto& same = text;
  text = same;
  BOOST_REQUIRE(text);
  BOOST_CHECK_EQUAL(*text, "a");
}

BOOST_AUTO_TEST_CASE(what_was_moved_from_is_empty) {
  Text first = std::string("a");
  const Text second = std::move(first);
  BOOST_CHECK(!first);  // NOLINT(bugprone-use-after-move): unlike a std::optional
  BOOST_CHECK_EQUAL(*second, "a");
}

BOOST_AUTO_TEST_CASE(values_are_compared_and_not_places) {
  BOOST_CHECK(Text() == Text());
  BOOST_CHECK(Text(std::string("a")) == Text(std::string("a")));
  BOOST_CHECK(Text(std::string("a")) != Text(std::string("b")));
  BOOST_CHECK(Text(std::string()) != Text());
  BOOST_CHECK(Text() != Text(std::string()));
}

BOOST_AUTO_TEST_CASE(a_plain_optional_becomes_one) {
  BOOST_CHECK(Text(std::optional<std::string>()) == Text());
  BOOST_CHECK(Text(std::optional<std::string>("a")) == Text(std::string("a")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
