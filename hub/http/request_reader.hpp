/// Puts the bytes of one HTTP/1.1 request together, within limits. No I/O.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "hub/http/server.hpp"

namespace vpn_sentinel {

/// Largest request line and headers together.
inline constexpr std::size_t max_header_bytes = 16 * 1024;
/// Browsers behind two proxies send about 40; trailers of a chunked body count too.
inline constexpr std::size_t max_headers = 100;

class RequestReader {
 public:
  using Message = boost::beast::http::request<boost::beast::http::string_body>;
  enum class Progress { incomplete, complete, refused };

  /// Bodies longer than `max_body` and up to `large_body` are is_large() and need somebody's consent.
  explicit RequestReader(std::size_t max_body, std::size_t large_body = 0);

  /// Takes what it can use from the front of `input`; the rest must come again, with more behind it.
  Progress take(std::string_view& input);
  /// Why take() refused; the connection must be closed after it.
  [[nodiscard]] const Response& refusal() const noexcept { return refusal_; }
  [[nodiscard]] bool has_headers() const { return parser_.is_header_done(); }
  /// Of the body, so far.
  [[nodiscard]] std::size_t body_bytes() const { return parser_.get().body().size(); }
  /// The headers announce a body longer than `max_body`.
  [[nodiscard]] bool is_large() const;
  /// 413.
  [[nodiscard]] static Response too_long();
  /// True once, when the peer waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool wants_continue();

  // Once the request is complete:
  [[nodiscard]] const Message& message() const { return parser_.get(); }
  [[nodiscard]] Message release() { return parser_.release(); }
  /// Fills everything but the peer's address, with views into the message; a Response when no route should see this request.
  [[nodiscard]] std::optional<Response> fill(Request& request) const;

 private:
  [[nodiscard]] bool has_too_many_headers();

  boost::beast::http::request_parser<boost::beast::http::string_body> parser_;
  std::size_t max_body_;
  Response refusal_;
  bool counted_ = false;
  bool continued_ = false;
};

}  // namespace vpn_sentinel
