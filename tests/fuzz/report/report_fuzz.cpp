// Raw bytes -> JSON -> report. What is accepted must come back equal over the wire; what is refused must say so in one clean line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "probe/report/report.hpp"

using namespace vpn_sentinel;
using nlohmann::json;

namespace {

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

bool is_one_clean_line(const std::string& message) {
  for (const char c : message) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  return !message.empty() && message.size() < 1000;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = json::parse(data, data + size, nullptr, false);
  if (parsed.is_discarded()) return 0;
  const auto report = decode_report(parsed);
  if (!report) {
    require(is_one_clean_line(report.error().message));
    return 0;
  }
  require(is_valid_client_id(report->client_id));
  const auto wire = encode(*report).dump();
  const auto back = decode_report(json::parse(wire));
  require(back.has_value());
  require(*back == *report);
  return 0;
}
