#include "probe/connections/flow_batcher.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "probe/connections/protocol_word.hpp"
#include "probe/report/bounds.hpp"

namespace vpn_sentinel {
namespace {

/// Of folded rows, whatever is neither TCP, UDP nor ICMP (IANA: reserved).
constexpr auto any_protocol = "255";

void add_far_end(const KnownFlow& flow, DestinationDetail detail, FlowRow& row) {
  if (detail == DestinationDetail::none) return;
  const auto& [address, port] = flow.key.remote;
  if (port != 0) row.port = port;
  if (is_country(flow.facts.country)) row.country = flow.facts.country;
  if (detail == DestinationDetail::country) return;
  row.asn = flow.facts.asn;
  row.organisation = flow.facts.organisation;
  const bool whole = detail == DestinationDetail::full;
  row.destination = whole ? address.to_string() : IpPrefix(address, address.is_v4() ? told_prefix_v4 : told_prefix_v6).to_string();
}

std::uint64_t bounded(std::uint64_t number) { return std::min(number, most_flow_number); }

/// Another source may have taken over, or the counter has begun anew: then it is only remembered.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) { return now > before ? bounded(now - before) : 0; }

void add_to_sum(std::optional<std::uint64_t>& sum, const std::optional<std::uint64_t>& more) {
  if (more) sum = bounded(sum.value_or(0) + *more);
}

/// All but what stands for one of them alone.
void merge(FlowRow& row, const FlowRow& more) {
  add_to_sum(row.bytes_out, more.bytes_out);
  add_to_sum(row.bytes_in, more.bytes_in);
  add_to_sum(row.packets_out, more.packets_out);
  add_to_sum(row.packets_in, more.packets_in);
  row.opened += more.opened;
  row.closed += more.closed;
  row.open += more.open;
  row.folded += more.folded;
  row.first = std::min(row.first, more.first);
  row.last = std::max(row.last, more.last);
}

auto texts_of(const FlowRow& row) {
  return std::tuple(row.incoming, row.listener, row.program, row.uid, row.container, row.protocol, row.destination, row.port, row.interface,
                    row.way);
}
using Texts = decltype(texts_of(FlowRow{}));

std::uint64_t bytes_of(const FlowRow& row) { return row.bytes_out.value_or(0) + row.bytes_in.value_or(0); }

/// What stands alone first: outside, then what nobody can tell, then what has most bytes.
auto rank_of(const FlowRow& row) { return std::tuple(row.way != "outside", row.way != "unknown", ~bytes_of(row)); }

/// What is left of a row when many are told as one.
FlowRow bare(const FlowRow& row) {
  FlowRow rest;
  rest.incoming = row.incoming;
  rest.way = row.way;
  const bool usual = row.protocol == "tcp" || row.protocol == "udp" || row.protocol == "icmp";
  rest.protocol = usual ? row.protocol : any_protocol;
  rest.first = row.first;
  rest.last = row.last;
  return rest;
}

bool is_told(const KnownFlow& flow) { return flow.direction.way != FlowWay::loopback && !flow.key.remote.address.is_unspecified(); }

}  // namespace

void FlowBatcher::begin(const std::vector<const KnownFlow*>& flows) {
  for (const auto* flow : flows) told_[flow->id] = {flow->bytes.value_or(FlowBytes{}), flow->ended, false};
}

FlowRow FlowBatcher::row_of(const KnownFlow& flow, Told& told, bool is_new) const {
  FlowRow row;
  const auto& owner = flow.owner.program;
  if (owner) row.program = owner->name;
  row.uid = flow.uid;
  if (owner && !row.uid) row.uid = owner->uid;
  if (owner) row.container = owner->container.substr(0, told_container_digits);
  row.protocol = protocol_word(flow.key.protocol);
  add_far_end(flow, destinations_, row);
  row.interface = flow.direction.device;
  row.way = to_string(flow.direction.way);
  for (auto* text : {&row.program, &row.organisation, &row.interface}) bound_words(*text);
  if (flow.bytes) {
    row.bytes_out = growth(told.bytes.out, flow.bytes->out);
    row.bytes_in = growth(told.bytes.in, flow.bytes->in);
    told.bytes = *flow.bytes;
  }
  row.opened = is_new ? 1 : 0;
  row.closed = flow.ended && !told.ended ? 1 : 0;
  row.open = flow.ended ? 0 : 1;
  row.first = flow.first_seen;
  row.last = flow.last_seen;
  told.ended = flow.ended;
  return row;
}

FlowBatch FlowBatcher::take(const std::vector<const KnownFlow*>& flows, const FlowLosses& losses) {
  FlowBatch batch;
  batch.destinations = to_string(destinations_);
  batch.gaps.lost = bounded(losses.no_room + losses.by_sources - lost_.no_room - lost_.by_sources);
  lost_ = losses;
  std::map<Texts, FlowRow> sums;
  for (const auto* flow : flows) {
    if (!is_told(*flow)) continue;
    const auto [told, is_new] = told_.try_emplace(flow->id);
    told->second.seen = true;
    auto row = row_of(*flow, told->second, is_new);
    // It has ended, as was told, and nothing was left to tell.
    if (row.opened + row.closed + row.open == 0 && bytes_of(row) == 0) continue;
    const auto [sum, is_first] = sums.try_emplace(texts_of(row), row);
    if (!is_first) merge(sum->second, row);
  }
  std::erase_if(told_, [](const auto& each) { return !each.second.seen; });
  for (auto& [id, told] : told_) told.seen = false;
  for (auto& [texts, row] : sums) batch.flows.push_back(std::move(row));
  std::ranges::stable_sort(batch.flows, {}, rank_of);
  if (batch.flows.size() > most_) fold(batch.flows, batch);
  return batch;
}

void FlowBatcher::fold(std::vector<FlowRow>& rows, FlowBatch& batch) const {
  const auto kept = most_ - rows_for_folded;
  std::map<std::tuple<bool, std::string, std::string>, FlowRow> folded;
  for (auto i = kept; i < rows.size(); ++i) {
    auto& row = rows[i];
    row.folded = 1;
    auto rest = bare(row);
    auto& sum = folded.try_emplace({rest.incoming, rest.way, rest.protocol}, rest).first->second;
    merge(sum, row);
  }
  batch.gaps.folded = rows.size() - kept;
  rows.resize(kept);
  for (auto& [what, row] : folded) rows.push_back(std::move(row));
}

}  // namespace vpn_sentinel
