// Arbitrary bytes as what arrives on a connection. Checked beyond "does not crash": limits hold, and how the bytes were cut into packets
// makes no difference to what is read, because a proxy in front that cuts them otherwise must not see other requests than we do.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hub/http/request_reader.hpp"

using namespace vpn_sentinel;

namespace {

constexpr std::size_t max_body = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Of a request that is complete. Whether another one is refused at once or with its next bytes is no matter.
struct Outcome {
  std::size_t used = 0;  ///< bytes
  int refused_with = 0;  ///< status of the answer when no route sees the request
  std::string method, path, query, body;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome look_at(const RequestReader& reader, std::size_t used) {
  Outcome outcome{used, 0, {}, {}, {}, {}};
  Request request;
  if (const auto refusal = reader.fill(request)) {
    require(refusal->status >= 400);
    outcome.refused_with = refusal->status;
    return outcome;
  }
  require((request.path.starts_with('/') || request.path == "*") && request.body.size() <= max_body);
  require(request.header("Host").size() < max_header_bytes);
  outcome.method = request.method;
  outcome.path = request.path;
  outcome.query = request.query;
  outcome.body = request.body;
  return outcome;
}

/// As a connection does: what the reader did not use comes again with more behind it.
Outcome read(std::string_view bytes, std::size_t packet) {
  RequestReader reader(max_body);
  std::string kept;
  for (std::size_t place = 0; place < bytes.size(); place += packet) {
    kept += bytes.substr(place, packet);
    std::string_view input = kept;
    const auto progress = reader.take(input);
    const auto seen = std::min(place + packet, bytes.size());
    if (progress == RequestReader::Progress::complete) return look_at(reader, seen - input.size());
    if (progress == RequestReader::Progress::refused) {
      require(reader.refusal().status >= 400 && !reader.refusal().body.empty());
      return {};
    }
    (void)reader.wants_continue();
    kept = std::string(input);
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const auto whole = read(bytes, bytes.size());
  for (const std::size_t packet : {std::size_t{1}, std::size_t{7}, std::size_t{1460}}) require(read(bytes, packet) == whole);
  return 0;
}
