// Has requests answered, writes the replies, and ends the connection.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "hub/http/connection_state.hpp"
#include "hub/http/target.hpp"
#include "hub/http/websocket.hpp"

namespace vpn_sentinel {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

/// After "Connection: close" the peer may still be sending; closing at once would reset the connection and destroy the reply.
constexpr std::chrono::seconds linger_timeout{2};

}  // namespace

void Connection::dispatch() {
  const auto& message = reader_->message();
  keep_alive_ = message.keep_alive() && !loop_.stopping();
  http_1_0_ = message.version() < 11;
  head_only_ = message.method() == boost::beast::http::verb::head;
  enter(Phase::handling, options().reply_timeout);
  ++request_number_;
  Request request;
  request.peer_address = peer_address_;
  if (const auto refusal = reader_->fill(request)) return refuse(*refusal);
  if (boost::beast::websocket::is_upgrade(message) && slot_->listener().routes.admit_live && try_upgrade(request)) return;
  call_route(request);
}

void Connection::call_route(const Request& request) {
  auto respond = [loop = loop_.shared_from_this(), session = weak_from_this(), number = request_number_](Response response) {
    loop->deliver(session, number, std::move(response));
  };
  std::optional<Response> early;
  early_answer_ = &early;
  try {
    slot_->listener().routes.handle(request, std::move(respond));
  } catch (const std::exception&) {
    // One bad request must not take the server down; the text of the exception is not for strangers.
    early = error_response(500, "Internal server error", "");
  }
  early_answer_ = nullptr;
  if (early) write(*early);
}

/// False: the route decides as for any GET.
bool Connection::try_upgrade(const Request& request) {
  const auto& routes = slot_->listener().routes;
  const auto origin = request.header("Origin");
  if (!origin.empty() && !is_same_origin(origin, request.header("Host"))) {
    refuse(error_response(403, "Access denied", "The page that opened this WebSocket comes from another site"));
    return true;
  }
  auto admission = routes.admit_live(request);
  if (admission.refused) {
    write(*admission.refused);
    return true;
  }
  if (!input_.empty()) {
    refuse(error_response(400, "Bad request", "Data came before the WebSocket was open"));
    return true;
  }
  phase_ = Phase::closed;
  address_hook.unlink();
  start_websocket(loop_, std::move(stream_), std::move(slot_), reader_->release(), std::move(admission));
  loop_.remove(shared_from_this());
  return true;
}

void Connection::answer(std::uint64_t request, Response response) {
  if (request != request_number_ || phase_ != Phase::handling) return;
  if (early_answer_ != nullptr) {
    *early_answer_ = std::move(response);
    return;
  }
  write(response);
  go_on();
}

void Connection::refuse(const Response& response) {
  keep_alive_ = false;
  write(response);
}

void Connection::write(const Response& response) {
  reply_ = serialize(response, {keep_alive_, head_only_, http_1_0_, loop_.date()});
  written_ = 0;
  reader_.reset();
  static_cast<void>(slot_->hold_body_bytes(0));
  reply_deadline_ =
      mono_now() + options().reply_timeout + std::chrono::seconds(reply_.size() / std::max<std::size_t>(options().slowest_reader, 1));
  write_some();
}

/// Tries at once: a reply nearly always fits into the socket's buffer, and then costs one system call and no event.
void Connection::write_some() {
  while (written_ < reply_.size()) {
    ErrorCode error;
    written_ += stream_.write_some(std::string_view(reply_).substr(written_), error);
    if (error == asio::error::would_block) return wait_writable();
    if (error) return close();
  }
  reply_written();
}

void Connection::wait_writable() {
  enter(Phase::writing, options().reply_timeout);
  deadline_ = std::min(deadline_, reply_deadline_);
  stream_.async_wait(Stream::Direction::write, [self = shared_from_this(), this](const ErrorCode& error) {
    if (phase_ != Phase::writing) return;
    if (error) return close();
    write_some();
    go_on();
  });
}

void Connection::reply_written() {
  reply_ = {};
  head_only_ = false;
  http_1_0_ = false;
  if (loop_.stopping()) return close();
  if (!keep_alive_) return linger();
  enter(Phase::idle, options().idle_timeout);
}

/// Closing at once would reset the connection, and destroy what was said last, if the peer has sent more than was read.
void Connection::linger() {
  stream_.shutdown_send();
  enter(Phase::lingering, linger_timeout);
  work();
  input_ = {};
  read_more();
}

void Connection::sweep(MonoTime now) {
  if (now < deadline_) return;
  if (phase_ == Phase::handling) {
    ++request_number_;  // the late answer is dropped
    return refuse(error_response(503, "Service unavailable", "The hub did not answer in time"));
  }
  const bool unfinished = phase_ == Phase::body || (phase_ == Phase::header && reader_);
  if (unfinished) return refuse(error_response(408, "Request timeout", "The request did not arrive in time"));
  if (phase_ == Phase::writing) stream_.reset_on_close();  // else the kernel would go on to hold what the peer does not take
  close();
}

void Connection::begin_stop() {
  if (is_reading() || phase_ == Phase::handshake || phase_ == Phase::lingering) return close();
  keep_alive_ = false;
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  stream_.close();
  address_hook.unlink();
  slot_.reset();  // now, not when the last handler has gone: somebody may wait for the room
  loop_.remove(shared_from_this());
}

}  // namespace vpn_sentinel
