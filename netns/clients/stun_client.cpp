#include "netns/clients/stun_client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <span>
#include <unordered_map>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/clients/dns_socket.hpp"
#include "netns/clients/stun_message.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// More than one loop turn may spend on a flood of forged answers; the rest waits for the next turn.
constexpr int most_answers_per_turn = 64;
constexpr std::size_t most_stun_bytes = 2048;

/// One binding from its first try to its result.
class Binding : public std::enable_shared_from_this<Binding> {
 public:
  Binding(asio::io_context& io, Endpoint server, StunOptions options, StunClient::Handler handler)
      : socket_(io),
        deadline_(io),
        retry_(io),
        server_(server),
        options_(std::move(options)),
        handler_(std::move(handler)),
        pause_(options_.retry_after) {}

  void start() {
    if (!handler_) return;
    auto opened = open_udp_to(options_.open_socket, server_, options_.bind_device);
    if (!opened) return finish(fail(opened.error()));
    error_code failed;
    socket_.assign(opened->get(), failed);
    if (failed) return finish(fail(system_error(failed.value(), "watching a STUN socket")));
    std::ignore = opened->release();  // closed by socket_ from here on
    deadline_.expires_after(options_.timeout);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->finish(fail(self->late()));
    });
    wait();
    send();
  }

  void cancel() {
    handler_ = nullptr;
    options_.open_socket = nullptr;  // it may keep a namespace; handlers that are on their way keep this object
    deadline_.cancel();
    retry_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void send() {
    sent_ = mono_now();
    const auto sent = ::send(socket_.native_handle(), request_.data(), request_.size(), MSG_NOSIGNAL);
    // A full send buffer is like a lost packet: the next try may do better.
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) return finish(fail(system_error(errno, server_text())));
    retry_.expires_after(pause_);
    pause_ *= 2;
    retry_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->handler_) self->send();
    });
  }

  void wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
      if (!error && self->handler_) self->receive();
    });
  }

  void receive() {
    std::array<std::byte, most_stun_bytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    for (int i = 0; i < most_answers_per_turn; ++i) {
      const auto size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) break;
      if (size < 0) return finish(fail(system_error(errno, server_text())));
      const auto message = std::span{buffer}.first(static_cast<std::size_t>(size));
      if (is_stun_answer(request_, message)) return answer(message);
    }
    wait();
  }

  void answer(std::span<const std::byte> message) {
    const auto mapped = read_stun_answer(request_, message);
    if (!mapped) return finish(fail(mapped.error().kind, fmt::format("{}: {}", server_text(), mapped.error().message)));
    finish(StunAnswer{*mapped, std::chrono::duration_cast<std::chrono::microseconds>(mono_now() - sent_)});
  }

  void finish(Result<StunAnswer> result) {
    const auto handler = std::exchange(handler_, nullptr);
    const auto self = shared_from_this();
    cancel();
    if (handler) handler(std::move(result));
  }

  [[nodiscard]] std::string server_text() const { return fmt::format("STUN server {}", server_.to_string()); }
  [[nodiscard]] Error late() const {
    return {Error::Kind::timed_out, fmt::format("{} did not answer within {} ms", server_text(), options_.timeout.count())};
  }

  asio::posix::stream_descriptor socket_;
  asio::steady_timer deadline_;
  asio::steady_timer retry_;
  const Endpoint server_;
  StunOptions options_;
  StunClient::Handler handler_;  ///< empty: nobody waits any more
  const StunRequest request_ = make_stun_request();
  std::chrono::milliseconds pause_;
  MonoTime sent_{};
};

}  // namespace

class StunClient::Impl : public std::enable_shared_from_this<StunClient::Impl> {
 public:
  explicit Impl(asio::io_context& io) : io_(io) {}

  BindingId bind(Endpoint server, StunOptions options, Handler handler) {
    const auto id = ++last_id_;
    auto finished = [weak = weak_from_this(), id, handler = std::move(handler)](Result<StunAnswer> result) {
      const auto self = weak.lock();
      if (!self) return;
      self->bindings_.erase(id);
      handler(std::move(result));
    };
    auto binding = std::make_shared<Binding>(io_, server, std::move(options), std::move(finished));
    bindings_.emplace(id, binding);
    asio::post(io_, [binding] { binding->start(); });
    return id;
  }

  void cancel(BindingId id) {
    const auto found = bindings_.find(id);
    if (found == bindings_.end()) return;
    const auto binding = std::move(found->second);
    bindings_.erase(found);
    binding->cancel();
  }

  void cancel_all() {
    for (const auto& [id, binding] : std::exchange(bindings_, {})) binding->cancel();
  }

 private:
  asio::io_context& io_;
  std::unordered_map<BindingId, std::shared_ptr<Binding>> bindings_;
  BindingId last_id_ = 0;
};

StunClient::StunClient(boost::asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {}

StunClient::~StunClient() { impl_->cancel_all(); }

StunClient::BindingId StunClient::bind(Endpoint server, StunOptions options, Handler handler) {
  return impl_->bind(server, std::move(options), std::move(handler));
}

void StunClient::cancel(BindingId id) { impl_->cancel(id); }

}  // namespace vpn_sentinel
