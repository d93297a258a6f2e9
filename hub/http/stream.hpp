/// A connected socket, with or without TLS: what HTTP connections and WebSockets read and write. One class for both, so that everything
/// above it exists (and is compiled) once; without TLS it costs one test of a pointer.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hub/http/loop.hpp"
#include "hub/http/tls_session.hpp"

namespace vpn_sentinel {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// On the loop's thread only. Has what Beast asks of an AsyncStream, for completion handlers (no futures, no coroutines).
class Stream {
 public:
  using executor_type = Executor;
  using ErrorCode = boost::system::error_code;
  enum class Direction { read, write };

  explicit Stream(Socket socket);

  /// From here on everything goes through TLS; the handshake comes next. False: no memory.
  [[nodiscard]] bool start_tls(SSL_CTX& context);

  [[nodiscard]] executor_type get_executor() noexcept { return socket_.get_executor(); }
  [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }
  /// Only with TLS.
  [[nodiscard]] TlsSession& tls() noexcept { return *tls_; }
  /// From here on the bytes on the wire are ours: for what is said after a handshake that failed.
  void drop_tls() noexcept { tls_.reset(); }

  /// These two return at once: `error` is would_block when the socket is not ready, see async_wait().
  std::size_t read_some(std::span<char> buffer, ErrorCode& error) {
    if (tls_) return tls_->read(buffer, error);
    return socket_.read_some(boost::asio::buffer(buffer.data(), buffer.size()), error);
  }
  std::size_t write_some(std::string_view bytes, ErrorCode& error) {
    if (tls_) return tls_->write(bytes, error);
    return socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
  }
  /// Bytes that nobody wants to know are taken off the socket without deciphering them.
  std::size_t discard_some(std::span<char> buffer, ErrorCode& error) {
    return socket_.read_some(boost::asio::buffer(buffer.data(), buffer.size()), error);
  }

  /// Calls `handler(ErrorCode)` when the operation that would have blocked, or the first one in `direction`, should be tried.
  template <typename Handler>
  void async_wait(Direction direction, Handler&& handler) {
    const bool write = direction == Direction::write || (tls_ && tls_->wants_write());
    socket_.async_wait(write ? Socket::wait_write : Socket::wait_read, std::forward<Handler>(handler));
  }

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (!tls_) return static_cast<void>(socket_.async_read_some(buffers, std::forward<Handler>(handler)));
    start(ReadOperation<Buffers>{buffers}, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (!tls_) return static_cast<void>(socket_.async_write_some(buffers, std::forward<Handler>(handler)));
    start(WriteOperation<Buffers>{buffers}, std::forward<Handler>(handler));
  }

  /// The peer will read the end of the stream; reading goes on.
  void shutdown_send();
  /// close() will throw away what the peer has not taken yet.
  void reset_on_close();
  /// Ends what waits for this stream with an error.
  void close();

  // What Beast calls at the end of a WebSocket, and when one of its time limits has passed.
  friend void teardown(boost::beast::role_type /*role*/, Stream& stream, ErrorCode& error) {
    error = {};
    stream.shutdown_send();
  }
  template <typename Handler>
  friend void async_teardown(boost::beast::role_type /*role*/, Stream& stream, Handler&& handler) {
    stream.shutdown_send();
    boost::asio::post(stream.get_executor(), boost::beast::bind_front_handler(std::forward<Handler>(handler), ErrorCode()));
  }
  friend void beast_close_socket(Stream& stream) { stream.close(); }

 private:
  /// As much as one TLS record holds.
  static constexpr std::size_t record_size = 16 * 1024;

  template <typename Buffers>
  struct ReadOperation {
    Buffers buffers;
    static constexpr auto direction = Direction::read;
    std::size_t operator()(TlsSession& tls, ErrorCode& error) const {
      for (auto each = boost::asio::buffer_sequence_begin(buffers); each != boost::asio::buffer_sequence_end(buffers); ++each) {
        const boost::asio::mutable_buffer buffer(*each);
        if (buffer.size() > 0) return tls.read({static_cast<char*>(buffer.data()), buffer.size()}, error);
      }
      error = {};
      return 0;
    }
  };
  template <typename Buffers>
  struct WriteOperation {
    Buffers buffers;
    static constexpr auto direction = Direction::write;
    /// Small buffers go out together: a record for a WebSocket frame's four bytes of header would cost more than copying.
    std::size_t operator()(TlsSession& tls, ErrorCode& error) const {
      std::array<char, record_size> gathered;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
      const auto size = boost::asio::buffer_copy(boost::asio::buffer(gathered), buffers);
      return tls.write({gathered.data(), size}, error);
    }
  };

  /// Waits and tries until `operation` has done something; then `handler` gets its result.
  template <typename Operation, typename Handler>
  struct Attempt {
    Stream* stream;
    Operation operation;
    Handler handler;
    void operator()(ErrorCode error) {
      std::size_t count = 0;
      if (!error) count = operation(stream->tls(), error);
      if (error == boost::asio::error::would_block) return stream->async_wait(Operation::direction, std::move(*this));
      handler(error, count);
    }
  };

  template <typename Operation, typename Handler>
  void start(Operation operation, Handler&& handler) {
    ErrorCode error;
    const auto count = operation(*tls_, error);
    if (error == boost::asio::error::would_block) {
      return async_wait(Operation::direction,
                        Attempt<Operation, std::decay_t<Handler>>{this, std::move(operation), std::forward<Handler>(handler)});
    }
    boost::asio::post(get_executor(), boost::beast::bind_front_handler(std::forward<Handler>(handler), error, count));
  }

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace vpn_sentinel
