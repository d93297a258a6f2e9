#include "hub/http/websocket.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
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

using Text = std::shared_ptr<const std::string>;

/// What other threads hold of a WebSocket: it may outlive the session and even the server, and then takes nothing any more.
class Outbox final : public LiveChannel {
 public:
  Outbox(std::shared_ptr<Loop> loop, const ListenOptions& options)
      : loop_(std::move(loop)), most_pending_(options.max_pending), most_pending_bytes_(options.max_pending_bytes) {}

  /// `wake` is called on the loop's thread when there is something to write, `cut` when the peer is too slow.
  struct Hooks {
    std::function<void()> wake;
    std::function<void()> cut;
  };
  void attach(Hooks hooks) { hooks_ = std::move(hooks); }

  bool send(Text text) override;
  /// The next message; null, and send() will wake, when there is none.
  Text take();
  /// False: it was closed before. Afterwards the loop is not held any more.
  bool close();

 private:
  Hooks hooks_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Loop> loop_;
  std::deque<Text> pending_;
  std::size_t pending_bytes_ = 0;
  const std::size_t most_pending_;
  const std::size_t most_pending_bytes_;
  bool writing_ = false;
};

bool Outbox::send(Text text) {
  std::shared_ptr<Loop> loop;
  bool wake = false;
  bool cut = false;
  {
    const std::lock_guard lock(mutex_);
    if (!loop_) return false;
    // Texts are shared by all peers: what is bounded is how far this one may lag behind.
    const bool fits = pending_.empty() || pending_bytes_ + text->size() <= most_pending_bytes_;
    cut = pending_.size() >= most_pending_ || !fits;
    if (cut) {
      pending_.clear();
      loop = std::exchange(loop_, nullptr);
    } else {
      pending_bytes_ += text->size();
      pending_.push_back(std::move(text));
      wake = !std::exchange(writing_, true);
      loop = loop_;
    }
  }
  if (cut) asio::post(loop->io(), hooks_.cut);
  if (wake) asio::post(loop->io(), hooks_.wake);
  return !cut;
}

Text Outbox::take() {
  const std::lock_guard lock(mutex_);
  if (!loop_ || pending_.empty()) {
    writing_ = false;
    return nullptr;
  }
  auto text = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= text->size();
  return text;
}

bool Outbox::close() {
  std::shared_ptr<Loop> loop;  // let go without the lock
  const std::lock_guard lock(mutex_);
  pending_.clear();
  loop = std::exchange(loop_, nullptr);
  return loop != nullptr;
}

class WebSocketSession final : public Session {
 public:
  WebSocketSession(Loop& loop, Stream stream, std::unique_ptr<Slot> slot, LiveAdmission admission)
      : loop_(loop),
        slot_(std::move(slot)),
        admission_(std::move(admission)),
        stream_(std::move(stream)),
        outbox_(std::make_shared<Outbox>(loop.shared_from_this(), slot_->listener().options)) {
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = slot_->listener().options.header_timeout;
    timeouts.idle_timeout = idle_timeout;
    timeouts.keep_alive_pings = true;
    stream_.set_option(timeouts);
    stream_.read_message_max(most_incoming_bytes);
    stream_.auto_fragment(false);
    stream_.text(true);
  }

  void accept(const UpgradeRequest& request);
  void sweep(MonoTime /*now*/) override {}  // the stream has its own timers
  void answer(std::uint64_t /*request*/, Response /*response*/) override {}
  void review() override;
  void begin_stop() override { close(websocket::close_reason(websocket::close_code::going_away, "the hub stops")); }
  void abort() override { finish(); }

 private:
  void read();
  void write_next();
  void end_in_time();
  void close(const websocket::close_reason& reason);
  void finish();

  Loop& loop_;
  std::unique_ptr<Slot> slot_;
  const LiveAdmission admission_;
  websocket::stream<Stream, false> stream_;  // false: without permessage-deflate, which costs 8.5 KB more per peer
  std::shared_ptr<Outbox> outbox_;
  beast::flat_buffer incoming_{most_incoming_bytes};
  std::optional<asio::steady_timer> end_;
  std::shared_ptr<void> held_;
  Text current_;
  bool accepted_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

void WebSocketSession::accept(const UpgradeRequest& request) {
  const auto on_session = [weak = weak_from_this()](void (WebSocketSession::*call)()) {
    return [weak, call] {
      if (const auto session = weak.lock()) (static_cast<WebSocketSession&>(*session).*call)();
    };
  };
  outbox_->attach({on_session(&WebSocketSession::write_next), on_session(&WebSocketSession::finish)});
  stream_.async_accept(request, [self = shared_from_this(), this](const ErrorCode& error) {
    if (error || ended_) return finish();
    accepted_ = true;
    review();  // what was asked before the handshake may not hold any more
    if (closing_) return;
    end_in_time();
    held_ = slot_->listener().routes.on_live(outbox_);
    read();
  });
}

void WebSocketSession::write_next() {
  if (ended_) return;
  current_ = outbox_->take();
  if (!current_) return;
  stream_.async_write(asio::buffer(*current_), [self = shared_from_this(), this](const ErrorCode& error, std::size_t) {
    if (error) return finish();
    write_next();
  });
}

void WebSocketSession::read() {
  stream_.async_read(incoming_, [self = shared_from_this(), this](const ErrorCode& error, std::size_t) {
    if (error) return finish();
    incoming_.clear();
    read();
  });
}

/// Nothing is told any more from here on, however long the peer takes to say goodbye.
void WebSocketSession::review() {
  if (!accepted_ || ended_ || !admission_.holds || admission_.holds()) return;
  close(websocket::close_reason(websocket::close_code::policy_error, "access was withdrawn"));
}

void WebSocketSession::end_in_time() {
  if (!admission_.until) return;
  end_.emplace(loop_.io(), *admission_.until - wall_now());
  end_->async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto session = weak.lock();
    if (error || !session) return;
    static_cast<WebSocketSession&>(*session).close(
        websocket::close_reason(static_cast<websocket::close_code>(close_renew), "show again who you are"));
  });
}

void WebSocketSession::close(const websocket::close_reason& reason) {
  if (std::exchange(closing_, true)) return;
  // Being cut off already, or still in the handshake: there is nobody to say goodbye to.
  if (!outbox_->close() || !stream_.is_open()) return finish();
  stream_.async_close(reason, [self = shared_from_this(), this](const ErrorCode&) { finish(); });
}

/// Closes without a word: a peer that was too slow would not read a close frame either.
void WebSocketSession::finish() {
  if (std::exchange(ended_, true)) return;
  end_.reset();
  stream_.next_layer().close();  // also ends a write that the peer does not take
  static_cast<void>(outbox_->close());
  const auto held = std::exchange(held_, nullptr);
  loop_.remove(shared_from_this());
}

}  // namespace

void start_websocket(Loop& loop, Stream stream, std::unique_ptr<Slot> slot, const UpgradeRequest& request, LiveAdmission admission) {
  const auto session = std::make_shared<WebSocketSession>(loop, std::move(stream), std::move(slot), std::move(admission));
  loop.add(session, Loop::Sweep::no);
  session->accept(request);
}

}  // namespace vpn_sentinel
