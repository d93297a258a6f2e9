/// The rules of a flow batch's fields, once for both readers of JSON (see decode_rules.hpp). Only decoders need it.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "netns/base/ip.hpp"
#include "probe/report/decode_rules.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel::flow_rules {

using decode_rules::Fields;

inline constexpr std::size_t most_sources = 8;
inline constexpr std::size_t longest_container = 64;

template <typename Value>
std::optional<std::uint64_t> optional_count(const Fields<Value>& fields, std::string_view key) {
  const auto number = fields.template number<std::uint64_t>(key);
  if (number && *number > most_flow_number) fields.refuse(key, fmt::format("a whole number from 0 to {}", most_flow_number));
  return number;
}

template <typename Value>
std::uint64_t count(const Fields<Value>& fields, std::string_view key) {
  return optional_count(fields, key).value_or(0);
}

template <typename Value>
std::string country(const Fields<Value>& fields, std::string_view key) {
  auto word = fields.text(key);
  if (!word.empty() && !is_country(word)) fields.refuse(key, "two capital letters");
  return word;
}

/// RFC 5952 form, so that one far end has one spelling.
template <typename Value>
std::string destination(const Fields<Value>& fields, std::string_view detail) {
  const auto text = fields.text("destination");
  if (text.empty()) return {};
  if (detail == "full") {
    const auto address = IpAddress::parse(text);
    if (!address) fields.refuse("destination", "an IP address, as `destinations` is full");
    return address->to_string();
  }
  if (detail != "prefix") fields.refuse("destination", fmt::format("nothing, as `destinations` is {}", detail));
  const auto prefix = IpPrefix::parse(text);
  if (!prefix || text.find('/') == std::string::npos) fields.refuse("destination", "a network, as `destinations` is prefix");
  const auto longest = prefix->address().is_v4() ? told_prefix_v4 : told_prefix_v6;
  if (prefix->length() > longest)
    fields.refuse("destination", fmt::format("a network of /{} at most, as `destinations` is prefix", longest));
  return prefix->to_string();
}

template <typename Value>
void read_direction(const Fields<Value>& fields, FlowRow& row) {
  const auto word = fields.text("direction");
  if (word != "in" && word != "out") fields.refuse("direction", "in or out");
  row.incoming = word == "in";
  row.listener = fields.text("listener");
  if (row.listener.empty()) return;
  if (!row.incoming || !is_listener(row.listener)) fields.refuse("listener", "udp/PORT or tcp/PORT, with the direction in");
}

template <typename Value>
void read_far_end(const Fields<Value>& fields, std::string_view detail, FlowRow& row) {
  row.destination = destination(fields, detail);
  row.port = fields.template number<std::uint16_t>("port");
  row.country = country(fields, "country");
  row.asn = fields.template number<std::uint32_t>("asn");
  row.organisation = fields.others_words("organisation");
  if (detail == "none" && !row.country.empty()) fields.refuse("country", "nothing, as `destinations` is none");
  const bool names_network = row.asn || !row.organisation.empty();
  if (names_network && (detail == "country" || detail == "none")) {
    fields.refuse(row.asn ? "asn" : "organisation", fmt::format("nothing, as `destinations` is {}", detail));
  }
}

template <typename Value>
FlowRow read_row(const Value& value, std::string_view detail, std::size_t index) {
  const auto place = fmt::format("flows[{}]", index);
  if (!value.is_object()) decode_rules::reject<Value>(place, "an object", value);
  const auto prefix = place + ".";
  const Fields<Value> fields(value, prefix);
  FlowRow row;
  read_direction(fields, row);
  row.program = fields.others_words("program");
  row.uid = fields.template number<std::uint32_t>("uid");
  row.container = fields.text("container");
  if (row.container.size() > longest_container) fields.refuse("container", fmt::format("at most {} bytes", longest_container));
  row.protocol = fields.text("protocol");
  if (!is_flow_protocol(row.protocol)) fields.refuse("protocol", "tcp, udp, icmp or a number up to 255");
  read_far_end(fields, detail, row);
  row.interface = fields.others_words("interface");
  row.way = fields.text("way");
  if (std::find(flow_ways.begin(), flow_ways.end(), row.way) == flow_ways.end())
    fields.refuse("way", fmt::format("one of {}", fmt::join(flow_ways, ", ")));
  row.bytes_out = optional_count(fields, "bytes_out");
  row.bytes_in = optional_count(fields, "bytes_in");
  row.packets_out = optional_count(fields, "packets_out");
  row.packets_in = optional_count(fields, "packets_in");
  row.opened = count(fields, "opened");
  row.closed = count(fields, "closed");
  row.open = count(fields, "open");
  row.folded = count(fields, "folded");
  const auto first = fields.time("first");
  const auto last = fields.time("last");
  if (!first) fields.refuse("first", "an RFC 3339 time");
  if (!last) fields.refuse("last", "an RFC 3339 time");
  row.first = *first;
  row.last = *last;
  return row;
}

template <typename Value>
void read_sources(const Fields<Value>& fields, FlowBatch& batch) {
  const auto sources = fields.find("sources");
  if (!sources) return;
  if (!sources->is_array() || sources->size() > most_sources) fields.refuse("sources", fmt::format("a list of at most {}", most_sources));
  sources->each([&](const Value& source) { batch.sources.push_back(fields.text_of(source, "sources")); });
}

/// Everything but the client id, which each caller has its own words for. `fields`: of the whole batch, without prefix. Throws BadField.
template <typename Value>
void read_flow_batch(const Fields<Value>& fields, FlowBatch& batch) {
  batch.boot_id = fields.text("boot_id");
  if (batch.boot_id.empty() || batch.boot_id.size() > 64) fields.refuse("boot_id", "1 to 64 bytes");
  batch.seq = count(fields, "seq");
  if (batch.seq == 0) fields.refuse("seq", "a whole number from 1 on");
  const auto timestamp = fields.time("timestamp");
  if (!timestamp) fields.refuse("timestamp", "an RFC 3339 time");
  batch.timestamp = *timestamp;
  batch.sent_at = fields.time("sent_at");
  batch.interval_s = fields.template number<std::uint32_t>("interval_s").value_or(0);
  if (batch.interval_s == 0 || batch.interval_s > 86'400) fields.refuse("interval_s", "a whole number from 1 to 86400");
  batch.destinations = fields.text("destinations");
  if (std::find(destination_details.begin(), destination_details.end(), batch.destinations) == destination_details.end())
    fields.refuse("destinations", "full, prefix, country or none");
  read_sources(fields, batch);
  batch.countries = fields.flag("countries");
  batch.exit_country = country(fields, "exit_country");
  batch.uplink_country = country(fields, "uplink_country");
  batch.why = fields.others_words("why");
  if (const auto gaps = fields.object("gaps")) {
    const Fields<Value> inner(*gaps, "gaps.");
    batch.gaps = {count(inner, "folded"), count(inner, "lost"), count(inner, "batches")};
  }
  const auto flows = fields.find("flows");
  if (!flows || !flows->is_array() || flows->size() > most_batch_flows)
    fields.refuse("flows", fmt::format("a list of at most {}", most_batch_flows));
  batch.flows.reserve(flows->size());
  flows->each([&batch](const Value& flow) { batch.flows.push_back(read_row(flow, batch.destinations, batch.flows.size())); });
}

}  // namespace vpn_sentinel::flow_rules
