#include "hub/http/token_buckets.hpp"

#include <algorithm>
#include <functional>
#include <new>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::nanoseconds;

/// The finaliser of SplitMix64 (public domain): every bit of the input changes half of the output's.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

/// How much longer than a full bucket allows; nothing when it fits.
std::optional<nanoseconds> excess(MonoTime full_at, const TokenBuckets::Pace& pace, unsigned reserve, MonoTime now) {
  const auto most = pace.per_token * (pace.size - reserve);
  const auto asked = full_at - now;
  if (asked <= most) return std::nullopt;
  return asked - most;
}

}  // namespace

BucketKey bucket_of(const IpAddress& address) noexcept {
  BucketKey key{0, static_cast<std::uint8_t>(address.family())};
  const auto bytes = address.bytes().first(address.is_v4() ? 4 : 8);
  for (const auto byte : bytes) key.value = key.value << 8 | byte;
  return key;
}

BucketKey bucket_of(std::string_view name) noexcept { return {std::hash<std::string_view>{}(name), 1}; }

MomentTable::MomentTable(std::size_t entries)
    : seed_(random_u64()), sets_(std::max<std::size_t>(1, (entries + shard_count * ways - 1) / (shard_count * ways))) {
  const auto of_shard = sets_ * ways;
  slots_.reset(static_cast<Slot*>(std::calloc(shard_count * of_shard, sizeof(Slot))));  // NOLINT(*-no-malloc): it touches no page
  if (!slots_) throw std::bad_alloc();
  const std::span all(slots_.get(), shard_count * of_shard);
  for (std::size_t i = 0; i < shard_count; ++i) shards_.at(i).slots = all.subspan(i * of_shard, of_shard);
}

MomentTable::Place MomentTable::place_of(const BucketKey& key) const {
  const auto hash = mix(mix(key.value ^ seed_) + key.kind);
  return {hash % shard_count, (hash / shard_count) % sets_ * ways};
}

MomentTable::Slot& MomentTable::slot(Shard& shard, std::size_t first, const BucketKey& key) {
  const auto begin = shard.slots.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + ways;
  const auto found = std::find_if(begin, end, [&](const Slot& slot) { return slot.key == key; });
  if (found != end) return *found;
  auto& taken = *std::min_element(begin, end, [](const Slot& a, const Slot& b) { return a.moment < b.moment; });
  taken = {key, MonoTime::min()};
  return taken;
}

MonoTime MomentTable::find(const BucketKey& key) const {
  const auto place = place_of(key);
  const auto& shard = shards_.at(place.shard);
  const std::lock_guard lock(shard.mutex);
  for (std::size_t i = place.first; i < place.first + ways; ++i) {
    if (shard.slots[i].key == key) return shard.slots[i].moment;
  }
  return MonoTime::min();
}

void MomentTable::clear() {
  for (auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    std::fill(shard.slots.begin(), shard.slots.end(), Slot{});
  }
}

std::optional<nanoseconds> TokenBuckets::take(const BucketKey& key, const Pace& pace, unsigned cost, unsigned reserve, MonoTime now) {
  reserve = std::min(reserve, pace.size - 1);
  cost = std::min(cost, pace.size - reserve);
  return full_at_.update(key, [&](MonoTime& full_at) -> std::optional<nanoseconds> {
    full_at = std::max(full_at, now);
    const auto after = full_at + pace.per_token * cost;
    if (const auto wait = excess(after, pace, reserve, now)) return wait;
    full_at = after;
    return std::nullopt;
  });
}

std::optional<nanoseconds> TokenBuckets::wait(const BucketKey& key, const Pace& pace, MonoTime now) const {
  return excess(std::max(full_at_.find(key), now) + pace.per_token, pace, 0, now);
}

}  // namespace vpn_sentinel
