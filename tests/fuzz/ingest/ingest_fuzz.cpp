// Raw bytes -> a keepalive and a batch. Whatever is refused is refused with a status of the client's fault and one clean line; the texts
// of a batch are parts of the body, in its order.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/ingest/batch.hpp"

using namespace vpn_sentinel;

namespace {

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

bool is_clean(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return text.size() < 1000;
}

void require_clear(const Rejection& rejection) {
  require(rejection.status == 400 || rejection.status == 413);
  require(!rejection.error.empty() && is_clean(rejection.error) && is_clean(rejection.message));
}

void judge(std::string_view text) {
  const auto admitted = admit(text, "192.0.2.7", WallTime{});
  if (!admitted) return require_clear(admitted.error());
  require(is_valid_client_id(admitted->report.client_id));
  require(admitted->report.state.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  judge(body);
  const auto reports = split_batch(body);
  const bool changes = tells_changes(body);
  if (!reports) {
    require(!changes);
    require_clear(reports.error());
    return 0;
  }
  require(!reports->empty() && reports->size() <= max_batch_reports);
  const char* last = body.data();
  for (const auto report : *reports) {
    require(!report.empty() && report.data() >= last && report.data() + report.size() <= body.data() + body.size());
    last = report.data() + report.size();
    judge(report);
  }
  return 0;
}
