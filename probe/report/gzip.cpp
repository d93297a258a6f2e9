#include "probe/report/gzip.hpp"

#define ZLIB_CONST  // its input is const then
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>

namespace vpn_sentinel {
namespace {

/// The largest window, and a gzip header instead of zlib's own (zlib.h, deflateInit2 and inflateInit2).
constexpr int gzip_window = 15 + 16;
constexpr int usual_memory = 8;
constexpr std::size_t first_room = std::size_t{16} * 1024;

const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

}  // namespace

std::string gzipped(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, usual_memory, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, deflateEnd);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = bytes_of(text);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);  // cannot fail: the buffer is as large as deflateBound() asks
  packed.resize(stream.total_out);
  return packed;
}

Result<std::string> gunzipped(std::string_view packed, std::size_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, inflateEnd);
  stream.next_in = bytes_of(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  // One byte more than allowed: who fills it is too long.
  std::string text(std::min(first_room, most + 1), '\0');
  int code = Z_OK;
  while (code == Z_OK) {
    if (stream.total_out == text.size()) {
      if (text.size() > most) return fail(Error::Kind::overrun, fmt::format("unpacked it has more than {} bytes", most));
      text.resize(std::min(text.size() * 2, most + 1));
    }
    stream.next_out = reinterpret_cast<Bytef*>(text.data()) + stream.total_out;
    stream.avail_out = static_cast<uInt>(text.size() - stream.total_out);
    code = inflate(&stream, Z_NO_FLUSH);
  }
  if (code != Z_STREAM_END || stream.avail_in > 0) return fail(Error::Kind::invalid, "it is no gzip, damaged or cut off");
  if (stream.total_out > most) return fail(Error::Kind::overrun, fmt::format("unpacked it has more than {} bytes", most));
  text.resize(stream.total_out);
  return text;
}

}  // namespace vpn_sentinel
