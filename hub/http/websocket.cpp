#include "hub/http/websocket.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <mutex>
#include <utility>

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using ErrorCode = boost::system::error_code;

constexpr std::size_t most_incoming_bytes = 1024;
/// A ping goes out after half of it; a peer that answers nothing for all of it is gone.
constexpr std::chrono::seconds idle_timeout{30};

class WebSocketSession final : public Session, public LiveChannel {
 public:
  WebSocketSession(Loop& loop, Socket socket, std::unique_ptr<Slot> slot)
      : loop_(loop), slot_(std::move(slot)), stream_(std::move(socket)), most_pending_(slot_->listener().options.max_pending) {
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = slot_->listener().options.header_timeout;
    timeouts.idle_timeout = idle_timeout;
    timeouts.keep_alive_pings = true;
    stream_.set_option(timeouts);
    stream_.read_message_max(most_incoming_bytes);
    stream_.auto_fragment(false);
    stream_.text(true);
  }

  void accept(UpgradeRequest request) {
    stream_.async_accept(request, [self = self(), this](const ErrorCode& error) {
      if (error || ended_) return finish();
      held_ = slot_->listener().routes.on_live(self);
      read();
    });
  }

  bool send(std::shared_ptr<const std::string> text) override;
  void sweep(MonoTime /*now*/) override {}  // the stream has its own timers
  void answer(std::uint64_t /*request*/, Response /*response*/) override {}
  void begin_stop() override;
  void abort() override { finish(); }

 private:
  [[nodiscard]] std::shared_ptr<WebSocketSession> self() { return std::static_pointer_cast<WebSocketSession>(shared_from_this()); }
  void read();
  void write_next();
  void finish();
  [[nodiscard]] bool close_queue();

  Loop& loop_;
  std::unique_ptr<Slot> slot_;
  websocket::stream<Socket, false> stream_;  // false: without permessage-deflate, which costs 8.5 KB more per peer
  const std::size_t most_pending_;
  beast::flat_buffer incoming_{most_incoming_bytes};
  std::shared_ptr<void> held_;
  std::shared_ptr<const std::string> current_;
  bool ended_ = false;

  std::mutex mutex_;  // guards what follows
  std::deque<std::shared_ptr<const std::string>> pending_;
  bool writing_ = false;
  bool closed_ = false;
};

bool WebSocketSession::send(std::shared_ptr<const std::string> text) {
  bool start = false;
  bool too_slow = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    too_slow = pending_.size() >= most_pending_;
    if (too_slow) {
      closed_ = true;
      pending_.clear();
    } else {
      pending_.push_back(std::move(text));
      start = !std::exchange(writing_, true);
    }
  }
  // A peer that does not read would not read a close frame either.
  if (too_slow) asio::post(loop_.io(), [self = self()] { self->abort(); });
  if (start) asio::post(loop_.io(), [self = self()] { self->write_next(); });
  return !too_slow;
}

void WebSocketSession::write_next() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || pending_.empty()) {
      writing_ = false;
      return;
    }
    current_ = std::move(pending_.front());
    pending_.pop_front();
  }
  stream_.async_write(asio::buffer(*current_), [self = self(), this](const ErrorCode& error, std::size_t) {
    if (error) return finish();
    write_next();
  });
}

void WebSocketSession::read() {
  stream_.async_read(incoming_, [self = self(), this](const ErrorCode& error, std::size_t) {
    if (error) return finish();
    incoming_.clear();
    read();
  });
}

bool WebSocketSession::close_queue() {
  const std::lock_guard lock(mutex_);
  pending_.clear();
  return !std::exchange(closed_, true);
}

void WebSocketSession::begin_stop() {
  if (!close_queue()) return abort();
  if (!stream_.is_open()) return abort();  // still in the handshake
  stream_.async_close(websocket::close_reason(websocket::close_code::going_away, "the hub stops"),
                      [self = self()](const ErrorCode&) { self->finish(); });
}

void WebSocketSession::finish() {
  if (std::exchange(ended_, true)) return;
  ErrorCode ignored;
  beast::get_lowest_layer(stream_).close(ignored);  // also ends a write that the peer does not take
  static_cast<void>(close_queue());
  const auto held = std::exchange(held_, nullptr);
  const auto keep = shared_from_this();
  loop_.remove(keep);
}

}  // namespace

void start_websocket(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, UpgradeRequest request) {
  const auto session = std::make_shared<WebSocketSession>(loop, std::move(socket), std::move(slot));
  loop.add(session);
  session->accept(std::move(request));
}

}  // namespace vpn_sentinel
