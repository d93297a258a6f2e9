/// The one place that checks lengths in what the kernel sends: iteration over netlink messages, attributes and next hops, and typed
/// reads of an attribute's payload. No decoder does arithmetic; nothing here reads beyond its span, whatever the bytes say.
/// Formats: netlink(7), rtnetlink(7).
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace vpn_sentinel {

/// Takes a fixed header from the front of `bytes`; empty (and `bytes` untouched) when there are too few.
template <typename Header>
[[nodiscard]] std::optional<Header> take_header(std::span<const std::byte>& bytes) noexcept {
  static_assert(std::is_trivially_copyable_v<Header>);
  if (bytes.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  // Fixed headers are padded to 4 bytes before the attributes (NLMSG_ALIGN); a payload may end inside the padding.
  const std::size_t aligned = (sizeof(Header) + 3) / 4 * 4;
  bytes = bytes.subspan(aligned < bytes.size() ? aligned : bytes.size());
  return header;
}

namespace detail {

/// Messages, attributes and next hops are all the same: a header with the record's whole length, and padding to 4 bytes between records.
template <typename Header, typename Length>
std::optional<Header> take_record(std::span<const std::byte>& rest, Length Header::*length, std::span<const std::byte>& body) noexcept {
  Header header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  const std::size_t size = header.*length;
  if (size < sizeof header || size > rest.size()) {
    rest = {};
    return std::nullopt;
  }
  body = rest.subspan(sizeof header, size - sizeof header);
  rest = rest.subspan(std::min((size + 3) / 4 * 4, rest.size()));
  return header;
}

}  // namespace detail

/// One netlink message; the payload begins after struct nlmsghdr.
struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port = 0;  ///< whose request caused it; 0: nobody's
  std::span<const std::byte> payload;
};

/// Iterates over the messages of one datagram; stops at the first one whose length is impossible.
class MessageCursor {
 public:
  explicit MessageCursor(std::span<const std::byte> datagram) noexcept : rest_(datagram) {}
  [[nodiscard]] std::optional<NetlinkMessage> next() noexcept;

 private:
  std::span<const std::byte> rest_;
};

class AttributeCursor;

struct Attribute {
  std::uint16_t type = 0;  ///< without the flag bits NLA_F_NESTED and NLA_F_NET_BYTEORDER
  std::span<const std::byte> payload;

  /// Host-order integer; empty unless the payload has exactly its size.
  template <typename Integer>
  [[nodiscard]] std::optional<Integer> as() const noexcept {
    static_assert(std::is_integral_v<Integer>);
    if (payload.size() != sizeof(Integer)) return std::nullopt;
    Integer value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
  }
  /// Ends at the first NUL or at the attribute's end; valid as long as the bytes.
  [[nodiscard]] std::string_view as_string() const noexcept;
  [[nodiscard]] AttributeCursor nested() const noexcept;
};

/// Iterates over attributes; stops at the first one whose length is impossible.
class AttributeCursor {
 public:
  explicit AttributeCursor(std::span<const std::byte> attributes) noexcept : rest_(attributes) {}
  [[nodiscard]] std::optional<Attribute> next() noexcept;

 private:
  std::span<const std::byte> rest_;
};

/// One struct rtnexthop of RTA_MULTIPATH.
struct NextHopRecord {
  std::uint32_t link_index = 0;
  std::uint8_t flags = 0;   ///< RTNH_F_*
  std::uint8_t weight = 0;  ///< rtnh_hops
  std::span<const std::byte> attributes;
};

class NextHopCursor {
 public:
  explicit NextHopCursor(std::span<const std::byte> multipath) noexcept : rest_(multipath) {}
  [[nodiscard]] std::optional<NextHopRecord> next() noexcept;

 private:
  std::span<const std::byte> rest_;
};

// Of a full table of routes there are a million of these: inline.
inline std::optional<NetlinkMessage> MessageCursor::next() noexcept {
  NetlinkMessage message;
  const auto header = detail::take_record(rest_, &nlmsghdr::nlmsg_len, message.payload);
  if (!header) return std::nullopt;
  message.type = header->nlmsg_type;
  message.flags = header->nlmsg_flags;
  message.sequence = header->nlmsg_seq;
  message.port = header->nlmsg_pid;
  return message;
}

inline std::optional<Attribute> AttributeCursor::next() noexcept {
  Attribute attribute;
  const auto header = detail::take_record(rest_, &nlattr::nla_len, attribute.payload);
  if (!header) return std::nullopt;
  attribute.type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK);
  return attribute;
}

}  // namespace vpn_sentinel
