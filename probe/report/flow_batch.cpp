#include "probe/report/flow_batch.hpp"

#include <algorithm>
#include <charconv>

#include "probe/report/flow_rules.hpp"
#include "probe/report/library_value.hpp"
#include "probe/report/put.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

void put_number(json& object, const char* key, std::uint64_t number) {
  if (number > 0) object[key] = number;
}

json encode_row(const FlowRow& row) {
  json object{{"direction", row.incoming ? "in" : "out"},
              {"protocol", row.protocol},
              {"way", row.way},
              {"first", to_rfc3339(row.first)},
              {"last", to_rfc3339(row.last)}};
  put(object, "listener", row.listener);
  put(object, "program", row.program);
  put(object, "uid", row.uid);
  put(object, "container", row.container);
  put(object, "destination", row.destination);
  put(object, "port", row.port);
  put(object, "country", row.country);
  put(object, "asn", row.asn);
  put(object, "organisation", row.organisation);
  put(object, "interface", row.interface);
  put(object, "bytes_out", row.bytes_out);
  put(object, "bytes_in", row.bytes_in);
  put(object, "packets_out", row.packets_out);
  put(object, "packets_in", row.packets_in);
  put_number(object, "opened", row.opened);
  put_number(object, "closed", row.closed);
  put_number(object, "open", row.open);
  put_number(object, "folded", row.folded);
  return object;
}

bool is_number_up_to(std::string_view word, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  return error == std::errc{} && stop == end && number >= least && number <= most && (word.size() == 1 || word.front() != '0');
}

}  // namespace

json encode(const FlowBatch& batch) {
  json object{{"client_id", batch.client_id},
              {"boot_id", batch.boot_id},
              {"seq", batch.seq},
              {"timestamp", to_rfc3339(batch.timestamp)},
              {"interval_s", batch.interval_s},
              {"destinations", batch.destinations},
              {"sources", batch.sources},
              {"countries", batch.countries}};
  if (batch.sent_at) object["sent_at"] = to_rfc3339(*batch.sent_at);
  put(object, "exit_country", batch.exit_country);
  put(object, "uplink_country", batch.uplink_country);
  put(object, "why", batch.why);
  if (batch.gaps != FlowGaps{}) {
    object["gaps"] = json{{"folded", batch.gaps.folded}, {"lost", batch.gaps.lost}, {"batches", batch.gaps.batches}};
  }
  auto flows = json::array();
  for (const auto& row : batch.flows) flows.push_back(encode_row(row));
  object["flows"] = std::move(flows);
  return object;
}

Result<FlowBatch> decode_flow_batch(const json& object) {
  try {
    const LibraryValue value(object);
    if (!value.is_object()) decode_rules::reject<LibraryValue>("batch", "an object", value);
    const decode_rules::Fields<LibraryValue> fields(value, "");
    FlowBatch batch;
    batch.client_id = fields.text("client_id");
    if (!is_valid_client_id(batch.client_id)) fields.refuse("client_id", "1-100 of A-Z a-z 0-9 . _ -");
    flow_rules::read_flow_batch(fields, batch);
    return batch;
  } catch (const decode_rules::BadField& bad) {
    return fail(Error::Kind::invalid, bad.message);
  }
}

bool is_flow_protocol(std::string_view word) { return word == "tcp" || word == "udp" || word == "icmp" || is_number_up_to(word, 0, 255); }

bool is_listener(std::string_view word) {
  const bool known = word.starts_with("udp/") || word.starts_with("tcp/");
  return known && is_number_up_to(word.substr(4), 1, 65'535);
}

bool is_country(std::string_view word) {
  return word.size() == 2 && std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace vpn_sentinel
