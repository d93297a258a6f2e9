/// A server with a certificate, and clients that ask it over TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "certificates.hpp"
#include "hub/http/tls_credentials.hpp"
#include "server_fixture.hpp"

namespace vpn_sentinel {

struct TlsFixture : Certificates {
  std::shared_ptr<TlsCredentials> credentials = load(ClientCertificates::off);

  [[nodiscard]] std::shared_ptr<TlsCredentials> load(ClientCertificates clients) const {
    return TlsCredentials::load({path("server.pem"), path("server.key"), path("ca.pem"), clients}).value();
  }
  [[nodiscard]] ListenOptions options() const {
    ListenOptions options;
    options.tls = credentials;
    return options;
  }
  [[nodiscard]] TlsWishes verifying() const { return {path("ca.pem"), {}, {}}; }
  [[nodiscard]] TlsWishes showing(const std::string& name) const { return {path("ca.pem"), path(name + ".pem"), path(name + ".key")}; }
};

/// The status of an answer, 0 when TLS or the connection failed.
inline int ask(RawClient& client, const TlsWishes& wishes, const std::string& request = get_request("/echo")) {
  if (!client.start_tls(wishes)) return 0;
  client.send(request);
  return status_of(client.read_reply());
}

inline int ask(const ServerFixture& hub, const TlsWishes& wishes) {
  auto client = hub.connect();
  return ask(client, wishes);
}

}  // namespace vpn_sentinel
