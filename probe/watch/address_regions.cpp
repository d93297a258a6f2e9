#include "probe/watch/address_regions.hpp"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

namespace vpn_sentinel {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

Bytes bytes_of(const IpAddress& address) {
  Bytes bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  return bytes;
}

IpAddress address_of(const Bytes& bytes, Family family) {
  return family == Family::v4 ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
}

/// Empty after the last address of the family.
std::optional<IpAddress> next_of(const IpAddress& address) {
  auto bytes = bytes_of(address);
  for (auto i = address.bytes().size(); i-- > 0;) {
    if (++bytes.at(i) != 0) return address_of(bytes, address.family());
  }
  return std::nullopt;
}

/// A prefix that is open while the sorted list is walked: what follows may lie inside it.
struct Open {
  IpPrefix prefix;
  IpAddress last;
  bool local = false;
  bool harmless = false;               ///< as of SplitPrefix
  IpPrefix decides;                    ///< itself, or the next outer prefix that is not harmless
  bool wanted = false;                 ///< an address that was asked for stands for it
  std::optional<IpAddress> candidate;  ///< would stand for it
  std::optional<IpAddress> free;       ///< first address that no inner prefix has covered so far; empty: none is left
};

struct Entry {
  IpPrefix prefix;
  bool local = false;
  bool wanted = false;  ///< an address, no prefix
  bool open = false;    ///< not local even inside a local one
  bool harmless = false;
};

/// The order in which entries are walked, in numbers: sorting is most of a plan's time. Outer prefixes come before inner ones, a wanted
/// address after the host prefix that equals it.
struct Place {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t rest = 0;  ///< length, then wanted, then open
  std::uint32_t entry = 0;
  friend bool operator<(const Place& a, const Place& b) noexcept {
    return a.high != b.high ? a.high < b.high : a.low != b.low ? a.low < b.low : a.rest < b.rest;
  }
};

std::uint64_t number_at(const Bytes& bytes, std::size_t begin) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + begin, sizeof number);
  return be64toh(number);
}

std::vector<Place> sorted(const std::vector<Entry>& entries) {
  std::vector<Place> places;
  places.reserve(entries.size());
  for (const auto& entry : entries) {
    const auto bytes = bytes_of(entry.prefix.address());
    const auto rest = entry.prefix.length() * 4 + (entry.wanted ? 2U : 0U) + (entry.open ? 1U : 0U);
    places.push_back({number_at(bytes, 0), number_at(bytes, 8), rest, static_cast<std::uint32_t>(places.size())});
  }
  std::ranges::sort(places, std::less<>{});
  return places;
}

class Walk {
 public:
  explicit Walk(Family family) : family_(family) {}

  void take(const Entry& entry) {
    while (!open_.empty() && open_.back().last < entry.prefix.address()) close();
    if (entry.wanted) return want(entry.prefix.address());
    if (!open_.empty() && open_.back().prefix == entry.prefix) {
      return merge(open_.back(), entry);
    }
    const bool inside_local = !open_.empty() && open_.back().local;
    if (!open_.empty()) cover(open_.back(), entry.prefix.address());
    const bool local = !entry.open && (inside_local || entry.local);
    Open made{entry.prefix, entry.prefix.last(), local, entry.harmless, entry.prefix, false, std::nullopt, entry.prefix.address()};
    if (made.harmless && !open_.empty()) made.decides = open_.back().decides;
    open_.push_back(made);
  }

  std::vector<AddressRegion> finish() {
    while (!open_.empty()) close();
    std::ranges::sort(asked_);
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      // Where the outer prefix has no address of its own left, nobody asks about it and nothing follows from it.
      auto& region = regions_[i];
      region.implied = !region.by_request && decides_[i] != region.within && std::ranges::binary_search(asked_, decides_[i]);
    }
    return std::move(regions_);
  }

 private:
  /// The same prefix again, perhaps of another table: it is as harmful as the worst of its routes.
  void merge(Open& known, const Entry& entry) {
    known.local = !entry.open && (known.local || entry.local);
    known.harmless = known.harmless && entry.harmless;
    if (!known.harmless) known.decides = known.prefix;
  }

  void found(const Open& outer, const IpAddress& representative, bool by_request) {
    regions_.push_back({outer.prefix, representative, by_request});
    decides_.push_back(outer.decides);
    if (outer.decides == outer.prefix) asked_.push_back(outer.prefix);
  }

  void want(const IpAddress& address) {
    if (open_.empty() || open_.back().local) return;
    open_.back().wanted = true;
    found(open_.back(), address, true);
  }

  /// An inner prefix begins at `first`: is there something before it that no earlier one covered?
  void cover(Open& outer, const IpAddress& first) {
    if (outer.free && *outer.free < first) represent(outer, first);
  }

  void represent(Open& outer, const std::optional<IpAddress>& end) {
    if (outer.local || outer.candidate) return;
    // The first address of a subnet may be its router or network address: the second is nobody's by custom.
    outer.candidate = *outer.free;
    const auto second = next_of(*outer.free);
    if (second && (end ? *second < *end : *second <= outer.last)) outer.candidate = second;
  }

  void close() {
    auto inner = open_.back();
    if (inner.free && *inner.free <= inner.last) represent(inner, std::nullopt);
    if (inner.candidate && !inner.wanted) found(inner, *inner.candidate, false);
    open_.pop_back();
    if (!open_.empty()) open_.back().free = next_of(inner.last);
  }

  Family family_;
  std::vector<Open> open_;
  std::vector<AddressRegion> regions_;
  std::vector<IpPrefix> decides_;  ///< of each region
  std::vector<IpPrefix> asked_;    ///< regions that are not implied
};

}  // namespace

std::vector<AddressRegion> address_regions(Family family, std::span<const SplitPrefix> prefixes, std::span<const IpPrefix> local,
                                           std::span<const IpPrefix> open, std::span<const IpAddress> wanted) {
  std::vector<Entry> entries;
  entries.reserve(prefixes.size() + local.size() + open.size() + wanted.size() + 1);
  const auto is_ours = [&](const IpAddress& address) { return address.family() == family; };
  entries.push_back({IpPrefix{family == Family::v4 ? IpAddress{} : IpAddress::v6({}), 0}, false, false, false, false});
  for (const auto& item : prefixes) {
    if (is_ours(item.prefix.address())) entries.push_back({item.prefix, false, false, false, item.harmless});
  }
  for (const auto& prefix : local) {
    if (is_ours(prefix.address())) entries.push_back({prefix, true, false, false, false});
  }
  for (const auto& prefix : open) {
    if (is_ours(prefix.address())) entries.push_back({prefix, false, false, true, false});
  }
  for (const auto& address : wanted) {
    if (is_ours(address)) entries.push_back({IpPrefix{address, family == Family::v4 ? 32U : 128U}, false, true, false, false});
  }
  Walk walk{family};
  for (const auto& place : sorted(entries)) walk.take(entries[place.entry]);
  return walk.finish();
}

}  // namespace vpn_sentinel
