/// DNS answers made by hand, so that the client is not tested against its own library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace vpn_sentinel::test {

using Message = std::vector<std::byte>;
using Messages = std::vector<Message>;

inline void put16(Message& message, unsigned value) {
  message.push_back(static_cast<std::byte>(value >> 8U));
  message.push_back(static_cast<std::byte>(value & 0xffU));
}

/// Header and question of `query` (without its EDNS record) as an answer with `rcode`.
inline Message answer_to(std::span<const std::byte> query, unsigned rcode = 0) {
  std::size_t end = 12;
  while (query[end] != std::byte{0}) end += std::to_integer<std::size_t>(query[end]) + 1;
  Message message(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end) + 5);
  message[2] = std::byte{0x81};
  message[3] = static_cast<std::byte>(0x80U | rcode);
  for (std::size_t i = 6; i < 12; ++i) message[i] = std::byte{0};
  return message;
}

/// Adds a record of the question's name with `rdata`.
inline void add_record(Message& message, unsigned type, unsigned dns_class, const Message& rdata) {
  message[7] = static_cast<std::byte>(std::to_integer<unsigned>(message[7]) + 1);
  put16(message, 0xc00c);  // the name at offset 12
  put16(message, type);
  put16(message, dns_class);
  put16(message, 0);
  put16(message, 60);
  put16(message, static_cast<unsigned>(rdata.size()));
  message.insert(message.end(), rdata.begin(), rdata.end());
}

inline Message txt_rdata(std::initializer_list<std::string_view> strings) {
  Message rdata;
  for (const auto text : strings) {
    rdata.push_back(static_cast<std::byte>(text.size()));
    for (const char c : text) rdata.push_back(static_cast<std::byte>(c));
  }
  return rdata;
}

inline Message bytes(std::initializer_list<unsigned> values) {
  Message message;
  for (const auto value : values) message.push_back(static_cast<std::byte>(value));
  return message;
}

inline Message txt_answer(std::span<const std::byte> query, std::string_view text, unsigned dns_class = 3) {
  auto message = answer_to(query);
  add_record(message, 16, dns_class, txt_rdata({text}));
  return message;
}

}  // namespace vpn_sentinel::test
