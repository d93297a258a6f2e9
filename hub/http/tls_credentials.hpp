/// The hub's certificate, key and client CA: loaded, checked, and loaded again while the hub runs.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class ClientCertificates {
  off,       ///< not asked for
  optional,  ///< a peer may go without; one that the CA has not signed is refused
  required,  ///< no connection without
};

/// Paths of PEM files.
struct TlsFiles {
  std::string certificate;  ///< the hub's own, then those that lead to its CA
  std::string key;          ///< not encrypted
  std::string client_ca;    ///< whom client certificates must be signed by; needed unless `clients` is off
  ClientCertificates clients = ClientCertificates::off;
};

/// Thread-safe. TLS 1.2 and newer with the ciphers of the system's OpenSSL (its security level holds), ALPN "http/1.1", session tickets,
/// no renegotiation, no compression.
class TlsCredentials {
 public:
  /// The Error names file and reason: not readable, no PEM, the key is encrypted or belongs to another certificate.
  [[nodiscard]] static Result<std::shared_ptr<TlsCredentials>> load(TlsFiles files);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  /// For new connections; those that are open keep theirs.
  [[nodiscard]] std::shared_ptr<SSL_CTX> context() const;
  /// Reads the files again. With an Error everything stays as it was.
  [[nodiscard]] Result<void> reload();
  /// Does so when one of the files is another one than at the last try, or was written to. False: all are as they were. A pair that is bad
  /// is an Error once, not at each call.
  [[nodiscard]] Result<bool> reload_when_changed();

  [[nodiscard]] WallTime expires() const;
  /// What the user should know about what is loaded: the certificate has expired or is not valid yet, others may read the key.
  [[nodiscard]] std::vector<std::string> warnings(WallTime now) const;

 private:
  struct Loaded;
  explicit TlsCredentials(TlsFiles files);
  [[nodiscard]] static Result<Loaded> load_files(const TlsFiles& files);
  [[nodiscard]] std::string look_at_files() const;

  const TlsFiles files_;
  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<const Loaded> loaded_;
  std::string seen_;  ///< identity, size and times of the files at the last try
};

}  // namespace vpn_sentinel
