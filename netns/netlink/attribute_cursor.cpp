#include "netns/netlink/attribute_cursor.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace vpn_sentinel {
namespace {

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

}  // namespace

std::optional<NetlinkMessage> MessageCursor::next() noexcept {
  NetlinkMessage message;
  const auto header = take_record(rest_, &nlmsghdr::nlmsg_len, message.payload);
  if (!header) return std::nullopt;
  message.type = header->nlmsg_type;
  message.flags = header->nlmsg_flags;
  message.sequence = header->nlmsg_seq;
  message.port = header->nlmsg_pid;
  return message;
}

std::optional<Attribute> AttributeCursor::next() noexcept {
  Attribute attribute;
  const auto header = take_record(rest_, &nlattr::nla_len, attribute.payload);
  if (!header) return std::nullopt;
  attribute.type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK);
  return attribute;
}

std::optional<NextHopRecord> NextHopCursor::next() noexcept {
  NextHopRecord record;
  const auto header = take_record(rest_, &rtnexthop::rtnh_len, record.attributes);
  if (!header) return std::nullopt;
  record.link_index = static_cast<std::uint32_t>(header->rtnh_ifindex);
  record.flags = header->rtnh_flags;
  record.weight = header->rtnh_hops;
  return record;
}

std::string_view Attribute::as_string() const noexcept {
  const auto end = std::ranges::find(payload, std::byte{0});
  return {reinterpret_cast<const char*>(payload.data()), static_cast<std::size_t>(end - payload.begin())};
}

AttributeCursor Attribute::nested() const noexcept { return AttributeCursor{payload}; }

}  // namespace vpn_sentinel
