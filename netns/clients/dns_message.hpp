/// The DNS message of one question, and the judgement of what comes back (RFC 1035, RFC 6891; the mixed case of the name as a second
/// secret: draft-vixie-dnsext-dns0x20). Pure: no I/O and no state. ldns builds and parses; whether bytes belong to the question is
/// decided on the raw bytes, because ldns compares names without regard to case.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class DnsType : std::uint16_t { a = 1, ns = 2, txt = 16, aaaa = 28 };
enum class DnsClass : std::uint16_t { in = 1, ch = 3 };

struct DnsQuestion {
  std::string name;
  DnsType type = DnsType::txt;
  DnsClass dns_class = DnsClass::in;
};

struct DnsAnswer {
  std::uint8_t rcode = 0;                   ///< RFC 1035 4.1.1; 0 NOERROR, 3 NXDOMAIN, 5 REFUSED; 16 and more: RFC 6891
  std::vector<std::string> texts;           ///< TXT records of the asked class, the strings of one record joined
  std::vector<IpAddress> addresses;         ///< A or AAAA records
  std::chrono::microseconds round_trip{0};  ///< of the try that was answered
  IpAddress server;
  bool over_tcp = false;      ///< the UDP answer was truncated
  std::uint32_t dropped = 0;  ///< datagrams that were refused before: forged, stray or not parseable
};

/// "NOERROR", "REFUSED", … (RFC 6895 2.3); "RCODE42" for what has no name here.
[[nodiscard]] std::string rcode_name(std::uint8_t rcode);

enum class DnsNameCase : std::uint8_t {
  mixed,  ///< every letter upper or lower by chance: a forger has to guess it
  plain,  ///< as given: for servers that do not repeat the case
};

struct DnsQuery {
  std::vector<std::byte> wire;      ///< what is sent
  std::vector<std::byte> question;  ///< name, type and class as in `wire`: the answer repeats them byte for byte
  DnsType type = DnsType::txt;
  DnsClass dns_class = DnsClass::in;
};

/// Random id, RD set, EDNS with 1232 bytes. invalid: `name` is not a domain name (RFC 1035 2.3.4: labels up to 63, all up to 255 bytes).
[[nodiscard]] Result<DnsQuery> build_dns_query(const DnsQuestion& question, DnsNameCase name_case);

enum class DnsMatch : std::uint8_t {
  no,         ///< another id or question, no answer, or too short
  case_lost,  ///< all fits but the case of the name: a forger that knows the id, or a server that changes case
  yes,
};
[[nodiscard]] DnsMatch match_dns_answer(const DnsQuery& query, std::span<const std::byte> message);

/// The TC bit. `message` must have matched.
[[nodiscard]] bool is_truncated(std::span<const std::byte> message);

/// Reads a message that has matched; sets rcode, texts and addresses. invalid: broken records, compression loops. Never prints packets:
/// ldns 1.8.3 dereferences null on the EDNS option 13.
[[nodiscard]] Result<DnsAnswer> parse_dns_answer(const DnsQuery& query, std::span<const std::byte> message);

}  // namespace vpn_sentinel
