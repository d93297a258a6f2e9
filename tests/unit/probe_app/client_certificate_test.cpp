#include <boost/test/unit_test.hpp>
#include <map>

#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

Result<ProbeConfig> config_of(std::map<std::string, std::string> environment) {
  environment["VPN_SENTINEL_URL"] = "https://hub.example:5000";
  environment["VPN_SENTINEL_NETNS"] = "name:vpn";
  const auto loaded = load_settings(probe_setting_rows(), {}, environment, "", false);
  if (!loaded) return fail(loaded.error());
  return make_probe_config(*loaded);
}

constexpr auto certificate = "VPN_SENTINEL_TLS_CLIENT_CERT_PATH";
constexpr auto key = "VPN_SENTINEL_TLS_CLIENT_KEY_PATH";

}  // namespace

BOOST_AUTO_TEST_SUITE(client_certificate)

BOOST_AUTO_TEST_CASE(certificate_and_key_are_taken_together_and_must_be_readable) {
  const auto config = config_of({{certificate, "/dev/null"}, {key, "/dev/null"}});
  BOOST_TEST_REQUIRE(config.has_value(), (config ? "" : config.error().message));
  BOOST_TEST(config->hub.certificate_file == "/dev/null");
  BOOST_TEST(config->hub.key_file == "/dev/null");
  for (const auto* const alone : {certificate, key}) {
    const auto half = config_of({{alone, "/dev/null"}});
    BOOST_TEST_REQUIRE(!half.has_value());
    BOOST_TEST(half.error().message.find(alone) != std::string::npos, half.error().message);
  }
  const auto missing = config_of({{certificate, "/dev/null"}, {key, "/does/not/exist"}});
  BOOST_TEST_REQUIRE(!missing.has_value());
  BOOST_TEST(missing.error().message.find("/does/not/exist") != std::string::npos, missing.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
