#include "hub/http/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"
#include "hub/http/websocket.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;

/// After "Connection: close" the peer may still be sending; closing at once would reset the connection and destroy the reply.
constexpr std::chrono::seconds linger_timeout{2};

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Response refusal_for(const ErrorCode& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return error_response(431, "Request header fields too large", "The request line and headers may have 16384 bytes together");
  }
  if (error == http::error::body_limit) return error_response(413, "Payload too large", "The body is longer than this server accepts");
  return error_response(400, "Bad request", "This is not a valid HTTP/1.1 request: " + error.message());
}

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
  using Parser = http::request_parser<http::string_body>;

  [[nodiscard]] const ListenOptions& options() const { return slot_->listener().options; }
  [[nodiscard]] bool is_reading() const { return phase_ == Phase::idle || phase_ == Phase::header || phase_ == Phase::body; }
  void enter(Phase phase, std::chrono::seconds limit) {
    phase_ = phase;
    deadline_ = mono_now() + limit;
  }

  void on_readable();
  void advance();
  bool parse();
  bool check_progress();
  void dispatch();
  [[nodiscard]] std::optional<Response> precheck(Request& request);
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
  std::optional<Parser> parser_;
  std::string buffer_;      ///< bytes of an unfinished or of the next request; empty while idle
  std::string_view input_;  ///< what advance() works on: the loop's scratch or buffer_
  std::string reply_;
  std::size_t written_ = 0;
  Phase phase_ = Phase::idle;
  MonoTime deadline_{};
  std::uint64_t request_number_ = 0;
  std::optional<Response> early_answer_;  ///< given while the route was still being called
  bool in_route_ = false;
  bool reading_ = false;
  bool continued_ = false;
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
    if (!parse()) break;
    dispatch();
  }
  buffer_ = std::string(input_);  // a new string, so that an idle connection gives its memory back
  input_ = {};
  if (is_reading()) read_more();
}

/// True when a request is complete.
bool Connection::parse() {
  if (!parser_) {
    if (input_.empty()) return false;
    parser_.emplace();
    parser_->header_limit(max_header_bytes);
    parser_->body_limit(options().max_body);
    parser_->eager(true);
    continued_ = false;
    enter(Phase::header, options().header_timeout);
  }
  ErrorCode error;
  while (!input_.empty() && !parser_->is_done()) {
    const auto used = parser_->put(asio::buffer(input_.data(), input_.size()), error);
    input_.remove_prefix(used);
    if (error == http::error::need_more) {
      error = {};
      break;
    }
    if (error) {
      refuse(refusal_for(error));
      return false;
    }
  }
  return check_progress();
}

bool Connection::check_progress() {
  if (parser_->is_done()) return true;
  if (input_.size() > max_header_bytes) {  // an endless chunk header: the parser has no bound of its own for it
    refuse(refusal_for(http::error::header_limit));
    return false;
  }
  if (phase_ != Phase::header || !parser_->is_header_done()) return false;
  enter(Phase::body, options().header_timeout);
  const auto expect = view(parser_->get()[http::field::expect]);
  if (parser_->get().version() < 11 || !equal_ignoring_case(expect, "100-continue") || std::exchange(continued_, true)) return false;
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  ErrorCode error;
  if (socket_.write_some(asio::buffer(go_on.data(), go_on.size()), error) != go_on.size()) close();
  return false;
}

void Connection::dispatch() {
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive() && !loop_.stopping();
  http_1_0_ = message.version() < 11;
  head_only_ = message.method() == http::verb::head;
  Request request;
  request.method = head_only_ ? "GET" : view(message.method_string());
  request.body = message.body();
  request.peer_address = peer_address_;
  request.header = [&message](std::string_view name) { return view(message[boost::beast::string_view(name.data(), name.size())]); };
  enter(Phase::handling, options().reply_timeout);
  ++request_number_;
  if (const auto response = precheck(request)) return refuse(*response);
  if (boost::beast::websocket::is_upgrade(message) && slot_->listener().routes.admit_live && try_upgrade(request)) return;
  call_route(request);
}

/// What no route should have to think of; fills path and query.
std::optional<Response> Connection::precheck(Request& request) {
  const auto& message = parser_->get();
  if (message.method() == http::verb::unknown || message.method() == http::verb::connect || message.method() == http::verb::trace) {
    return error_response(501, "Not implemented", "This server does not know the method");
  }
  const auto hosts = message.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && !http_1_0_)) return error_response(400, "Bad request", "Exactly one Host header is required");
  const auto target = split_target(view(message.target()));
  if (!target) return error_response(400, "Bad request", "The request target must be a path");
  request.path = target->path;
  request.query = target->query;
  return std::nullopt;
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
  start_websocket(loop_, std::move(socket_), std::move(slot_), parser_->release());
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
  parser_.reset();
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
  const bool unfinished = phase_ == Phase::body || (phase_ == Phase::header && parser_);
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
