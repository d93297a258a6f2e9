#include "netns/clients/curl_multi.hpp"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <new>
#include <tuple>
#include <utility>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Idle connections that one multi handle keeps: a channel talks to one server.
constexpr long most_idle_connections = 4;

}  // namespace

/// A socket that libcurl wants to be told about. libcurl owns and closes it; the descriptor here only lends it to epoll, so it is always
/// released, never closed. File descriptor numbers recur: what counts is this object, not the number.
struct CurlMulti::Watch {
  Watch(asio::io_context& io, curl_socket_t fd) : socket(fd), descriptor(io) {}
  ~Watch() { forget(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  void forget() {
    if (descriptor.is_open()) std::ignore = descriptor.release();
  }

  const curl_socket_t socket;
  asio::posix::stream_descriptor descriptor;
  int wanted = 0;   ///< CURL_POLL_IN, CURL_POLL_OUT or both
  int waiting = 0;  ///< the same bits: waits that are under way
};

void init_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw FatalError(70, "libcurl cannot be initialised");
  });
}

CurlMulti::CurlMulti(asio::io_context& io, Done done) : io_(io), timer_(io), done_(std::move(done)) {
  init_curl();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most_idle_connections);
}

CurlMulti::~CurlMulti() { close(); }

Result<void> CurlMulti::add(CURL* easy) {
  const auto code = curl_multi_add_handle(multi_, easy);
  if (code != CURLM_OK) return fail(Error::Kind::failed, fmt::format("libcurl refused a transfer: {}", curl_multi_strerror(code)));
  return {};
}

void CurlMulti::remove(CURL* easy) {
  if (multi_ != nullptr) curl_multi_remove_handle(multi_, easy);
}

void CurlMulti::close() {
  done_ = nullptr;
  ++timer_round_;
  timer_.cancel();
  if (multi_ != nullptr) curl_multi_cleanup(std::exchange(multi_, nullptr));
  // libcurl has said REMOVE for what it watched; a leftover must at least not be watched any longer.
  for (const auto& [socket, watch] : std::exchange(watches_, {})) watch->forget();
}

int CurlMulti::on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* /*unused*/) {
  return static_cast<CurlMulti*>(self)->watch(socket, what == CURL_POLL_REMOVE ? 0 : what);
}

int CurlMulti::watch(curl_socket_t socket, int wanted) {
  const auto found = watches_.find(socket);
  if (wanted == 0) {
    if (found == watches_.end()) return 0;
    found->second->forget();
    watches_.erase(found);
    return 0;
  }
  auto entry = found == watches_.end() ? nullptr : found->second;
  if (!entry) {
    entry = std::make_shared<Watch>(io_, socket);
    error_code error;
    entry->descriptor.assign(socket, error);
    if (error) return -1;  // libcurl ends its transfers with CURLM_ABORTED_BY_CALLBACK
    watches_.emplace(socket, entry);
  }
  entry->wanted = wanted;
  arm(entry);
  return 0;
}

void CurlMulti::arm(const WatchPtr& watch) {
  for (const int bit : {CURL_POLL_IN, CURL_POLL_OUT}) {
    if ((watch->wanted & bit) != 0 && (watch->waiting & bit) == 0 && watch->descriptor.is_open()) wait(watch, bit);
  }
}

void CurlMulti::wait(const WatchPtr& watch, int bit) {
  using Descriptor = asio::posix::stream_descriptor;
  watch->waiting |= bit;
  watch->descriptor.async_wait(bit == CURL_POLL_IN ? Descriptor::wait_read : Descriptor::wait_write,
                               [weak = weak_from_this(), weak_watch = std::weak_ptr(watch), bit](const error_code& error) {
                                 const auto self = weak.lock();
                                 const auto still_watched = weak_watch.lock();
                                 if (self && still_watched) self->ready(still_watched, bit, error);
                               });
}

void CurlMulti::ready(const WatchPtr& watch, int bit, const error_code& error) {
  watch->waiting &= ~bit;
  if (!watch->descriptor.is_open() || error == asio::error::operation_aborted) return;
  if ((watch->wanted & bit) == 0) return;
  // EPOLLERR and EPOLLHUP end both waits without an error code; libcurl then meets the socket's error itself.
  static_assert(CURL_POLL_IN == CURL_CSELECT_IN && CURL_POLL_OUT == CURL_CSELECT_OUT);
  act(watch->socket, error ? CURL_CSELECT_ERR : bit);
  arm(watch);
}

int CurlMulti::on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
  static_cast<CurlMulti*>(self)->set_timer(milliseconds);
  return 0;
}

void CurlMulti::set_timer(long milliseconds) {
  const auto round = ++timer_round_;  // a cancelled wait may be on its way to its handler already
  timer_.cancel();
  if (milliseconds < 0) return;
  timer_.expires_after(std::chrono::milliseconds{milliseconds});
  timer_.async_wait([weak = weak_from_this(), round](const error_code& error) {
    const auto self = weak.lock();
    if (self && !error && round == self->timer_round_) self->act(CURL_SOCKET_TIMEOUT, 0);
  });
}

void CurlMulti::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  int left = 0;
  const CURLMsg* message = nullptr;
  // Done may close this object: then multi_ is null.
  while (multi_ != nullptr && (message = curl_multi_info_read(multi_, &left)) != nullptr) {
    if (message->msg != CURLMSG_DONE) continue;
    auto* easy = message->easy_handle;
    const auto code = message->data.result;  // `message` is gone after remove()
    remove(easy);
    const auto done = done_;
    if (done) done(easy, code);
  }
}

}  // namespace vpn_sentinel
