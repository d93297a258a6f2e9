// What services answer: the first byte chooses whose format it is, the second the status and the family, the rest is the body. An answer
// is a public address of the asked family with clean facts; a refusal says why in one clean line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "netns/base/public_address.hpp"
#include "netns/geo/exit_source.hpp"

using namespace vpn_sentinel;

namespace {

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

void require_clean(const std::string& text, std::size_t most) {
  require(text.size() <= most);
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto kind = static_cast<SourceKind>(data[0] % 6);
  const auto family = (data[1] & 1U) != 0 ? Family::v6 : Family::v4;
  constexpr long statuses[]{200, 429, 403, 500};
  SourceReply reply{"service.test", statuses[data[1] >> 1U & 3U], {reinterpret_cast<const char*>(data) + 2, size - 2}};
  reply.rate_left = reply.body.substr(0, 3);
  reply.rate_ends = reply.body.substr(0, 5);
  const auto reading = read_source(kind, reply, family);
  if (!reading) {
    require(!reading.error().error.message.empty());
    require_clean(reading.error().error.message, 300);
    return 0;
  }
  require(reading->address.family() == family && is_public_address(reading->address));
  const auto& facts = reading->facts;
  require(facts.country.empty() || facts.country.size() == 2);
  for (const auto* text : {&facts.country, &facts.city, &facts.region, &facts.timezone, &facts.organisation, &reading->colo}) {
    require_clean(*text, 100);
  }
  require(!facts.asn || *facts.asn != 0);
  return 0;
}
