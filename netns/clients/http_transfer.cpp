#include "netns/clients/http_transfer.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

#include "netns/clients/curl_multi.hpp"
#include "netns/clients/curl_values.hpp"
#include "netns/clients/dns_socket.hpp"
#include "netns/clients/http_headers.hpp"

namespace vpn_sentinel {
namespace {

// CVE-2023-38039: libcurl 7.84-8.2 stores response headers without a bound.
constexpr std::size_t most_header_bytes = 64 * 1024;
// A reloaded CA file is noticed within this time; without the cache each connection reads the whole bundle (50-75 ms for 143 certificates,
// during which the loop stands still).
constexpr long ca_cache_seconds = 3600;
constexpr std::size_t most_header_value = 256;

/// True for names like "5ed36f99.0": OpenSSL finds one certificate by its subject's hash instead of reading all.
bool is_hash_link(const std::string& name) {
  return name.size() == 10 && name.ends_with(".0") &&
         std::all_of(name.begin(), name.begin() + 8, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool has_hash_links(const char* directory) {
  std::error_code error;
  if (directory == nullptr) return false;
  for (auto entry = std::filesystem::directory_iterator(directory, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    if (is_hash_link(entry->path().filename().string())) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<HttpTransfer>> HttpTransfer::make(HttpRequest request, bool fresh) {
  if (auto checked = check_words(request); !checked) return fail(checked.error());
  auto url = HttpUrl::parse(request.url);
  if (!url) return fail(url.error());
  if (request.family) {
    const bool given = !request.resolved.empty();
    std::erase_if(request.resolved, [&](const IpAddress& address) { return address.family() != *request.family; });
    // None left must not mean "ask the process's resolver": that would tell the host's network which name a target looks for.
    const bool none_left = given && request.resolved.empty();
    if (none_left || (url->literal && url->literal->family() != *request.family)) {
      const char* name = *request.family == Family::v4 ? "IPv4" : "IPv6";
      return fail(Error::Kind::unreachable, fmt::format("{}: the host has no {} address", url->origin, name));
    }
  }
  init_curl();
  return std::unique_ptr<HttpTransfer>(new HttpTransfer(std::move(request), std::move(*url), fresh));
}

HttpTransfer::HttpTransfer(HttpRequest request, HttpUrl url, bool fresh)
    : request_(std::move(request)), url_(std::move(url)), fresh_(fresh), easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
  set_connection();
  set_addresses();
  set_tls();
  set_request();
  set_callbacks();
}

void HttpTransfer::set_connection() {
  auto* easy = handle();
  set_option(easy, CURLOPT_URL, request_.url.c_str());
  set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(easy, CURLOPT_PROXY, "");  // else http_proxy of the environment decides where a probe goes
  set_option(easy, CURLOPT_NOSIGNAL, 1L);
  set_option(easy, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request_.timeout.count())));  // 0 would mean: for ever
  set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  set_option(easy, CURLOPT_QUICK_EXIT, 1L);  // else a timed-out name look-up blocks the loop until getaddrinfo(3) comes back
  set_option(easy, CURLOPT_TCP_NODELAY, 1L);
  set_option(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set_option(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024);
  set_option(easy, CURLOPT_FRESH_CONNECT, fresh_ ? 1L : 0L);
  set_option(easy, CURLOPT_FORBID_REUSE, fresh_ ? 1L : 0L);
  if (!fresh_) set_option(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

void HttpTransfer::set_addresses() {
  auto* easy = handle();
  set_option(easy, CURLOPT_DNS_CACHE_TIMEOUT, fresh_ ? 0L : 60L);
  if (request_.family) {
    set_option(easy, CURLOPT_IPRESOLVE, static_cast<long>(*request_.family == Family::v4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6));
  }
  if (url_.literal) return;
  // Entries of CURLOPT_RESOLVE stay in the multi handle for ever: without addresses of its own a request must delete another's.
  std::string entry = fmt::format("-{}:{}", url_.host, url_.port);
  if (!request_.resolved.empty()) {
    entry = fmt::format("{}:{}:", url_.host, url_.port);
    for (const auto& address : request_.resolved) {
      if (entry.back() != ':') entry += ',';
      entry += address.is_v4() ? address.to_string() : fmt::format("[{}]", address.to_string());
    }
  }
  append_line(resolve_, entry);
  curl_easy_setopt(easy, CURLOPT_RESOLVE, resolve_.get());
}

void HttpTransfer::set_tls() {
  auto* easy = handle();
  set_option(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set_option(easy, CURLOPT_SSL_VERIFYPEER, request_.verify ? 1L : 0L);
  set_option(easy, CURLOPT_SSL_VERIFYHOST, request_.verify ? 2L : 0L);
  // A resumed session would let the server link the addresses from which we came.
  if (fresh_) set_option(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  set_option(easy, CURLOPT_CA_CACHE_TIMEOUT, ca_cache_seconds);
  if (!request_.certificate_file.empty()) {
    set_option(easy, CURLOPT_SSLCERT, request_.certificate_file.c_str());
    set_option(easy, CURLOPT_SSLKEY, request_.key_file.c_str());
  }
  if (!request_.ca_file.empty()) {
    set_option(easy, CURLOPT_CAINFO, request_.ca_file.c_str());
    set_option(easy, CURLOPT_CAPATH, nullptr);  // libcurl would go on trusting the system's directory
    return;
  }
  char* directory = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CAPATH, &directory);
  if (has_hash_links(directory)) {
    set_option(easy, CURLOPT_CAINFO, nullptr);  // saves 0.8 MiB and 50-75 ms for each connection
  } else {
    set_option(easy, CURLOPT_CAPATH, nullptr);  // with a directory set libcurl does not cache the bundle
  }
}

void HttpTransfer::set_request() {
  auto* easy = handle();
  set_option(easy, CURLOPT_USERAGENT, "vpn-sentinel/" VPN_SENTINEL_VERSION);
  append_line(headers_, "Expect:");  // no "100-continue" round trip for bodies over 1 MiB
  for (const auto& [name, value] : request_.headers) append_line(headers_, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  if (request_.method == "HEAD") {
    set_option(easy, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET" || !request_.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set_option(easy, CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied: request_ outlives the transfer
    set_option(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

void HttpTransfer::set_callbacks() {
  auto* easy = handle();
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  // An idle connection outlives its transfer and keeps this callback: it must not know the transfer.
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &HttpTransfer::close_socket);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
}

curl_socket_t HttpTransfer::open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  const int type = address->socktype & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
  const auto& request = transfer.request_;
  try {
    // Bound here and not by CURLOPT_INTERFACE: libcurl falls back to the device's address without a word, and looks for the device in
    // our namespace instead of the socket's.
    auto socket = open_bound_socket(request.open_socket, address->family, type, address->protocol, request.bind_device);
    if (socket) return socket->release();
    transfer.opener_error_ = std::move(socket.error());
  } catch (const std::exception& exception) {  // must not cross libcurl's C frames
    transfer.opener_error_ = Error{Error::Kind::failed, fmt::format("opening a socket: {}", exception.what())};
  }
  return CURL_SOCKET_BAD;
}

int HttpTransfer::close_socket(void* /*unused*/, curl_socket_t socket) { return ::close(socket); }

std::size_t HttpTransfer::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const std::size_t length = size * count;
  transfer.too_long_ = transfer.response_.body.size() + length > transfer.request_.most_bytes;
  if (transfer.too_long_) return CURL_WRITEFUNC_ERROR;
  transfer.response_.body.append(data, length);
  return length;
}

std::size_t HttpTransfer::take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const std::string_view line(data, size * count);
  transfer.header_bytes_ += line.size();
  transfer.too_long_ = transfer.header_bytes_ > most_header_bytes;
  if (transfer.too_long_) return 0;
  auto& response = transfer.response_;
  if (line.starts_with("HTTP/")) {  // a final reply after an interim one
    response.retry_after.reset();
    response.headers.clear();
  }
  if (const auto value = header_value(line, "retry-after")) response.retry_after = parse_retry_after(*value);
  for (const auto& name : transfer.request_.wanted_headers) {
    if (response.headers.size() == transfer.request_.wanted_headers.size()) break;
    if (const auto value = header_value(line, name)) response.headers.emplace_back(name, value->substr(0, most_header_value));
  }
  return line.size();
}

void HttpTransfer::tell_progress() const {
  if (!request_.progress) return;
  // Set when TCP is connected; CURLINFO_CONNECT_TIME only after the TLS handshake.
  char* remote = nullptr;
  curl_off_t secured = 0;
  curl_easy_getinfo(handle(), CURLINFO_PRIMARY_IP, &remote);
  curl_easy_getinfo(handle(), CURLINFO_APPCONNECT_TIME_T, &secured);
  request_.progress->connected = remote != nullptr && *remote != '\0';
  request_.progress->secured = url_.scheme == "https" ? secured > 0 : request_.progress->connected;
}

Result<HttpResponse> HttpTransfer::take_result(CURLcode code) {
  tell_progress();
  if (code != CURLE_OK) return fail(error_of(code));
  auto* easy = handle();
  char* local = nullptr;
  char* remote = nullptr;
  curl_off_t elapsed = 0;
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response_.status);
  curl_easy_getinfo(easy, CURLINFO_LOCAL_IP, &local);
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &remote);
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &elapsed);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  if (fresh_ && connections != 1) {
    return fail(Error::Kind::failed, fmt::format("{}: the reply did not come over a new connection", url_.origin));
  }
  response_.local_address = local == nullptr ? "" : local;
  response_.remote_address = remote == nullptr ? "" : remote;
  response_.elapsed = std::chrono::microseconds{elapsed};
  return std::move(response_);
}

std::string HttpTransfer::os_error() const {
  long code = 0;
  curl_easy_getinfo(handle(), CURLINFO_OS_ERRNO, &code);
  return code == 0 ? std::string{} : fmt::format(" ({})", std::generic_category().message(static_cast<int>(code)));
}

Error HttpTransfer::error_of(CURLcode code) const {
  using Kind = Error::Kind;
  const auto error = [&](Kind kind, std::string_view what) { return Error{kind, fmt::format("{}: {}", url_.origin, what)}; };
  if (too_long_) return error(Kind::failed, fmt::format("the reply is longer than {} bytes", request_.most_bytes));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return error(Kind::timed_out, fmt::format("no reply within {} ms", request_.timeout.count()));
    case CURLE_COULDNT_RESOLVE_HOST:
      return error(Kind::unreachable, "the host's name could not be resolved");
    case CURLE_COULDNT_CONNECT:
      if (opener_error_) return error(opener_error_->kind, opener_error_->message);
      return error(Kind::unreachable, "no connection" + os_error());
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return error(Kind::unreachable, "the connection broke before the reply was complete" + os_error());
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return error(Kind::invalid, "the URL is not valid");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      // libcurl's text here names certificates and files, never the URL's path.
      return error(Kind::failed, error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code));
    default:
      return error(Kind::failed, curl_easy_strerror(code));
  }
}

}  // namespace vpn_sentinel
