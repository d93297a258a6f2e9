// Reads requests: TLS, bytes, heads, bodies, and where the connection rests meanwhile.
#include "hub/http/connection.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "hub/http/connection_state.hpp"
#include "hub/http/tls_credentials.hpp"

namespace vpn_sentinel {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

/// Bytes per second of a body, on average; less is no network, but somebody who holds a place.
constexpr std::size_t slowest_sender = 1024;

}  // namespace

void Connection::start() {
  rest(Rest::silent);
  read_more();
}

void Connection::read_more() {
  if (std::exchange(waiting_, true)) return;
  stream_.async_wait(Stream::Direction::read, [self = shared_from_this(), this](const ErrorCode& error) {
    waiting_ = false;
    if (phase_ == Phase::closed) return;
    if (error) return close();
    if (phase_ == Phase::handshake) return shake_hands();
    on_readable();
  });
}

void Connection::shake_hands() {
  // Not before the peer has said something: a silent one costs no more than over plain HTTP.
  if (!stream_.has_tls()) {
    if (!stream_.start_tls(*options().tls->context())) return close();
    enter(Phase::handshake, options().handshake_timeout);
    rest(Rest::handshake);
  }
  ErrorCode error;
  stream_.tls().handshake(error);
  if (error == asio::error::would_block) return read_more();
  if (error) return handshake_failed();
  enter(Phase::fresh, options().header_timeout);
  rest(Rest::head);
  on_readable();  // the request nearly always comes together with the end of the handshake
}

/// OpenSSL has told the peer why, if it speaks TLS at all.
void Connection::handshake_failed() {
  const bool plain = stream_.tls().met_plain_http();
  stream_.drop_tls();
  if (plain) return refuse(error_response(400, "Bad request", "This port speaks HTTPS: the address must begin with https://"));
  linger();
}

void Connection::on_readable() {
  const auto scratch = loop_.scratch();
  ErrorCode error;
  const bool discard = phase_ == Phase::lingering;
  const auto count = discard ? stream_.discard_some(scratch, error) : stream_.read_some(scratch, error);
  if (error == asio::error::would_block) return read_more();
  if (error) return close();
  if (discard) return read_more();
  if (!is_reading()) return;  // a wait that began before the time-out of its request
  if (buffer_.empty()) {
    input_ = {scratch.data(), count};
  } else {
    buffer_.append(scratch.data(), count);
    input_ = buffer_;
  }
  advance();
}

/// After a reply: what came behind the request before it.
void Connection::go_on() {
  if (!is_reading()) return;
  input_ = buffer_;
  advance();
}

/// Works through `input_` until a request is incomplete or waits for its answer; keeps the rest.
void Connection::advance() {
  while (is_reading()) {
    if (!read_request()) break;
    dispatch();
  }
  buffer_ = std::string(input_);  // a new string, so that an idle connection gives its memory back
  input_ = {};
  if (phase_ == Phase::closed) return;
  settle();
  if (is_reading()) read_more();
}

/// Who waits for the peer's next words is kept by the time since when: so nobody is looked at in vain, and the oldest makes room first.
void Connection::settle() {
  if (phase_ == Phase::idle) return rest(Rest::idle);
  if (phase_ != Phase::header) return work();
  // However often it says a little more, it keeps its place.
  if (std::exchange(new_head_, false)) rest(Rest::head);
}

void Connection::rest(Rest rest) {
  resting_ = true;
  Loop::rest(*this, slot_->listener().resting(rest, loop_.number()));
  address_hook.unlink();
  auto& waiting = slot_->address().waiting(loop_.number());
  (rest == Rest::idle ? waiting.idle : waiting.unfinished).push_back(*this);
}

void Connection::work() {
  if (!std::exchange(resting_, false)) return;
  loop_.work(*this);
  address_hook.unlink();
}

/// True when a request is complete.
bool Connection::read_request() {
  if (!reader_) {
    if (input_.empty()) return false;
    reader_ = std::make_unique<RequestReader>(options().max_body, options().large_body);
    asked_ = false;
    new_head_ = true;
    enter(Phase::header, options().header_timeout);
  }
  const auto progress = reader_->take(input_);
  if (progress != RequestReader::Progress::refused && !consents()) return false;
  switch (progress) {
    case RequestReader::Progress::complete:
      return true;
    case RequestReader::Progress::refused:
      refuse(reader_->refusal());
      break;
    case RequestReader::Progress::incomplete:
      if (reader_->has_headers()) go_on_with_body();
      break;
  }
  return false;
}

/// False: a large body was announced and refused, before more of it is read.
bool Connection::consents() {
  if (asked_ || !reader_->is_large()) return true;
  asked_ = true;
  const auto& routes = slot_->listener().routes;
  Request request;
  request.peer_address = peer_address_;
  auto refusal = reader_->fill(request);
  request.body = {};
  if (!refusal) refusal = routes.admit_large ? routes.admit_large(request) : RequestReader::too_long();
  if (refusal) refuse(*refusal);
  return !refusal;
}

/// The headers are here. Small bodies come with them; these two limits are for the others.
void Connection::go_on_with_body() {
  if (phase_ == Phase::header) body_began_ = mono_now();
  phase_ = Phase::body;
  // Time is earned by progress: a body that drips keeps its place hardly longer than headers would.
  const std::chrono::milliseconds earned(reader_->body_bytes() * 1000 / slowest_sender);
  deadline_ = body_began_ + std::min(options().body_timeout, options().header_timeout + earned);
  if (!slot_->hold_body_bytes(reader_->body_bytes())) {
    auto busy = error_response(503, "Service unavailable", "Too many bodies are under way; try again");
    busy.headers.emplace_back("Retry-After", "5");
    return refuse(busy);
  }
  if (!reader_->wants_continue()) return;
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  ErrorCode error;
  if (stream_.write_some(go_on, error) != go_on.size()) close();
}

void start_connection(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, std::string peer_address) {
  const auto connection = std::make_shared<Connection>(loop, Stream(std::move(socket)), std::move(slot), std::move(peer_address));
  loop.add(connection, Loop::Sweep::yes);
  connection->start();
}

}  // namespace vpn_sentinel
