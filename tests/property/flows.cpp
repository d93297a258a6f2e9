#include "tests/property/flows.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>

namespace vpn_sentinel::property {
namespace {

constexpr std::uint32_t ordinary_uid = 4242;
constexpr std::uint16_t ordinary_source_port = 40000;
constexpr std::uint16_t ordinary_destination_port = 7000;
constexpr std::uint32_t unknown_mark = 0x99;
constexpr int addresses_of_a_region = 2;

IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

IpAddress make_address(Family family, const std::array<std::uint8_t, 16>& bytes) {
  return family == Family::v4 ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
}

/// The address after the last one of `range`, or, with a length of 0, the first one.
IpAddress after(const IpPrefix& range) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(range.address().bytes(), bytes.begin());
  for (unsigned bit = range.length(); bit > 0; --bit) {
    auto& byte = bytes.at((bit - 1) / 8);
    byte ^= static_cast<std::uint8_t>(0x80U >> ((bit - 1) % 8));
    if ((byte & (0x80U >> ((bit - 1) % 8))) != 0) break;
  }
  return make_address(range.address().family(), bytes);
}

IpAddress next(const IpAddress& address) { return after(IpPrefix(address, 128)); }

/// All addresses of a region, which is a prefix without the longer ones inside, begin either where the prefix does or where a longer one
/// ends. The second address is tried too: the first may be a subnet's broadcast address.
std::vector<IpAddress> borders(const std::vector<IpPrefix>& prefixes) {
  std::vector<IpAddress> found;
  for (const auto& item : prefixes) {
    for (const auto& first : {item.address(), after(item)}) {
      found.push_back(first);
      found.push_back(next(first));
    }
  }
  return found;
}

bool is_in_any(const IpAddress& address, const std::vector<IpPrefix>& ranges) {
  return std::ranges::any_of(ranges, [&](const IpPrefix& range) { return range.contains(address); });
}

/// Special ranges, the endpoint, own addresses, and subnets of the uplink that are of a size that a LAN has.
std::vector<IpPrefix> not_public(const Model& model) {
  auto ranges = special_ranges();
  ranges.emplace_back(Fixture::endpoint(), 32);
  for (const auto& [key, item] : model.addresses) {
    ranges.emplace_back(item.address, 128);
    const unsigned smallest = item.family == Family::v4 ? 22 : 64;
    if (item.on_uplink && item.destination.length() >= smallest) ranges.push_back(item.destination);
  }
  return ranges;
}

std::vector<Destination> destinations(const Model& model, Family family) {
  const auto forbidden = not_public(model);
  std::vector<IpPrefix> prefixes = forbidden;
  prefixes.insert(prefixes.end(), model.destinations.begin(), model.destinations.end());
  for (const auto& [key, item] : model.addresses) prefixes.push_back(item.destination);
  for (const auto& [key, rule] : model.rules) {
    if (rule.selectors.destination) prefixes.push_back(*rule.selectors.destination);
  }
  prefixes.push_back(prefix(family == Family::v4 ? "1.0.0.0/8" : "2000::/3"));
  prefixes.push_back(prefix("64:ff9b::/96"));
  prefixes.push_back(prefix("64:ff9b:1::/48"));
  std::erase_if(prefixes, [&](const IpPrefix& item) { return item.address().family() != family; });
  std::ranges::sort(prefixes);
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  std::map<std::vector<bool>, int> seen;
  std::vector<Destination> found;
  for (const auto& address : borders(prefixes)) {
    if (is_in_any(address, forbidden) && !is_nat64(address)) continue;
    std::vector<bool> region;
    region.reserve(prefixes.size());
    for (const auto& item : prefixes) region.push_back(item.contains(address));
    if (++seen[region] > addresses_of_a_region) continue;
    const bool multipath = std::ranges::any_of(model.multipath, [&](const IpPrefix& item) { return item.contains(address); });
    found.push_back({address, multipath});
  }
  return found;
}

template <typename Value>
void add(std::vector<Value>& values, const Value& value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

/// One value of each kind that the rules tell apart; the first is what no rule names.
struct Kinds {
  std::vector<std::uint32_t> marks{0};
  std::vector<std::uint32_t> uids{ordinary_uid};
  std::vector<std::uint8_t> services{0};
  std::vector<std::uint8_t> protocols{IPPROTO_UDP};
  std::vector<std::uint16_t> source_ports{ordinary_source_port};
  std::vector<std::uint16_t> destination_ports{ordinary_destination_port};
  std::vector<std::optional<IpAddress>> sources{std::nullopt};

  Kinds(const Model& model, Family family) {
    bool by_source = false;
    for (const auto& [key, rule] : model.rules) {
      if (rule.family != family) continue;
      take(rule.selectors);
      by_source = by_source || rule.selectors.source;
    }
    if (by_source) take_sources(model, family);
  }

 private:
  void take(const Selectors& selectors) {
    if (selectors.mark) {
      add(marks, *selectors.mark);
      add(marks, *selectors.mark | (~selectors.mask & 0x100U));
      add(marks, unknown_mark);
    }
    if (selectors.uids) {
      add(uids, selectors.uids->first);
      add(uids, selectors.uids->last);
    }
    if (selectors.tos != 0) add(services, selectors.tos);
    if (selectors.ip_protocol != 0) add(protocols, selectors.ip_protocol);
    // What a rule does not name is told apart by it too.
    if (selectors.ip_protocol != 0) add(protocols, std::uint8_t{IPPROTO_TCP});
    if (selectors.source_ports) add(source_ports, selectors.source_ports->first);
    if (selectors.destination_ports) add(destination_ports, selectors.destination_ports->first);
  }

  void take_sources(const Model& model, Family family) {
    for (const auto& [key, item] : model.addresses) {
      if (item.family == family) add(sources, std::optional(item.address));
    }
  }
};

enum class Exemption { none, doubtful, certain };

bool selects(const Selectors& selectors, std::uint32_t mark) {
  return selectors.invert && selectors.mark && (mark & selectors.mask) == (*selectors.mark & selectors.mask);
}

/// "not fwmark X lookup TABLE", where TABLE leads everything into the tunnel: X is how the VPN marks its own packets.
Exemption exemption(const Model& model, Family family, std::uint32_t mark) {
  auto best = Exemption::none;
  for (const auto& known : model.rules) {
    const auto& rule = known.second;
    if (!selects(rule.selectors, mark)) continue;
    const bool leads_in = std::ranges::any_of(model.routes, [&](const auto& item) {
      const auto& route = item.second;
      const bool is_default = route.destination.length() == 0 && route.family == family && route.table == rule.table;
      return is_default && route.by_tunnel && !route.multipath && !model.disturbed;
    });
    best = std::max(best, leads_in && rule.family == family ? Exemption::certain : Exemption::doubtful);
  }
  return best;
}

bool has_ports(std::uint8_t protocol) { return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP; }

void add_flows(std::vector<Flow>& flows, Flow flow, std::uint8_t protocol, const Kinds& kinds) {
  flow.protocol = protocol;
  if (!has_ports(protocol)) return flows.push_back(flow);
  for (const auto from : kinds.source_ports) {
    for (const auto to : kinds.destination_ports) {
      flow.source_port = from;
      flow.destination_port = to;
      flows.push_back(flow);
    }
  }
}

}  // namespace

std::string Flow::to_string() const {
  auto text = fmt::format("protocol {} mark {:#x} uid {}", protocol, mark, uid);
  if (has_ports(protocol)) text += fmt::format(" sport {} dport {}", source_port, destination_port);
  if (tos != 0) text += fmt::format(" tos {:#x}", tos);
  if (source) text += fmt::format(" from {}", source->to_string());
  return text;
}

IpAddress Fixture::endpoint() { return IpAddress::v4({198, 51, 100, 2}); }

const std::vector<IpPrefix>& special_ranges() {
  static const std::vector ranges{prefix("0.0.0.0/8"),      prefix("10.0.0.0/8"),    prefix("100.64.0.0/10"),  prefix("127.0.0.0/8"),
                                  prefix("169.254.0.0/16"), prefix("172.16.0.0/12"), prefix("192.168.0.0/16"), prefix("224.0.0.0/3"),
                                  prefix("::/3"),           prefix("4000::/2"),      prefix("8000::/1")};
  return ranges;
}

bool is_nat64(const IpAddress& address) { return prefix("64:ff9b::/96").contains(address) || prefix("64:ff9b:1::/48").contains(address); }

FlowSpace flow_space(const Model& model, Family family) {
  FlowSpace space{destinations(model, family), {}, {}};
  const Kinds kinds(model, family);
  for (const auto mark : kinds.marks) {
    const auto exempt = exemption(model, family, mark);
    if (exempt == Exemption::certain) continue;
    for (const auto& source : kinds.sources) {
      auto& flows = exempt == Exemption::none && !source ? space.ordinary : space.doubtful;
      for (const auto uid : kinds.uids) {
        for (const auto tos : kinds.services) {
          const Flow process{mark, uid, tos, 0, 0, 0, source};
          for (const auto protocol : kinds.protocols) add_flows(flows, process, protocol, kinds);
        }
      }
    }
  }
  return space;
}

}  // namespace vpn_sentinel::property
