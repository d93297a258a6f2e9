/// How many connections each address has. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// Thread-safe. An IPv6 host has a /64 of addresses to choose from, so a /64 counts as one.
class AddressCounts {
 public:
  using Key = std::uint64_t;
  [[nodiscard]] static Key key_of(const IpAddress& address) noexcept;

  AddressCounts();
  /// False: it has `most` already.
  [[nodiscard]] bool add(Key key, std::size_t most);
  void remove(Key key);

 private:
  /// Seeded: who chooses addresses must not be able to choose colliding ones.
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(Key key) const noexcept;
  };
  std::mutex mutex_;
  std::unordered_map<Key, std::uint32_t, Hash> counts_;
};

}  // namespace vpn_sentinel
