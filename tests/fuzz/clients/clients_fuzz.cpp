// Arbitrary bytes as answers of DNS and STUN servers. The first byte chooses; the secrets of the question (id, name, transaction) are
// repeated, because nothing else gets past the first check. Checked beyond "does not crash": what does not repeat them is never taken,
// and what is taken keeps its promises.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "netns/clients/dns_message.hpp"
#include "netns/clients/stun_message.hpp"

using namespace vpn_sentinel;

namespace {

using Bytes = std::span<const std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

void append(std::vector<std::byte>& message, Bytes bytes) { message.insert(message.end(), bytes.begin(), bytes.end()); }

/// Flags and the three counts after the question's own come from the input, and everything behind the question.
void answer_dns(Bytes input) {
  static constexpr std::array types{DnsType::a, DnsType::ns, DnsType::txt, DnsType::aaaa};
  if (input.size() < 9) return;
  const auto choice = std::to_integer<unsigned>(input[0]);
  const auto dns_class = (choice & 4U) != 0 ? DnsClass::ch : DnsClass::in;
  const auto query = build_dns_query({"whoami.cloudflare", types[choice % 4], dns_class}, DnsNameCase::mixed);
  require(query.has_value());
  require(match_dns_answer(*query, input) == DnsMatch::no || input.size() >= 12 + query->question.size());
  std::vector<std::byte> message(query->wire.begin(), query->wire.begin() + 2);
  append(message, input.subspan(1, 2));  // flags
  append(message, std::array{std::byte{0}, std::byte{1}});
  append(message, input.subspan(3, 6));
  append(message, query->question);
  append(message, input.subspan(9));
  const auto match = match_dns_answer(*query, message);
  // The input holds neither id nor name, so the case of the name is always right.
  require(match != DnsMatch::case_lost);
  if (match != DnsMatch::yes) return;
  const auto answer = parse_dns_answer(*query, message);
  if (!answer) return require(!answer.error().message.empty());
  require(!rcode_name(answer->rcode).empty());
  for (const auto& address : answer->addresses) require(address.is_v4() == (query->type == DnsType::a));
  if (query->type != DnsType::txt) require(answer->texts.empty());
}

void answer_stun(Bytes input) {
  if (input.size() < 4) return;
  const auto request = make_stun_request();
  require(!is_stun_answer(request, input));
  std::vector<std::byte> message(input.begin(), input.begin() + 4);
  append(message, Bytes{request}.subspan(4));
  append(message, input.subspan(4));
  if (!is_stun_answer(request, message)) return;
  const auto mapped = read_stun_answer(request, message);
  if (!mapped) return require(!mapped.error().message.empty());
  require(mapped->address.bytes().size() == (mapped->address.is_v4() ? 4U : 16U));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  if (bytes.empty()) return 0;
  if (std::to_integer<unsigned>(bytes[0]) % 2 == 0) {
    answer_dns(bytes.subspan(1));
  } else {
    answer_stun(bytes.subspan(1));
  }
  return 0;
}
