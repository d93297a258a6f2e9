#include "hub/ingest/flow_admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/ingest/fast_value.hpp"
#include "hub/ingest/parse.hpp"
#include "hub/ingest/reject.hpp"
#include "hub/ingest/text.hpp"
#include "netns/base/printable_ascii.hpp"
#include "probe/report/flow_rules.hpp"
#include "probe/report/gzip.hpp"
#include "probe/report/library_value.hpp"

namespace vpn_sentinel {
namespace {

/// Less than this is the way of the message, not the clock: then the probe's own times stay.
constexpr std::chrono::seconds clocks_agree{60};
/// Object, list, row, and what nobody knows yet.
constexpr int most_levels = 8;

/// One for each thread; it keeps its memory, a few times the longest batch at most.
simdjson::dom::parser& batch_parser() {
  thread_local simdjson::dom::parser batch_parser(most_flow_batch_bytes);
  return batch_parser;
}

template <typename Value>
void read(const Value& value, FlowBatch& batch) {
  if (!value.is_object()) decode_rules::reject<Value>("batch", "an object", value);
  const decode_rules::Fields<Value> fields(value, "");
  batch.client_id = fields.text("client_id");
  if (!is_valid_client_id(batch.client_id)) fields.refuse("client_id", "1-100 characters out of A-Z a-z 0-9 . _ -");
  flow_rules::read_flow_batch(fields, batch);
}

/// Nullopt: it is no JSON. Throws BadField.
std::optional<FlowBatch> read_fast(std::string_view body) {
  static thread_local const bool bounded = batch_parser().allocate(most_flow_batch_bytes, most_levels) == simdjson::SUCCESS;
  FastValue::Element element;
  if (!bounded || batch_parser().parse(body.data(), body.size(), true).get(element) != simdjson::SUCCESS) return std::nullopt;
  FlowBatch batch;
  read(FastValue(element), batch);
  return batch;
}

/// As read_fast(), for what the fast library reads wrongly: half of a pair of escapes by number. Probes send none.
std::optional<FlowBatch> read_slowly(std::string_view body) {
  if (shape_of(body).depth > most_levels) return std::nullopt;
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  FlowBatch batch;
  read(LibraryValue(json), batch);
  return batch;
}

void make_harmless(std::string& text) {
  if (!is_printable_ascii(text)) replace_control_characters(text);
}

/// Names of programs and interfaces may hold marks that turn the writing direction.
void make_harmless(FlowBatch& batch) {
  make_harmless(batch.why);
  for (auto& source : batch.sources) make_harmless(source);
  for (auto& row : batch.flows) {
    for (auto* text : {&row.program, &row.container, &row.interface, &row.organisation}) make_harmless(*text);
  }
}

/// By the hub's clock, and never in the future: a flow of tomorrow would stay active for a day.
void set_clock(FlowBatch& batch, WallTime now) {
  auto shift = batch.sent_at ? now - *batch.sent_at : std::chrono::microseconds{0};
  if (std::chrono::abs(shift) < clocks_agree) shift = std::chrono::microseconds{0};
  const auto moved = [&](WallTime time) { return std::clamp(time + shift, WallTime{}, now); };
  batch.timestamp = moved(batch.timestamp);
  for (auto& row : batch.flows) {
    row.last = std::min(moved(row.last), batch.timestamp);
    row.first = std::min(moved(row.first), row.last);
  }
}

tl::expected<AdmittedFlows, Rejection> read(std::string_view body, WallTime now) {
  if (body.empty()) return reject(400, "No JSON data provided", "the body is empty");
  try {
    auto batch = body.find("\\u") == std::string_view::npos ? read_fast(body) : read_slowly(body);
    if (!batch) return reject(400, "Invalid JSON", fmt::format("malformed, or more than {} levels of nesting", most_levels));
    make_harmless(*batch);
    set_clock(*batch, now);
    return AdmittedFlows{std::move(*batch), now};
  } catch (const decode_rules::BadField& bad) {
    return reject(400, "Invalid batch", bad.message);
  }
}

}  // namespace

tl::expected<AdmittedFlows, Rejection> admit_flows(std::string_view body, std::string_view encoding, WallTime now) {
  if (encoding.empty() || encoding == "identity") {
    if (body.size() > most_flow_batch_bytes)
      return reject(413, "Batch too large",
                    fmt::format("the body has {} bytes, at most {} are accepted", body.size(), most_flow_batch_bytes));
    return read(body, now);
  }
  if (encoding != "gzip") return reject(415, "Unsupported encoding", "Content-Encoding: expected gzip or identity");
  const auto unpacked = gunzipped(body, most_flow_batch_bytes);
  if (unpacked) return read(*unpacked, now);
  const bool too_long = unpacked.error().kind == Error::Kind::overrun;
  return reject(too_long ? 413 : 400, too_long ? "Batch too large" : "Invalid encoding", "gzip: " + unpacked.error().message);
}

}  // namespace vpn_sentinel
