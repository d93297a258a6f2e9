/// How many connections each address has, and which of them wait. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "hub/http/session.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// An IPv4 address, or the first half of an IPv6 one.
using AddressKey = std::uint64_t;

/// What one address has open.
class AddressPlace {
 public:
  /// Those that could make room, each list by the time since when they wait.
  struct Waiting {
    AddressSessionList unfinished;
    AddressSessionList idle;
  };

  AddressPlace(AddressKey key, std::size_t loops) : key_(key), waiting_(loops) {}
  AddressPlace(const AddressPlace&) = delete;
  AddressPlace& operator=(const AddressPlace&) = delete;
  /// On the thread of the loop with this number.
  [[nodiscard]] Waiting& waiting(std::size_t loop) { return waiting_[loop]; }

 private:
  friend class AddressCounts;
  const AddressKey key_;
  std::size_t open_ = 0;  ///< guarded by the AddressCounts
  std::vector<Waiting> waiting_;
};

/// Thread-safe. An IPv6 host has a /64 of addresses to choose from, so a /64 counts as one.
class AddressCounts {
 public:
  [[nodiscard]] static AddressKey key_of(const IpAddress& address) noexcept;

  explicit AddressCounts(std::size_t loops);
  /// Null: it has `most` already.
  [[nodiscard]] std::shared_ptr<AddressPlace> add(AddressKey key, std::size_t most);
  /// Null: it has nothing open.
  [[nodiscard]] std::shared_ptr<AddressPlace> find(AddressKey key);
  void remove(AddressPlace& place);

 private:
  /// Seeded: who chooses addresses must not be able to choose colliding ones.
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(AddressKey key) const noexcept;
  };
  const std::size_t loops_;
  std::mutex mutex_;
  std::unordered_map<AddressKey, std::shared_ptr<AddressPlace>, Hash> places_;
};

}  // namespace vpn_sentinel
