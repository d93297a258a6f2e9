#include "hub/store/exposure_codec.hpp"

#include "hub/store/stored_time.hpp"
#include "probe/report/decode_rules.hpp"
#include "probe/report/library_value.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

json encode_mark(const LeakMark& mark) { return {mark.seq, mark.packets, mark.bytes}; }

LeakMark decode_mark(const json& list) {
  return {list.at(0).get<std::uint64_t>(), list.at(1).get<std::uint64_t>(), list.at(2).get<std::uint64_t>()};
}

template <typename Number>
json optional_number(const std::optional<Number>& number) {
  return number ? json(*number) : json(nullptr);
}

json encode_place(const LeakDestinationReport& place) {
  return {place.address, place.protocol, optional_number(place.port), optional_number(place.uid), place.packets, place.bytes};
}

LeakDestinationReport decode_place(const json& list) {
  LeakDestinationReport place;
  place.address = list.at(0).get<std::string>();
  place.protocol = list.at(1).get<std::string>();
  if (!list.at(2).is_null()) place.port = list.at(2).get<std::uint16_t>();
  if (!list.at(3).is_null()) place.uid = list.at(3).get<std::uint32_t>();
  place.packets = list.at(4).get<std::uint64_t>();
  place.bytes = list.at(5).get<std::uint64_t>();
  return place;
}

/// Of the first mark only the numbers: the place is that of the last.
json encode_destination(const DestinationSpan& span) {
  auto list = encode_place(span.last);
  list.push_back(span.first.packets);
  list.push_back(span.first.bytes);
  return list;
}

DestinationSpan decode_destination(const json& list) {
  DestinationSpan span;
  span.last = span.first = decode_place(list);
  span.first.packets = list.at(6).get<std::uint64_t>();
  span.first.bytes = list.at(7).get<std::uint64_t>();
  return span;
}

json encode_meter(const MeterSpan& span) {
  json object{{"boot", span.boot_id},
              {"since", number_of(span.since)},
              {"first", encode_mark(span.first)},
              {"last", encode_mark(span.last)},
              {"to", json::array()}};
  for (const auto& destination : span.destinations) object["to"].push_back(encode_destination(destination));
  return object;
}

MeterSpan decode_meter(const json& object) {
  MeterSpan span{object.at("boot").get<std::string>(),
                 time_of(object.at("since").get<std::int64_t>()),
                 decode_mark(object.at("first")),
                 decode_mark(object.at("last")),
                 {}};
  for (const auto& destination : object.at("to")) span.destinations.push_back(decode_destination(destination));
  return span;
}

json encode_ledger(const LeakLedger& ledger) {
  json object{{"client", ledger.client_id}, {"meters", json::array()}};
  for (const auto& span : ledger.meters) object["meters"].push_back(encode_meter(span));
  if (!ledger.settled_until) return object;
  object["until"] = number_of(*ledger.settled_until);
  object["settled"] = {ledger.settled.packets, ledger.settled.bytes, json::array()};
  for (const auto& place : ledger.settled.destinations) object["settled"][2].push_back(encode_place(place));
  return object;
}

LeakLedger decode_ledger(const json& object) {
  LeakLedger ledger;
  ledger.client_id = object.at("client").get<std::string>();
  for (const auto& span : object.at("meters")) ledger.meters.push_back(decode_meter(span));
  if (!object.contains("until")) return ledger;
  ledger.settled_until = time_of(object.at("until").get<std::int64_t>());
  const auto& settled = object.at("settled");
  ledger.settled.packets = settled.at(0).get<std::uint64_t>();
  ledger.settled.bytes = settled.at(1).get<std::uint64_t>();
  for (const auto& place : settled.at(2)) ledger.settled.destinations.push_back(decode_place(place));
  return ledger;
}

}  // namespace

json encode_exposure(const Exposure& exposure) {
  auto list = json::array();
  for (const auto& ledger : exposure.ledgers) list.push_back(encode_ledger(ledger));
  return list;
}

Exposure decode_exposure(const json& list) {
  Exposure exposure;
  for (const auto& ledger : list) exposure.ledgers.push_back(decode_ledger(ledger));
  return exposure;
}

BoxedOptional<LeakReport> decode_leak_text(std::string_view text) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  try {
    return decode_rules::read_leak(LibraryValue(object));
  } catch (const decode_rules::BadField&) {
    return std::nullopt;
  }
}

}  // namespace vpn_sentinel
