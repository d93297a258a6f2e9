#include "hub/http/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/request_reader.hpp"
#include "hub/http/target.hpp"
#include "hub/http/websocket.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

/// After "Connection: close" the peer may still be sending; closing at once would reset the connection and destroy the reply.
constexpr std::chrono::seconds linger_timeout{2};

class Connection final : public Session {
 public:
  Connection(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, std::string peer_address)
      : loop_(loop), socket_(std::move(socket)), slot_(std::move(slot)), peer_address_(std::move(peer_address)) {
    ErrorCode ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    deadline_ = mono_now() + options().header_timeout;  // a new connection has to say something soon
  }

  void read_more();
  void sweep(MonoTime now) override;
  void answer(std::uint64_t request, Response response) override;
  void begin_stop() override;
  void abort() override { close(); }

 private:
  enum class Phase { idle, header, body, handling, writing, lingering, closed };

  [[nodiscard]] const ListenOptions& options() const { return slot_->listener().options; }
  [[nodiscard]] bool is_reading() const { return phase_ == Phase::idle || phase_ == Phase::header || phase_ == Phase::body; }
  void enter(Phase phase, std::chrono::seconds limit) {
    phase_ = phase;
    deadline_ = mono_now() + limit;
  }

  void on_readable();
  void advance();
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
  void close();

  Loop& loop_;
  Socket socket_;
  std::unique_ptr<Slot> slot_;
  const std::string peer_address_;
  std::optional<RequestReader> reader_;
  std::string buffer_;      ///< bytes of an unfinished or of the next request; empty while idle
  std::string_view input_;  ///< what advance() works on: the loop's scratch or buffer_
  std::string reply_;
  std::size_t written_ = 0;
  Phase phase_ = Phase::idle;
  MonoTime deadline_{};
  std::uint64_t request_number_ = 0;
  std::optional<Response> early_answer_;  ///< given while the route was still being called
  bool in_route_ = false;
  bool asked_ = false;  ///< about the large body of this request
  bool reading_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool http_1_0_ = false;
};

void Connection::read_more() {
  if (std::exchange(reading_, true)) return;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this(), this](const ErrorCode& error) {
    reading_ = false;
    if (phase_ == Phase::closed) return;
    if (error) return close();
    on_readable();
  });
}

void Connection::on_readable() {
  const auto scratch = loop_.scratch();
  ErrorCode error;
  const auto count = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), error);
  if (error == asio::error::would_block) return read_more();
  if (error) return close();
  if (phase_ == Phase::lingering) return read_more();  // thrown away
  if (!is_reading()) return;                           // a wait that began before the time-out of its request
  if (buffer_.empty()) {
    input_ = {scratch.data(), count};
  } else {
    buffer_.append(scratch.data(), count);
    input_ = buffer_;
  }
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
  if (is_reading()) read_more();
}

/// True when a request is complete.
bool Connection::read_request() {
  if (!reader_) {
    if (input_.empty()) return false;
    reader_.emplace(options().max_body, options().large_body);
    asked_ = false;
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
      if (phase_ == Phase::header && reader_->has_headers()) go_on_with_body();
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

void Connection::go_on_with_body() {
  enter(Phase::body, options().header_timeout);
  if (!reader_->wants_continue()) return;
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  ErrorCode error;
  if (socket_.write_some(asio::buffer(go_on.data(), go_on.size()), error) != go_on.size()) close();
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
  const auto respond = [loop = loop_.shared_from_this(), session = weak_from_this(), number = request_number_](Response response) {
    loop->deliver(session, number, std::move(response));
  };
  in_route_ = true;
  try {
    slot_->listener().routes.handle(request, respond);
  } catch (const std::exception&) {
    // One bad request must not take the server down; the text of the exception is not for strangers.
    early_answer_ = error_response(500, "Internal server error", "");
  }
  in_route_ = false;
  if (early_answer_) write(*std::exchange(early_answer_, std::nullopt));
}

/// False: the route decides as for any GET.
bool Connection::try_upgrade(const Request& request) {
  const auto& routes = slot_->listener().routes;
  const auto origin = request.header("Origin");
  if (!origin.empty() && !is_same_origin(origin, request.header("Host"))) {
    refuse(error_response(403, "Access denied", "The page that opened this WebSocket comes from another site"));
    return true;
  }
  if (auto refused = routes.admit_live(request)) {
    write(*refused);
    return true;
  }
  if (!input_.empty()) {
    refuse(error_response(400, "Bad request", "Data came before the WebSocket was open"));
    return true;
  }
  phase_ = Phase::closed;
  start_websocket(loop_, std::move(socket_), std::move(slot_), reader_->release());
  loop_.remove(shared_from_this());
  return true;
}

void Connection::answer(std::uint64_t request, Response response) {
  if (request != request_number_ || phase_ != Phase::handling) return;
  if (in_route_) {
    early_answer_ = std::move(response);
    return;
  }
  write(response);
  if (!is_reading()) return;
  input_ = buffer_;
  advance();
}

void Connection::refuse(const Response& response) {
  keep_alive_ = false;
  write(response);
}

void Connection::write(const Response& response) {
  reply_ = serialize(response, {keep_alive_, head_only_, http_1_0_, loop_.date()});
  written_ = 0;
  reader_.reset();
  write_some();
}

/// Tries at once: a reply nearly always fits into the socket's buffer, and then costs one system call and no event.
void Connection::write_some() {
  while (written_ < reply_.size()) {
    ErrorCode error;
    written_ += socket_.write_some(asio::buffer(reply_.data() + written_, reply_.size() - written_), error);
    if (error == asio::error::would_block) return wait_writable();
    if (error) return close();
  }
  reply_written();
}

void Connection::wait_writable() {
  enter(Phase::writing, options().reply_timeout);
  socket_.async_wait(Socket::wait_write, [self = shared_from_this(), this](const ErrorCode& error) {
    if (phase_ != Phase::writing) return;
    if (error) return close();
    write_some();
    if (!is_reading()) return;
    input_ = buffer_;
    advance();
  });
}

void Connection::reply_written() {
  reply_ = {};
  head_only_ = false;
  http_1_0_ = false;
  if (loop_.stopping()) return close();
  if (keep_alive_) return enter(Phase::idle, options().idle_timeout);
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  enter(Phase::lingering, linger_timeout);
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
  close();
}

void Connection::begin_stop() {
  if (is_reading() || phase_ == Phase::lingering) return close();
  keep_alive_ = false;
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  ErrorCode ignored;
  socket_.close(ignored);
  loop_.remove(shared_from_this());
}

}  // namespace

void start_connection(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, std::string peer_address) {
  const auto connection = std::make_shared<Connection>(loop, std::move(socket), std::move(slot), std::move(peer_address));
  loop.add(connection);
  connection->read_more();
}

}  // namespace vpn_sentinel
