#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "netns/clients/http_client.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

void add_extension(X509* certificate, int id, const char* value) {
  const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, nullptr, id, value));
  X509_add_ext(certificate, extension.get(), -1);
}

/// Self-signed for "trace.test", valid for an hour.
Certificate make_certificate(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  auto* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("trace.test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_subject_alt_name, "DNS:trace.test");
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

/// Key and certificate as files in a directory of their own.
class Pki {
 public:
  Pki() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vpn-sentinel-tls-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    const Key key(EVP_EC_gen("P-256"));
    const auto certificate = make_certificate(key.get());
    write(key_file(), [&](FILE* file) { PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    write(certificate_file(), [&](FILE* file) { PEM_write_X509(file, certificate.get()); });
  }
  ~Pki() { std::filesystem::remove_all(directory_); }
  Pki(const Pki&) = delete;
  Pki& operator=(const Pki&) = delete;
  [[nodiscard]] std::string key_file() const { return (directory_ / "key.pem").string(); }
  [[nodiscard]] std::string certificate_file() const { return (directory_ / "certificate.pem").string(); }

 private:
  template <typename Writer>
  static void write(const std::string& path, Writer writer) {
    FILE* file = std::fopen(path.c_str(), "w");
    BOOST_REQUIRE(file != nullptr);
    writer(file);
    std::fclose(file);
  }
  std::filesystem::path directory_;
};

/// Says "hello" once on each connection, and counts resumed TLS sessions.
class TlsServer {
 public:
  TlsServer(asio::io_context& io, const Pki& pki)
      : context_(asio::ssl::context::tls_server), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    context_.use_certificate_chain_file(pki.certificate_file());
    context_.use_private_key_file(pki.key_file(), asio::ssl::context::pem);
    SSL_CTX_set_session_id_context(context_.native_handle(), reinterpret_cast<const unsigned char*>("t"), 1);
    accept();
  }
  [[nodiscard]] std::string url() const { return "https://trace.test:" + std::to_string(acceptor_.local_endpoint().port()) + "/secret"; }
  [[nodiscard]] int resumed() const { return resumed_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  using Stream = asio::ssl::stream<asio::ip::tcp::socket>;
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, asio::ip::tcp::socket socket) {
      if (error) return;
      ++accepted_;
      auto stream = std::make_shared<Stream>(std::move(socket), context_);
      stream->async_handshake(Stream::server, [this, stream](const boost::system::error_code& failed) {
        if (!failed) answer(stream);
      });
      accept();
    });
  }
  void answer(const std::shared_ptr<Stream>& stream) {
    resumed_ += SSL_session_reused(stream->native_handle());
    stream->async_read_some(asio::buffer(buffer_), [this, stream](const boost::system::error_code& error, std::size_t) {
      if (error) return;
      asio::async_write(*stream, asio::buffer(reply_), [this, stream](const boost::system::error_code& failed, std::size_t) {
        if (!failed) answer(stream);
      });
    });
  }

  asio::ssl::context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::array<char, 4096> buffer_{};
  const std::string reply_ = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  int resumed_ = 0;
  int accepted_ = 0;
};

struct Fixture {
  asio::io_context io;
  HttpClient client{io};
  Pki pki;
  TlsServer server{io, pki};

  HttpRequest request() const {
    HttpRequest result;
    result.url = server.url();
    result.resolved = {loopback()};
    result.ca_file = pki.certificate_file();
    return result;
  }
  Result<HttpResponse> send(HttpRequest what) {
    std::optional<Result<HttpResponse>> result;
    client.send(std::move(what), [&](Result<HttpResponse> reply) { result = std::move(reply); });
    BOOST_REQUIRE(run_until(io, result));
    if (!*result) BOOST_TEST_MESSAGE(result->error().message);
    return *result;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_client_tls, Fixture)

BOOST_AUTO_TEST_CASE(a_certificate_of_the_given_file_is_accepted) { BOOST_TEST(send(request()).value().body == "hello"); }

BOOST_AUTO_TEST_CASE(a_certificate_that_nobody_trusts_is_refused) {
  auto untrusted = request();
  untrusted.ca_file.clear();
  const auto reply = send(untrusted);
  BOOST_REQUIRE(!reply);
  BOOST_TEST((reply.error().kind == Error::Kind::failed));
  BOOST_TEST(reply.error().message.find("secret") == std::string::npos);
  untrusted.verify = false;
  BOOST_TEST(send(untrusted).has_value());
}

BOOST_AUTO_TEST_CASE(a_certificate_for_another_name_is_refused) {
  auto other = request();
  other.url.replace(other.url.find("trace.test"), 10, "other.test");
  BOOST_TEST(!send(other));
}

BOOST_AUTO_TEST_CASE(a_missing_ca_file_is_an_error_and_not_the_systems_trust) {
  auto missing = request();
  missing.ca_file += ".missing";
  const auto reply = send(missing);
  BOOST_REQUIRE(!reply);
  BOOST_TEST((reply.error().kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(fresh_requests_never_resume_a_session) {
  for (int i = 0; i < 4; ++i) BOOST_TEST(send(request()).has_value());
  BOOST_TEST(server.accepted() == 4);
  BOOST_TEST(server.resumed() == 0);
}

BOOST_AUTO_TEST_CASE(a_channel_keeps_its_tls_connection) {
  auto kept = request();
  kept.fresh_connection = false;
  kept.channel = "hub";
  for (int i = 0; i < 3; ++i) BOOST_TEST(send(kept).has_value());
  BOOST_TEST(server.accepted() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
