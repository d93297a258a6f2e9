#include "hub/http/request_reader.hpp"

#include <fmt/format.h>
#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <iterator>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;

constexpr std::size_t shortest_end_of_chunks = std::string_view("0\r\n\r\n").size();

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Response refusal_for(const ErrorCode& error) {
  if (error == http::error::header_limit) {
    return error_response(431, "Request header fields too large",
                          fmt::format("The request line and headers may have {} bytes together", max_header_bytes));
  }
  if (error == http::error::body_limit) return error_response(413, "Payload too large", "The body is longer than this server accepts");
  return error_response(400, "Bad request", "This is not a valid HTTP/1.1 request: " + error.message());
}

}  // namespace

RequestReader::RequestReader(std::size_t max_body, std::size_t large_body) : max_body_(max_body) {
  parser_.header_limit(max_header_bytes);
  parser_.body_limit(std::max(max_body, large_body));
  parser_.eager(true);
}

RequestReader::Progress RequestReader::take(std::string_view& input) {
  // Beast asserts that it is not shown fewer bytes of a last chunk than that; no body in chunks ends with fewer.
  if (parser_.is_header_done() && parser_.chunked() && input.size() < shortest_end_of_chunks) return Progress::incomplete;
  ErrorCode error;
  std::size_t used = 1;
  while (used > 0 && !input.empty() && !parser_.is_done() && !error) {
    used = parser_.put(boost::asio::buffer(input.data(), input.size()), error);
    input.remove_prefix(used);
    // Nobody is asked about a body of unknown length: it is never a large one.
    if (!error && parser_.chunked() && message().body().size() > max_body_) error = http::error::body_limit;
  }
  if (error == http::error::need_more) error = {};
  // An endless chunk header: the parser has no bound of its own for it.
  if (!error && !parser_.is_done() && input.size() > max_header_bytes) error = http::error::header_limit;
  if (!error && has_too_many_headers()) {
    refusal_ = error_response(431, "Request header fields too large", fmt::format("A request may have {} headers", max_headers));
    return Progress::refused;
  }
  if (error) {
    refusal_ = refusal_for(error);
    return Progress::refused;
  }
  return parser_.is_done() ? Progress::complete : Progress::incomplete;
}

/// Looked at when the headers are complete, and again at the end because of trailers.
bool RequestReader::has_too_many_headers() {
  if (!parser_.is_header_done() || (std::exchange(counted_, true) && !parser_.is_done())) return false;
  return std::distance(message().begin(), message().end()) > static_cast<std::ptrdiff_t>(max_headers);
}

bool RequestReader::is_large() const {
  if (!parser_.is_header_done()) return false;
  const auto length = parser_.content_length();
  return length && *length > max_body_;
}

Response RequestReader::too_long() { return refusal_for(http::error::body_limit); }

bool RequestReader::wants_continue() {
  if (!parser_.is_header_done() || parser_.is_done() || message().version() < 11) return false;
  return equal_ignoring_case(view(message()[http::field::expect]), "100-continue") && !std::exchange(continued_, true);
}

std::optional<Response> RequestReader::fill(Request& request) const {
  const auto& all = message();
  if (all.method() == http::verb::unknown || all.method() == http::verb::connect || all.method() == http::verb::trace) {
    return error_response(501, "Not implemented", "This server does not know the method");
  }
  // Beast takes any other one for "no body"; a proxy in front may not, and would see other requests than we do (RFC 9112 6.1).
  if (all.count(http::field::transfer_encoding) > 0 && !equal_ignoring_case(view(all[http::field::transfer_encoding]), "chunked")) {
    return error_response(501, "Not implemented", "The only transfer encoding that this server knows is chunked");
  }
  const auto hosts = all.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && all.version() >= 11)) return error_response(400, "Bad request", "Exactly one Host header is required");
  if (!is_valid_host(view(all[http::field::host]))) {
    return error_response(400, "Bad request", "Host: expected a name or an address, and a port or none");
  }
  const auto target = split_target(view(all.target()));
  if (!target) return error_response(400, "Bad request", "The request target must be a path");
  request.method = all.method() == http::verb::head ? "GET" : view(all.method_string());
  request.path = target->path;
  request.query = target->query;
  request.body = all.body();
  request.header = [&all](std::string_view name) { return view(all[boost::beast::string_view(name.data(), name.size())]); };
  request.all_lines = [&all](std::string_view name) {
    std::string joined;
    const auto [first, last] = all.equal_range(boost::beast::string_view(name.data(), name.size()));
    for (auto line = first; line != last; ++line) joined.append(joined.empty() ? "" : ", ").append(view(line->value()));
    return joined;
  };
  return std::nullopt;
}

}  // namespace vpn_sentinel
