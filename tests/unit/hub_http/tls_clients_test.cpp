// Certificates that clients show: whether they are asked for, and who is refused.
#include <boost/test/unit_test.hpp>

#include "tls_fixture.hpp"

namespace vpn_sentinel {
namespace {

BOOST_FIXTURE_TEST_SUITE(tls_clients, TlsFixture)

BOOST_AUTO_TEST_CASE(client_certificates_are_not_asked_for_when_off) {
  make_ca("foreign");
  make("stranger", "/CN=office", "-days 30", "foreign");
  ServerFixture hub(options());
  BOOST_TEST(ask(hub, showing("stranger")) == 200);
}

BOOST_AUTO_TEST_CASE(an_optional_certificate_may_be_missing_but_a_foreign_one_is_refused) {
  make("office", "/O=Example/CN=office");
  make_ca("foreign");
  make("stranger", "/CN=office", "-days 30", "foreign");
  credentials = load(ClientCertificates::optional);
  ServerFixture hub(options());
  for (const int version : {0, TLS1_2_VERSION}) {
    const auto status = [&](TlsWishes wishes) {
      wishes.highest_version = version;
      return ask(hub, wishes);
    };
    BOOST_TEST(status(showing("office")) == 200);
    BOOST_TEST(status(verifying()) == 200);
    BOOST_TEST(status(showing("stranger")) == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_resumed_session_needs_no_second_look_at_the_certificate) {
  make("office", "/CN=office");
  credentials = load(ClientCertificates::required);
  ServerFixture hub(options());
  auto first = hub.connect();
  BOOST_TEST(ask(first, showing("office")) == 200);
  const std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session(SSL_get1_session(first.tls()), SSL_SESSION_free);
  auto wishes = verifying();
  wishes.session = session.get();
  auto second = hub.connect();
  BOOST_TEST(ask(second, wishes) == 200);
  BOOST_TEST(SSL_session_reused(second.tls()) == 1);
}

BOOST_AUTO_TEST_CASE(without_a_required_certificate_there_is_no_answer) {
  make("office", "/CN=office");
  make("past", "/CN=office", "-days 30 -addext extendedKeyUsage=serverAuth");
  credentials = load(ClientCertificates::required);
  ServerFixture hub(options());
  BOOST_TEST(ask(hub, verifying()) == 0);
  BOOST_TEST(ask(hub, showing("past")) == 0);  // made for servers
  BOOST_TEST(ask(hub, showing("office")) == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
