/// Token buckets in a table of fixed size: how much somebody asks for per time, however many somebodies there are. Pure; any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// Whose requests are counted together.
struct BucketKey {
  std::uint64_t value = 0;
  std::uint8_t kind = 0;  ///< 0: an empty place of the table
  friend bool operator==(const BucketKey&, const BucketKey&) = default;
};

/// An IPv4 address, or the /64 of an IPv6 address: one household or machine has at least so many.
[[nodiscard]] BucketKey bucket_of(const IpAddress& address) noexcept;
/// Something that has a name.
[[nodiscard]] BucketKey bucket_of(std::string_view name) noexcept;

/// One moment per key, for a fixed number of keys. When a new key finds no place, it takes that of the earliest moment among a few.
class MomentTable {
 public:
  /// At least `entries` keys, 24 bytes each; of which a page of memory is used when a key of it first is.
  explicit MomentTable(std::size_t entries);

  /// `change` gets the key's moment (MonoTime::min() for a new key), under a lock.
  template <typename Change>
  auto update(const BucketKey& key, Change change) {
    const auto place = place_of(key);
    auto& shard = shards_.at(place.shard);
    const std::lock_guard lock(shard.mutex);
    return change(slot(shard, place.first, key).moment);
  }
  /// MonoTime::min() for a key that is not there.
  [[nodiscard]] MonoTime find(const BucketKey& key) const;
  void clear();

 private:
  static constexpr std::size_t shard_count = 16;
  static constexpr std::size_t ways = 8;  ///< places that one key may have
  /// All bits zero: an empty one.
  struct Slot {
    BucketKey key;
    MonoTime moment;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::span<Slot> slots;
  };
  struct FreeSlots {
    void operator()(Slot* slots) const noexcept { std::free(slots); }  // NOLINT(*-no-malloc): calloc(3) touches no page
  };
  struct Place {
    std::size_t shard;
    std::size_t first;  ///< of `ways` slots
  };
  [[nodiscard]] Place place_of(const BucketKey& key) const;
  [[nodiscard]] static Slot& slot(Shard& shard, std::size_t first, const BucketKey& key);

  std::uint64_t seed_;  ///< so that nobody can choose addresses that share places
  std::size_t sets_;    ///< of one shard
  std::unique_ptr<Slot, FreeSlots> slots_;
  std::array<Shard, shard_count> shards_;
};

/// Buckets that fill at one pace (GCRA: a bucket is the moment at which it will be full again). A new key's bucket is full; the fullest is
/// forgotten first, so that an attacker with many addresses can only give others their tokens back.
class TokenBuckets {
 public:
  struct Pace {
    std::chrono::nanoseconds per_token{};
    unsigned size = 1;  ///< tokens in a full bucket
  };

  explicit TokenBuckets(std::size_t entries) : full_at_(entries) {}

  /// Takes `cost` tokens (more than a full bucket counts as a full one) if `reserve` are left then; otherwise takes none and returns how
  /// long it will be until that can be.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> take(const BucketKey& key, const Pace& pace, unsigned cost, unsigned reserve,
                                                             MonoTime now);
  /// As take() of one token, without taking it.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> wait(const BucketKey& key, const Pace& pace, MonoTime now) const;
  void clear() { full_at_.clear(); }

 private:
  MomentTable full_at_;
};

}  // namespace vpn_sentinel
