#include "probe/watch/kill_switch_record.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <type_traits>
#include <utility>

#include "probe/watch/small_file.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_record_bytes = 64 * 1024;

tl::unexpected<Error> wrong(std::string_view member) {
  return fail(Error::Kind::invalid, fmt::format("'{}' is missing or of another form", member));
}

template <typename Number>
bool read_number(const json& value, const char* member, Number& into) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_number_unsigned()) return false;
  const auto number = found->get<std::uint64_t>();
  if (number > std::numeric_limits<Number>::max()) return false;
  into = static_cast<Number>(number);
  return true;
}

std::optional<std::string> text_of(const json& value) { return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt; }

Result<std::vector<std::string>> texts_of(const json& value, const char* member) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_array()) return wrong(member);
  std::vector<std::string> texts;
  for (const auto& item : *found) {
    auto text = text_of(item);
    if (!text) return wrong(member);
    texts.push_back(std::move(*text));
  }
  return texts;
}

Result<TunnelEndpoint> endpoint_from_json(const json& value) {
  TunnelEndpoint endpoint;
  const auto text = value.is_object() && value.contains("address") ? text_of(value["address"]) : std::nullopt;
  const auto address = text ? IpAddress::parse(*text) : Result<IpAddress>(wrong("endpoints"));
  if (!address) return fail(address.error());
  endpoint.address = *address;
  const bool read = read_number(value, "protocol", endpoint.protocol) && read_number(value, "port", endpoint.port) &&
                    read_number(value, "mark", endpoint.mark);
  if (!read) return wrong("endpoints");
  return endpoint;
}

json to_json(const AllowedPackets& packets) {
  json value{{"mark", packets.mark}, {"mark_mask", packets.mark_mask}, {"priority", packets.priority}, {"protocol", packets.protocol}};
  const auto range = [&](const char* member, const auto& given) {
    if (given) value[member] = {{"first", given->first}, {"last", given->last}};
  };
  range("uids", packets.uids);
  range("source_ports", packets.source_ports);
  range("destination_ports", packets.destination_ports);
  if (packets.source) value["source"] = packets.source->to_string();
  if (packets.destination) value["destination"] = packets.destination->to_string();
  if (packets.family) value["ip"] = *packets.family == Family::v4 ? 4U : 6U;
  return value;
}

template <typename Range>
bool read_range(const json& value, const char* member, std::optional<Range>& into) {
  const auto found = value.find(member);
  if (found == value.end()) return true;
  Range range;
  if (!found->is_object() || !read_number(*found, "first", range.first) || !read_number(*found, "last", range.last)) return false;
  into = range;
  return true;
}

bool read_network(const json& value, const char* member, std::optional<IpPrefix>& into) {
  const auto found = value.find(member);
  if (found == value.end()) return true;
  const auto text = text_of(*found);
  const auto network = text ? IpPrefix::parse(*text) : Result<IpPrefix>(wrong(member));
  if (network) into = *network;
  return network.has_value();
}

Result<AllowedPackets> packets_from_json(const json& value) {
  AllowedPackets packets;
  const bool read = value.is_object() && read_number(value, "mark", packets.mark) && read_number(value, "mark_mask", packets.mark_mask) &&
                    read_number(value, "priority", packets.priority) && read_number(value, "protocol", packets.protocol) &&
                    read_range(value, "uids", packets.uids) && read_range(value, "source_ports", packets.source_ports) &&
                    read_range(value, "destination_ports", packets.destination_ports) && read_network(value, "source", packets.source) &&
                    read_network(value, "destination", packets.destination);
  if (!read) return wrong("allowed");
  std::uint8_t version = 0;
  if (!value.contains("ip")) return packets;
  if (!read_number(value, "ip", version) || (version != 4 && version != 6)) return wrong("allowed");
  packets.family = version == 4 ? Family::v4 : Family::v6;
  return packets;
}

json::array_t to_json(const std::vector<TunnelEndpoint>& endpoints) {
  json::array_t all;
  for (const auto& endpoint : endpoints) {
    all.push_back(
        {{"address", endpoint.address.to_string()}, {"protocol", endpoint.protocol}, {"port", endpoint.port}, {"mark", endpoint.mark}});
  }
  return all;
}

json::array_t texts_of(const std::vector<IpPrefix>& networks) {
  json::array_t texts;
  texts.reserve(networks.size());
  for (const auto& network : networks) texts.push_back(network.to_string());
  return texts;
}

Result<IpPrefix> network_from_json(const json& value) {
  const auto text = text_of(value);
  return text ? IpPrefix::parse(*text) : Result<IpPrefix>(wrong("a network"));
}

Result<TunnelType> tunnel_type_from_json(const json& value) {
  TunnelType type;
  const auto tunnel = value.is_object() && value.contains("tunnel") ? text_of(value["tunnel"]) : std::nullopt;
  if (!tunnel || !read_number(value, "type", type.type)) return wrong("tunnel_types");
  type.tunnel = *tunnel;
  return type;
}

/// Each entry of a list, by `read`.
template <typename Item, typename Read>
Result<void> read_list(const json& value, const char* member, std::vector<Item>& into, const Read& read) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_array()) return wrong(member);
  for (const auto& entry : *found) {
    auto item = read(entry);
    if (!item) return fail(item.error());
    into.push_back(std::move(*item));
  }
  return {};
}

}  // namespace

json to_json(const FirewallPolicy& policy) {
  json::array_t types;
  for (const auto& [tunnel, type] : policy.tunnel_types) types.push_back({{"tunnel", tunnel}, {"type", type}});
  json::array_t allowed;
  for (const auto& packets : policy.allowed) allowed.push_back(to_json(packets));
  return json{{"tunnels", policy.tunnels},
              {"endpoints", to_json(policy.endpoints)},
              {"local_networks", texts_of(policy.local_networks)},
              {"uplinks", policy.uplinks},
              {"allowed", allowed},
              {"tunnel_networks", texts_of(policy.tunnel_networks)},
              {"inner_devices", policy.inner_devices},
              {"on_link", texts_of(policy.on_link)},
              {"carrying_types", policy.carrying_types},
              {"tunnel_types", types}};
}

Result<FirewallPolicy> firewall_policy_from_json(const json& value) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "a policy is a JSON object");
  FirewallPolicy policy;
  auto tunnels = texts_of(value, "tunnels");
  if (!tunnels) return fail(tunnels.error());
  auto uplinks = texts_of(value, "uplinks");
  if (!uplinks) return fail(uplinks.error());
  auto inner_devices = texts_of(value, "inner_devices");
  if (!inner_devices) return fail(inner_devices.error());
  policy.tunnels = std::move(*tunnels);
  policy.uplinks = std::move(*uplinks);
  policy.inner_devices = std::move(*inner_devices);
  for (const auto& [member, into] : {std::pair{"local_networks", &policy.local_networks},
                                     std::pair{"tunnel_networks", &policy.tunnel_networks}, std::pair{"on_link", &policy.on_link}}) {
    if (auto read = read_list(value, member, *into, network_from_json); !read) return fail(read.error());
  }
  if (auto read = read_list(value, "tunnel_types", policy.tunnel_types, tunnel_type_from_json); !read) return fail(read.error());
  const auto type_from_json = [](const json& type) {
    const bool fits = type.is_number_unsigned() && type.get<std::uint64_t>() <= std::numeric_limits<std::uint16_t>::max();
    return fits ? Result<std::uint16_t>(type.get<std::uint16_t>()) : Result<std::uint16_t>(wrong("carrying_types"));
  };
  if (auto read = read_list(value, "carrying_types", policy.carrying_types, type_from_json); !read) return fail(read.error());
  if (auto read = read_list(value, "endpoints", policy.endpoints, endpoint_from_json); !read) return fail(read.error());
  if (auto read = read_list(value, "allowed", policy.allowed, packets_from_json); !read) return fail(read.error());
  if (auto checked = check_policy(policy); !checked) return fail(checked.error());
  return policy;
}

KillSwitchRecord::KillSwitchRecord(std::string folder, const std::string& id) {
  if (folder.empty()) return;
  policy_file_ = fmt::format("{}/{}.json", folder, id);
  mark_file_ = fmt::format("{}/{}.disarmed", folder, id);
}

json KillSwitchRecord::read() const {
  if (policy_file_.empty()) return json::value_t::discarded;
  const auto text = read_small_file(policy_file_, most_record_bytes);
  return text ? json::parse(*text, nullptr, false) : json(json::value_t::discarded);
}

std::optional<FirewallPolicy> KillSwitchRecord::policy() const {
  auto policy = firewall_policy_from_json(read());
  if (!policy) return std::nullopt;
  return std::move(*policy);
}

std::vector<TunnelEndpoint> KillSwitchRecord::hubs() const {
  std::vector<TunnelEndpoint> hubs;
  const auto value = read();
  if (!value.is_object() || !read_list(value, "hubs", hubs, endpoint_from_json)) return {};
  return hubs;
}

Result<void> KillSwitchRecord::remember(const FirewallPolicy& policy, const std::vector<TunnelEndpoint>& hubs) const {
  if (policy_file_.empty()) return {};
  auto value = to_json(policy);
  value["hubs"] = to_json(hubs);
  return write_small_file(policy_file_, value.dump(2) + "\n", false);
}

void KillSwitchRecord::forget_policy() const {
  if (!policy_file_.empty()) ::unlink(policy_file_.c_str());
}

std::optional<WallTime> KillSwitchRecord::disarmed(const std::optional<WallTime>& before) const {
  struct stat status {};
  if (mark_file_.empty()) return std::nullopt;
  if (::stat(mark_file_.c_str(), &status) != 0) return errno == ENOENT ? std::nullopt : before;
  return WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds{status.st_mtim.tv_sec})};
}

Result<void> KillSwitchRecord::mark_disarmed() const {
  if (mark_file_.empty()) return fail(Error::Kind::invalid, "no data folder is set");
  return write_small_file(mark_file_, "Disarmed by the user. vpn-sentinel-probe killswitch arm ends it.\n");
}

Result<void> KillSwitchRecord::forget_disarmed() const {
  if (mark_file_.empty() || ::unlink(mark_file_.c_str()) == 0 || errno == ENOENT) return {};
  return fail(system_error(errno, "cannot remove " + mark_file_));
}

}  // namespace vpn_sentinel
