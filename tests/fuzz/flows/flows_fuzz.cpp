// Raw bytes -> a batch of flows, packed and not. Whatever is refused is refused with a status of the client's fault and one clean line;
// what is taken has no number, time or text that the store or a page could not bear, and says the same when it is told again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/ingest/flow_admission.hpp"

using namespace vpn_sentinel;

namespace {

constexpr WallTime now{std::chrono::hours{500'000}};

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

bool is_clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

void judge(std::string_view body, std::string_view encoding) {
  const auto admitted = admit_flows(body, encoding, now);
  if (!admitted) {
    const auto& [status, error, message] = admitted.error();
    require(status == 400 || status == 413 || status == 415);
    require(!error.empty() && is_clean(error) && is_clean(message) && message.size() < 1000);
    return;
  }
  const auto& batch = admitted->batch;
  require(is_valid_client_id(batch.client_id) && batch.seq > 0 && batch.flows.size() <= most_batch_flows);
  require(batch.timestamp <= now);
  for (const auto& row : batch.flows) {
    require(row.first <= row.last && row.last <= now && row.first >= WallTime{});
    require(row.bytes_out.value_or(0) <= most_flow_number && row.opened <= most_flow_number);
    for (const auto* text : {&row.program, &row.interface, &row.organisation, &row.destination, &row.container}) require(is_clean(*text));
  }
  const auto again = decode_flow_batch(encode(batch));
  require(again && *again == batch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  judge(body, "");
  judge(body, "gzip");
  return 0;
}
