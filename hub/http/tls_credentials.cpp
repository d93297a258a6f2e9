#include "hub/http/tls_credentials.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, FreeWith<BIO_free>>;

/// A chain has a few KB, a bundle of all public CAs 220 KB.
constexpr std::size_t largest_file = 4 * 1024 * 1024;
/// Sessions of another server are not taken up, even if it shares our ticket key.
constexpr std::string_view session_context = "vpn-sentinel-hub";

std::string reason() {
  const auto code = ERR_peek_last_error();
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : fmt::format("OpenSSL error {:#x}", code);
}

tl::unexpected<Error> bad_file(const std::string& path, std::string_view problem) {
  return fail(Error::Kind::invalid, fmt::format("{}: {}", path, problem));
}

Result<std::string> read_file(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(system_error(errno, path));
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const auto count = read(fd.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, path));
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
    if (text.size() > largest_file) return bad_file(path, "far too long for a PEM file");
  }
}

Result<Memory> open_pem(const std::string& path) {
  auto text = read_file(path);
  if (!text) return fail(text.error());
  Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || BIO_write(memory.get(), text->data(), static_cast<int>(text->size())) != static_cast<int>(text->size())) {
    return bad_file(path, "no memory");
  }
  return memory;
}

Result<std::vector<Certificate>> read_certificates(const std::string& path) {
  auto pem = open_pem(path);
  if (!pem) return fail(pem.error());
  ERR_clear_error();
  std::vector<Certificate> found;
  while (auto* const next = PEM_read_bio_X509(pem->get(), nullptr, nullptr, nullptr)) found.emplace_back(next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return bad_file(path, fmt::format("is no valid PEM file ({})", reason()));
  if (found.empty()) return bad_file(path, "holds no certificate (PEM, \"BEGIN CERTIFICATE\")");
  return found;
}

/// OpenSSL asks for a pass phrase: nobody is there to type one.
int refuse_pass_phrase(char* /*buffer*/, int /*size*/, int /*write*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<Key> read_key(const std::string& path) {
  auto pem = open_pem(path);
  if (!pem) return fail(pem.error());
  ERR_clear_error();
  bool encrypted = false;
  Key key(PEM_read_bio_PrivateKey(pem->get(), nullptr, refuse_pass_phrase, &encrypted));
  if (encrypted) return bad_file(path, "the key is encrypted, and nobody can type its pass phrase; openssl pkey -in … -out … takes it off");
  if (!key) return bad_file(path, fmt::format("holds no private key (PEM, \"BEGIN PRIVATE KEY\"): {}", reason()));
  return key;
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* size, const unsigned char* offered, unsigned int offered_size,
                    void* /*pointer*/) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const auto result = SSL_select_next_proto(&chosen, size, ours.data(), ours.size(), offered, offered_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Context make_context() {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // RELEASE_BUFFERS: an idle connection owns no record buffers (measured: half of its memory).
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  // The tickets are in the clients' hands; a cache here would only cost memory.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>(session_context.data()), session_context.size());
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

Result<void> use_pair(SSL_CTX& context, const TlsFiles& files, std::vector<Certificate> chain) {
  auto key = read_key(files.key);
  if (!key) return fail(key.error());
  ERR_clear_error();
  if (X509_check_private_key(chain.front().get(), key->get()) != 1) {
    return bad_file(files.key, fmt::format("the key does not belong to the certificate in {} ({})", files.certificate, reason()));
  }
  if (SSL_CTX_use_certificate(&context, chain.front().get()) != 1 || SSL_CTX_use_PrivateKey(&context, key->get()) != 1) {
    return bad_file(files.certificate, fmt::format("OpenSSL does not take the certificate ({})", reason()));
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(&context, chain[i].get()) != 1) {
      return bad_file(files.certificate, fmt::format("OpenSSL does not take certificate {} of the chain ({})", i + 1, reason()));
    }
  }
  return {};
}

Result<void> ask_clients(SSL_CTX& context, const TlsFiles& files) {
  if (files.clients == ClientCertificates::off) return {};
  const auto authorities = read_certificates(files.client_ca);
  if (!authorities) return fail(authorities.error());
  for (const auto& each : *authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), each.get()) != 1 || SSL_CTX_add_client_CA(&context, each.get()) != 1) {
      return bad_file(files.client_ca, fmt::format("OpenSSL does not take a certificate of it ({})", reason()));
    }
  }
  const int required = files.clients == ClientCertificates::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | required, nullptr);
  return {};
}

Result<WallTime> time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return fail(Error::Kind::invalid, "a time that is none");
  return WallTime{std::chrono::seconds{timegm(&broken)}};
}

}  // namespace

struct TlsCredentials::Loaded {
  std::shared_ptr<SSL_CTX> context;
  WallTime begins;
  WallTime expires;
  bool others_read_key = false;
};

TlsCredentials::TlsCredentials(TlsFiles files) : files_(std::move(files)) {}
TlsCredentials::~TlsCredentials() = default;

Result<std::shared_ptr<TlsCredentials>> TlsCredentials::load(TlsFiles files) {
  std::shared_ptr<TlsCredentials> credentials(new TlsCredentials(std::move(files)));
  if (auto loaded = credentials->reload(); !loaded) return fail(loaded.error());
  return credentials;
}

Result<TlsCredentials::Loaded> TlsCredentials::load_files(const TlsFiles& files) {
  auto chain = read_certificates(files.certificate);
  if (!chain) return fail(chain.error());
  const auto begins = time_of(X509_get0_notBefore(chain->front().get()));
  const auto expires = time_of(X509_get0_notAfter(chain->front().get()));
  if (!begins || !expires) return bad_file(files.certificate, "the certificate says no valid time");
  auto context = make_context();
  if (!context) return fail(Error::Kind::failed, fmt::format("OpenSSL cannot be used: {}", reason()));
  auto used = use_pair(*context, files, std::move(*chain)).and_then([&] { return ask_clients(*context, files); });
  if (!used) return fail(used.error());
  struct stat key {};
  const bool others = stat(files.key.c_str(), &key) == 0 && (key.st_mode & (S_IROTH | S_IWOTH)) != 0;
  return Loaded{std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free), *begins, *expires, others};
}

std::shared_ptr<SSL_CTX> TlsCredentials::context() const {
  const std::lock_guard lock(mutex_);
  return loaded_->context;
}

Result<void> TlsCredentials::reload() {
  auto seen = look_at_files();  // before reading: what is written meanwhile is another change
  auto loaded = load_files(files_);
  const std::lock_guard lock(mutex_);
  seen_ = std::move(seen);
  if (!loaded) return fail(loaded.error());
  loaded_ = std::make_unique<const Loaded>(std::move(*loaded));
  return {};
}

Result<bool> TlsCredentials::reload_when_changed() {
  {
    const std::lock_guard lock(mutex_);
    if (look_at_files() == seen_) return false;
  }
  if (auto loaded = reload(); !loaded) return fail(loaded.error());
  return true;
}

std::string TlsCredentials::look_at_files() const {
  std::string seen;
  for (const auto* const path : {&files_.certificate, &files_.key, &files_.client_ca}) {
    struct stat file {};
    if (path->empty() || stat(path->c_str(), &file) != 0) {
      seen += "-;";
      continue;
    }
    seen += fmt::format("{}:{}:{}:{}.{}:{}.{};", file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec,
                        file.st_ctim.tv_sec, file.st_ctim.tv_nsec);
  }
  return seen;
}

WallTime TlsCredentials::expires() const {
  const std::lock_guard lock(mutex_);
  return loaded_->expires;
}

std::vector<std::string> TlsCredentials::warnings(WallTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  if (now >= loaded_->expires) {
    found.push_back(fmt::format("the certificate in {} has expired at {}", files_.certificate, to_rfc3339(loaded_->expires)));
  }
  if (now < loaded_->begins) {
    found.push_back(fmt::format("the certificate in {} is not valid before {}", files_.certificate, to_rfc3339(loaded_->begins)));
  }
  if (loaded_->others_read_key) found.push_back(fmt::format("{} can be read by every user; chmod o-rwx keeps the key secret", files_.key));
  return found;
}

}  // namespace vpn_sentinel
