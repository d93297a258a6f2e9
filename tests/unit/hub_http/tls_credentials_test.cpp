#include "hub/http/tls_credentials.hpp"

#include <openssl/ssl.h>

#include <boost/test/unit_test.hpp>

#include "certificates.hpp"

namespace vpn_sentinel {
namespace {

TlsFiles files_of(const Certificates& made, const std::string& name = "server") {
  return {made.path(name + ".pem"), made.path(name + ".key"), {}, ClientCertificates::off};
}

/// The message, empty when the files are taken.
std::string problem_of(TlsFiles files) {
  const auto loaded = TlsCredentials::load(std::move(files));
  return loaded ? std::string() : loaded.error().message;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

BOOST_FIXTURE_TEST_SUITE(tls_credentials, Certificates)

BOOST_AUTO_TEST_CASE(a_pair_that_fits_is_taken_and_says_when_it_expires) {
  const auto loaded = TlsCredentials::load(files_of(*this));
  BOOST_TEST_REQUIRE(loaded.has_value());
  const auto left = (*loaded)->expires() - wall_now();
  BOOST_TEST((left > std::chrono::hours{29 * 24} && left <= std::chrono::hours{30 * 24}));
  BOOST_TEST((*loaded)->warnings(wall_now()).empty());
  BOOST_TEST((*loaded)->warnings(wall_now() + std::chrono::hours{31 * 24}).front().find("has expired") != std::string::npos);
  BOOST_TEST((*loaded)->warnings(wall_now() - std::chrono::hours{1}).front().find("not valid before") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_problem_names_the_file_and_the_reason) {
  make("other", "/CN=other");
  write("empty.pem", "");
  write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  run("openssl pkey -in @server.key -aes128 -passout pass:secret -out @encrypted.key");
  struct Row {
    TlsFiles files;
    std::string file;
    std::string reason;
  };
  const auto cert = path("server.pem");
  const auto key = path("server.key");
  for (const auto& row :
       {Row{{path("missing.pem"), key, {}, {}}, "missing.pem", "No such file"},
        Row{{cert, path("missing.key"), {}, {}}, "missing.key", "No such file"}, Row{{path(""), key, {}, {}}, path(""), "directory"},
        Row{{path("empty.pem"), key, {}, {}}, "empty.pem", "no certificate"}, Row{{path("broken.pem"), key, {}, {}}, "broken.pem", "PEM"},
        Row{{key, key, {}, {}}, "server.key", "no certificate"}, Row{{cert, cert, {}, {}}, "server.pem", "no private key"},
        Row{{cert, path("other.key"), {}, {}}, "other.key", "does not belong"},
        Row{{cert, path("encrypted.key"), {}, {}}, "encrypted.key", "encrypted"},
        Row{{cert, key, path("missing.pem"), ClientCertificates::required}, "missing.pem", "No such file"},
        Row{{cert, key, path("empty.pem"), ClientCertificates::optional}, "empty.pem", "no certificate"}}) {
    BOOST_TEST_CONTEXT(row.file << ": " << row.reason) {
      const auto problem = problem_of(row.files);
      BOOST_TEST(has(problem, row.file), problem);
      BOOST_TEST(has(problem, row.reason), problem);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_everybody_can_read_is_a_warning) {
  run("chmod 644 @server.key");
  const auto warnings = TlsCredentials::load(files_of(*this)).value()->warnings(wall_now());
  BOOST_TEST_REQUIRE(warnings.size() == 1);
  BOOST_TEST(has(warnings.front(), "server.key"));
  BOOST_TEST(has(warnings.front(), "chmod"));
}

BOOST_AUTO_TEST_CASE(files_are_read_again_only_when_they_changed_and_a_bad_pair_changes_nothing) {
  const auto credentials = TlsCredentials::load(files_of(*this)).value();
  const auto first = credentials->context();
  BOOST_TEST(!credentials->reload_when_changed().value());
  make("next", "/CN=localhost", "-days 60");
  copy("next.pem", "server.pem");
  const auto bad = credentials->reload_when_changed();  // the key is still the old one
  BOOST_TEST_REQUIRE(!bad.has_value());
  BOOST_TEST(has(bad.error().message, "does not belong"));
  BOOST_TEST((credentials->context() == first));
  BOOST_TEST(!credentials->reload_when_changed().value());  // told once
  copy("next.key", "server.key");
  BOOST_TEST(credentials->reload_when_changed().value());
  BOOST_TEST((credentials->context() != first));
  BOOST_TEST((credentials->expires() - wall_now() > std::chrono::hours{59 * 24}));
  BOOST_TEST(credentials->reload().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
