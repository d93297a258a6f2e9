#include "netns/firewall/leak_counters.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <tuple>

#include "netns/firewall/leak_rules.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t part_bytes = 4;

const Traffic& more_packets(const Traffic& first, const Traffic& second) { return second.packets > first.packets ? second : first; }

Traffic operator+(const Traffic& first, const Traffic& second) { return {first.packets + second.packets, first.bytes + second.bytes}; }

auto order_of(const LeakDestination& destination) {
  return std::tuple(destination.address, destination.protocol, destination.port, destination.uid);
}

void sort_by_bytes(std::vector<LeakDestination>& destinations) {
  std::sort(destinations.begin(), destinations.end(), [](const LeakDestination& a, const LeakDestination& b) {
    if (a.traffic.bytes != b.traffic.bytes) return a.traffic.bytes > b.traffic.bytes;
    return order_of(a) < order_of(b);
  });
}

void take_elements(std::span<const nft::Element> elements, Family family, std::vector<LeakDestination>& into) {
  for (const auto& element : elements) {
    if (auto destination = decode_destination(element, family)) into.push_back(*destination);
  }
}

}  // namespace

Traffic LeakCounters::outside() const noexcept {
  Traffic sum;
  for (const auto* part : {&dns, &v4, &v6, &endpoint_misuse, &other}) {
    sum.packets += part->packets;
    sum.bytes += part->bytes;
  }
  return sum;
}

Result<LeakDestination> decode_destination(const nft::Element& element, Family family) {
  const std::size_t address_bytes = family == Family::v4 ? 4 : 16;
  if (element.key.size() != address_bytes + 3 * part_bytes) {
    return fail(Error::Kind::invalid, fmt::format("a destination's key has {} bytes", element.key.size()));
  }
  const auto address = IpAddress::from_bytes(std::as_bytes(std::span(element.key).first(address_bytes)));
  if (!address) return fail(address.error());
  const auto* parts = element.key.data() + address_bytes;
  LeakDestination destination{*address, parts[0], static_cast<std::uint16_t>(parts[part_bytes] << 8 | parts[part_bytes + 1]), std::nullopt,
                              element.traffic};
  std::uint32_t uid = nobody;
  std::memcpy(&uid, parts + 2 * part_bytes, sizeof uid);
  if (uid != nobody) destination.uid = uid;
  return destination;
}

Result<LeakCounters> make_leak_counters(std::span<const nft::Counter> counters, std::span<const nft::Element> v4,
                                        std::span<const nft::Element> v6) {
  LeakCounters result;
  const std::array<std::pair<std::string_view, Traffic*>, 10> places{{{leak_names::dns, &result.dns},
                                                                      {leak_names::v4, &result.v4},
                                                                      {leak_names::v6, &result.v6},
                                                                      {leak_names::endpoint_misuse, &result.endpoint_misuse},
                                                                      {leak_names::other, &result.other},
                                                                      {leak_names::local, &result.local},
                                                                      {leak_names::passed_dns, &result.passed_dns},
                                                                      {leak_names::answers, &result.answers},
                                                                      {leak_names::upkeep, &result.upkeep},
                                                                      {leak_names::unlisted, &result.unlisted}}};
  for (const auto& [name, place] : places) {
    const auto has_name = [wanted = name](const nft::Counter& counter) { return counter.name == wanted; };
    const auto counter = std::find_if(counters.begin(), counters.end(), has_name);
    if (counter == counters.end()) return fail(Error::Kind::not_found, fmt::format("counter '{}' is gone", name));
    *place = counter->traffic;
  }
  take_elements(v4, Family::v4, result.destinations);
  take_elements(v6, Family::v6, result.destinations);
  sort_by_bytes(result.destinations);
  return result;
}

LeakCounters sum_of(const LeakCounters& first, const LeakCounters& second, bool pass_both) {
  LeakCounters result;
  for (const auto part : {&LeakCounters::dns, &LeakCounters::v4, &LeakCounters::v6, &LeakCounters::endpoint_misuse, &LeakCounters::other,
                          &LeakCounters::answers, &LeakCounters::unlisted}) {
    result.*part = first.*part + second.*part;
  }
  for (const auto part : {&LeakCounters::local, &LeakCounters::passed_dns, &LeakCounters::upkeep}) {
    result.*part = pass_both ? more_packets(first.*part, second.*part) : first.*part + second.*part;
  }
  std::map<decltype(order_of(LeakDestination{})), LeakDestination> all;
  for (const auto& destination : first.destinations) all.emplace(order_of(destination), destination);
  for (const auto& destination : second.destinations) {
    const auto [known, is_new] = all.emplace(order_of(destination), destination);
    if (!is_new) known->second.traffic = known->second.traffic + destination.traffic;
  }
  for (auto& [order, destination] : all) result.destinations.push_back(destination);
  sort_by_bytes(result.destinations);
  return result;
}

void keep_top(LeakCounters& counters, std::size_t most) {
  if (counters.destinations.size() > most) counters.destinations.resize(most);
}

}  // namespace vpn_sentinel
