#include "hub/http/gzip.hpp"

#define ZLIB_CONST  // its input is const then
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

/// The largest window, and a gzip header instead of zlib's own (zlib.h, deflateInit2).
constexpr int gzip_window = 15 + 16;
constexpr int usual_memory = 8;

std::string_view trimmed(std::string_view text) {
  const auto start = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(start);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// The part before `mark`; the rest stays in `text`.
std::string_view cut(std::string_view& text, char mark) {
  const auto end = std::min(text.find(mark), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

/// "q=0", "q=0.000": not wanted.
bool is_refused(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto parameter = cut(parameters, ';');
    if (parameter.size() < 3 || !equal_ignoring_case(parameter.substr(0, 2), "q=")) continue;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

}  // namespace

std::string gzipped(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, usual_memory, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, deflateEnd);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<const Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);  // cannot fail: the buffer is as large as deflateBound() asks
  packed.resize(stream.total_out);
  return packed;
}

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> any;
  while (!accept_encoding.empty()) {
    auto coding = cut(accept_encoding, ',');
    const auto name = cut(coding, ';');
    if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip")) return !is_refused(coding);
    if (name == "*") any = !is_refused(coding);
  }
  return any.value_or(false);
}

}  // namespace vpn_sentinel
