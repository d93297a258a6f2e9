// ldns/common.h defines bool, true and false as macros in C++ unless this comes first; so ldns stays in this one file.
#include <stdbool.h>  // NOLINT(modernize-deprecated-headers)
//
#include <ldns/ldns.h>

#include "netns/clients/dns_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t dns_header_size = 12;
// RFC 9715: fits IPv6's minimum link of 1280 bytes, so that no answer is fragmented.
constexpr std::uint16_t udp_payload = 1232;

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using Packet = std::unique_ptr<ldns_pkt, FreeWith<ldns_pkt_free>>;
using Rdata = std::unique_ptr<ldns_rdf, FreeWith<ldns_rdf_deep_free>>;
using WireBytes = std::unique_ptr<std::uint8_t, FreeWith<std::free>>;

std::uint8_t octet(std::span<const std::byte> message, std::size_t at) { return std::to_integer<std::uint8_t>(message[at]); }

bool is_letter(std::byte byte) {
  const auto lower = std::to_integer<unsigned>(byte) | 0x20U;
  return lower >= 'a' && lower <= 'z';
}

std::byte lower(std::byte byte) { return is_letter(byte) ? byte | std::byte{0x20} : byte; }

/// Calls `change` for each byte of the labels of `name` (wire form, uncompressed), not for the length bytes.
template <typename Change>
void each_label_byte(std::span<std::byte> name, Change change) {
  for (std::size_t at = 0; at < name.size() && name[at] != std::byte{0};) {
    const auto length = std::to_integer<std::size_t>(name[at++]);
    for (std::size_t i = 0; i < length && at < name.size(); ++i) change(name[at++]);
  }
}

void mix_case(std::span<std::byte> name) {
  std::array<std::byte, 256> random{};
  fill_random(random);
  std::size_t next = 0;
  each_label_byte(name, [&](std::byte& byte) {
    if (is_letter(byte)) byte ^= random[next++ % random.size()] & std::byte{0x20};
  });
}

/// Name, type and class: equal but for the case of the labels' letters.
bool equal_without_case(std::span<const std::byte> asked, std::span<const std::byte> got) {
  std::vector<std::byte> left(asked.begin(), asked.end());
  std::vector<std::byte> right(got.begin(), got.end());
  const auto fold = [](std::byte& byte) { byte = lower(byte); };
  each_label_byte(std::span{left}.first(left.size() - 4), fold);
  each_label_byte(std::span{right}.first(right.size() - 4), fold);
  return left == right;
}

Result<Rdata> domain_name(const std::string& name) {
  ldns_rdf* raw = nullptr;
  if (name.empty() || name.find('\0') != std::string::npos || ldns_str2rdf_dname(&raw, name.c_str()) != LDNS_STATUS_OK) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is not a domain name", name.substr(0, 255)));
  }
  return Rdata{raw};
}

/// The strings of one TXT record, each of which has a leading length byte inside ldns.
std::string joined_strings(const ldns_rr& record) {
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(&record); ++i) {
    const auto* rdata = ldns_rr_rdf(&record, i);
    const auto size = ldns_rdf_size(rdata);
    const auto* data = ldns_rdf_data(rdata);
    if (size > 1) text.append(reinterpret_cast<const char*>(data + 1), std::min<std::size_t>(data[0], size - 1));
  }
  return text;
}

void take_record(const ldns_rr& record, DnsAnswer& answer) {
  switch (ldns_rr_get_type(&record)) {
    case LDNS_RR_TYPE_TXT:
      answer.texts.push_back(joined_strings(record));
      return;
    case LDNS_RR_TYPE_A:
    case LDNS_RR_TYPE_AAAA:
      if (ldns_rr_rd_count(&record) == 1) {
        const auto* rdata = ldns_rr_rdf(&record, 0);
        const std::span bytes(ldns_rdf_data(rdata), ldns_rdf_size(rdata));
        if (const auto address = IpAddress::from_bytes(std::as_bytes(bytes))) answer.addresses.push_back(*address);
      }
      return;
    default:
      return;
  }
}

}  // namespace

std::string rcode_name(std::uint8_t rcode) {
  static constexpr std::array<const char*, 6> names{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  return rcode < names.size() ? names[rcode] : fmt::format("RCODE{}", rcode);
}

Result<DnsQuery> build_dns_query(const DnsQuestion& question, DnsNameCase name_case) {
  auto name = domain_name(question.name);
  if (!name) return fail(name.error());
  const std::size_t question_size = ldns_rdf_size(name->get()) + 4;
  const Packet packet(
      ldns_pkt_query_new(name->get(), static_cast<ldns_rr_type>(question.type), static_cast<ldns_rr_class>(question.dns_class), LDNS_RD));
  if (!packet) return fail(Error::Kind::failed, "no memory for a DNS question");
  std::ignore = name->release();  // the packet owns it now
  ldns_pkt_set_id(packet.get(), static_cast<std::uint16_t>(random_u64()));
  ldns_pkt_set_edns_udp_size(packet.get(), udp_payload);

  std::uint8_t* raw = nullptr;
  std::size_t size = 0;
  const auto status = ldns_pkt2wire(&raw, packet.get(), &size);
  const WireBytes owned(raw);
  if (status != LDNS_STATUS_OK || size < dns_header_size + question_size) {
    return fail(Error::Kind::invalid, fmt::format("'{}' cannot be asked: {}", question.name, ldns_get_errorstr_by_id(status)));
  }
  DnsQuery query{.wire = {}, .question = {}, .type = question.type, .dns_class = question.dns_class};
  const auto bytes = std::as_bytes(std::span(raw, size));
  query.wire.assign(bytes.begin(), bytes.end());
  const auto asked = std::span{query.wire}.subspan(dns_header_size, question_size);
  if (name_case == DnsNameCase::mixed) mix_case(asked.first(question_size - 4));
  query.question.assign(asked.begin(), asked.end());
  return query;
}

DnsMatch match_dns_answer(const DnsQuery& query, std::span<const std::byte> message) {
  if (message.size() < dns_header_size + query.question.size()) return DnsMatch::no;
  const bool same_id = message[0] == query.wire[0] && message[1] == query.wire[1];
  const bool is_answer = (octet(message, 2) & 0x80U) != 0;
  const bool is_query_opcode = (octet(message, 2) & 0x78U) == 0;
  const bool one_question = octet(message, 4) == 0 && octet(message, 5) == 1;
  if (!same_id || !is_answer || !is_query_opcode || !one_question) return DnsMatch::no;
  // The first name of a message cannot be compressed, so the bytes must be the same.
  const auto repeated = message.subspan(dns_header_size, query.question.size());
  if (std::ranges::equal(repeated, query.question)) return DnsMatch::yes;
  return equal_without_case(query.question, repeated) ? DnsMatch::case_lost : DnsMatch::no;
}

bool is_truncated(std::span<const std::byte> message) { return (octet(message, 2) & 0x02U) != 0; }

Result<DnsAnswer> parse_dns_answer(const DnsQuery& query, std::span<const std::byte> message) {
  ldns_pkt* raw = nullptr;
  const auto status = ldns_wire2pkt(&raw, reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
  const Packet packet(status == LDNS_STATUS_OK ? raw : nullptr);
  if (!packet) {
    return fail(Error::Kind::invalid, fmt::format("the DNS answer cannot be read: {}", ldns_get_errorstr_by_id(status)));
  }
  DnsAnswer answer;
  const unsigned extended = ldns_pkt_edns(raw) ? static_cast<unsigned>(ldns_pkt_edns_extended_rcode(raw)) << 4U : 0U;
  answer.rcode = static_cast<std::uint8_t>(std::min(extended | static_cast<unsigned>(ldns_pkt_get_rcode(raw)), 255U));
  const auto* records = ldns_pkt_answer(raw);
  for (std::size_t i = 0; records != nullptr && i < ldns_rr_list_rr_count(records); ++i) {
    const auto* record = ldns_rr_list_rr(records, i);
    const bool asked_type = ldns_rr_get_type(record) == static_cast<ldns_rr_type>(query.type);
    const bool asked_class = ldns_rr_get_class(record) == static_cast<ldns_rr_class>(query.dns_class);
    if (asked_type && asked_class) take_record(*record, answer);
  }
  return answer;
}

}  // namespace vpn_sentinel
