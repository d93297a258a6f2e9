#include "hub/http/connection.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/request_reader.hpp"
#include "hub/http/target.hpp"
#include "hub/http/tls_credentials.hpp"
#include "hub/http/websocket.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

/// After "Connection: close" the peer may still be sending; closing at once would reset the connection and destroy the reply.
constexpr std::chrono::seconds linger_timeout{2};

class Connection final : public Session {
 public:
  Connection(Loop& loop, Stream stream, std::unique_ptr<Slot> slot, std::string peer_address)
      : loop_(loop), stream_(std::move(stream)), slot_(std::move(slot)), peer_address_(std::move(peer_address)) {
    // A new connection has to say something soon.
    const bool tls = options().tls != nullptr;
    enter(tls ? Phase::handshake : Phase::fresh, tls ? options().handshake_timeout : options().header_timeout);
  }

  void start();
  void read_more();
  void sweep(MonoTime now) override;
  void answer(std::uint64_t request, Response response) override;
  void begin_stop() override;
  void abort() override { close(); }

 private:
  enum class Phase { handshake, fresh, idle, header, body, handling, writing, lingering, closed };

  [[nodiscard]] const ListenOptions& options() const { return slot_->listener().options; }
  [[nodiscard]] bool is_reading() const {
    return phase_ == Phase::fresh || phase_ == Phase::idle || phase_ == Phase::header || phase_ == Phase::body;
  }
  void enter(Phase phase, std::chrono::milliseconds limit) {
    phase_ = phase;
    deadline_ = mono_now() + limit;
  }

  void on_readable();
  void shake_hands();
  void handshake_failed();
  void go_on();
  void advance();
  void settle();
  void rest(Rest rest);
  void work();
  bool read_request();
  bool consents();
  void go_on_with_body();
  void dispatch();
  void call_route(const Request& request);
  bool try_upgrade(const Request& request);
  void refuse(const Response& response);
  void write(const Response& response);
  void write_some();
  void wait_writable();
  void reply_written();
  void linger();
  void close();

  Loop& loop_;
  Stream stream_;
  std::unique_ptr<Slot> slot_;  ///< null once closed
  const std::string peer_address_;
  std::unique_ptr<RequestReader> reader_;  ///< of a request under way: an idle connection has none
  std::string buffer_;                     ///< bytes of an unfinished or of the next request; empty while idle
  std::string_view input_;                 ///< what advance() works on: the loop's scratch or buffer_
  std::string reply_;
  std::size_t written_ = 0;
  Phase phase_ = Phase::fresh;
  MonoTime deadline_{};
  MonoTime reply_deadline_{};  ///< for all of the reply that is being written
  std::uint64_t request_number_ = 0;
  std::optional<Response>* early_answer_ = nullptr;  ///< where to put an answer while the route is still being called
  bool asked_ = false;                               ///< about the large body of this request
  bool new_head_ = false;
  bool waiting_ = false;
  bool resting_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool http_1_0_ = false;
};

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
  if (phase_ == Phase::header) enter(Phase::body, options().body_timeout);
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
  start_websocket(loop_, std::move(stream_), std::move(slot_), reader_->release(), std::move(admission.holds));
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

}  // namespace

void start_connection(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, std::string peer_address) {
  const auto connection = std::make_shared<Connection>(loop, Stream(std::move(socket)), std::move(slot), std::move(peer_address));
  loop.add(connection, Loop::Sweep::yes);
  connection->start();
}

}  // namespace vpn_sentinel
