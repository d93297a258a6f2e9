#include "hub/http/stream.hpp"

namespace vpn_sentinel {

Stream::Stream(Socket socket) : socket_(std::move(socket)) {
  ErrorCode ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

bool Stream::start_tls(SSL_CTX& context) {
  tls_ = TlsSession::make(context, socket_.native_handle());
  return has_tls();
}

void Stream::shutdown_send() {
  if (tls_) tls_->shutdown();
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::reset_on_close() {
  ErrorCode ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
}

void Stream::close() {
  if (tls_ && socket_.is_open()) tls_->shutdown();
  ErrorCode ignored;
  socket_.close(ignored);
}

}  // namespace vpn_sentinel
