#include "probe/connections/flow_table.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

FlowKey ends_of(FlowKey key) {
  key.cookie = 0;
  return key;
}

bool knows_owner(const Owner& owner) { return owner.program || !owner.candidates.empty() || !owner.why_not.empty(); }

bool has_program(const Owner& owner, const Program& program) {
  if (owner.program) return owner.program->pid == program.pid;
  return std::ranges::find(owner.candidates, program.pid, &Program::pid) != owner.candidates.end();
}

void add_candidate(Owner& owner, const Program& program) {
  if (!has_program(owner, program)) owner.candidates.push_back(program);
}

/// Several programs have had the socket.
Owner doubtful(const Owner& before, const Owner& now) {
  Owner owner;
  for (const auto* const one : {&before, &now}) {
    if (one->program) add_candidate(owner, *one->program);
    for (const auto& program : one->candidates) add_candidate(owner, program);
  }
  owner.why_not = "several processes have had its socket";
  return owner;
}

Owner joined(const Owner& before, const Owner& now) {
  if (!knows_owner(now)) return before;
  if (!knows_owner(before)) return now;
  // That nobody is found later only means that the socket was closed meanwhile.
  if (!now.program && now.candidates.empty()) return before;
  if (!before.program && before.candidates.empty()) return now;
  if (before.program && now.program && before.program->pid == now.program->pid) return now;
  return doubtful(before, now);
}

/// Packets that were seen, packets that were tracked, then the stream alone.
int rank_of_numbers(FlowSource source) {
  switch (source) {
    case FlowSource::ebpf:
      return 0;
    case FlowSource::conntrack:
      return 1;
    case FlowSource::sock_diag:
      return 2;
    case FlowSource::nflog:
      break;
  }
  return 3;
}

/// Connection tracking forgets what is silent: a socket may be open nonetheless.
bool may_end(const KnownFlow& flow, FlowSource source) { return source != FlowSource::conntrack || flow.key.cookie == 0; }

}  // namespace

bool FlowTable::may_join(const Entry& entry, const Sighting& seen, FlowSource source) const {
  if (entry.flow.ended) return false;
  const auto known = entry.flow.key.cookie;
  const auto told = seen.key.cookie;
  if (known != 0 && told != 0) return known == told;
  if (known == 0 && told == 0) return true;
  // One of them is a socket, the other a flow without a name. A socket that was not there when all were listed, while the flow was, is a
  // later one with the same port.
  if (told != 0) return source != FlowSource::sock_diag || !sockets_listed_ || entry.first >= *sockets_listed_;
  return true;
}

std::optional<FlowTable::Id> FlowTable::find(const Sighting& seen, FlowSource source) const {
  if (seen.key.cookie != 0) {
    if (const auto found = by_cookie_.find(seen.key.cookie); found != by_cookie_.end()) {
      // UDP sockets may be connected to one after another.
      const auto& flow = flows_.at(found->second).flow;
      const bool same = flow.key.remote == seen.key.remote && flow.key.protocol == seen.key.protocol;
      if (same) return found->second;
    }
  }
  std::optional<Id> only;
  const auto [begin, end] = by_ends_.equal_range(ends_of(seen.key));
  for (auto at = begin; at != end; ++at) {
    if (!may_join(flows_.at(at->second), seen, source)) continue;
    // Two flows with the same ends: which of them is meant is not known.
    if (only) return std::nullopt;
    only = at->second;
  }
  return only;
}

FlowTable::Id FlowTable::add(const Sighting& seen, WallTime wall, MonoTime now) {
  const auto id = next_++;
  Entry entry;
  entry.flow.id = id;
  entry.flow.key = seen.key;
  entry.flow.first_seen = wall;
  entry.ends = ends_of(seen.key);
  entry.first = now;
  if (bounds_.facts) entry.flow.facts = bounds_.facts(seen.key.remote.address);
  flows_.emplace(id, std::move(entry));
  if (seen.key.cookie != 0) by_cookie_.insert_or_assign(seen.key.cookie, id);
  by_ends_.emplace(ends_of(seen.key), id);
  return id;
}

void FlowTable::merge(Entry& entry, const Sighting& seen, const FlowDirection& direction, FlowSource source) {
  auto& flow = entry.flow;
  if (flow.key.cookie == 0 && seen.key.cookie != 0) flow.key.cookie = seen.key.cookie;
  if (flow.key.local.port == 0) flow.key.local = seen.key.local;
  if (seen.uid) flow.uid = seen.uid;
  flow.owner = joined(flow.owner, seen.owner);
  const bool is_seen = seen.out_index != 0;
  // What was seen after routing is the truth; routes that were asked only say what would be.
  if (is_seen || (!flow.direction_seen && (direction.way != FlowWay::unknown || flow.direction.way == FlowWay::unknown))) {
    flow.direction = direction;
    flow.direction_seen = flow.direction_seen || is_seen;
  }
  if (seen.bytes && (!flow.bytes || rank_of_numbers(source) <= rank_of_numbers(entry.counted_by))) {
    const auto before = flow.bytes;
    flow.bytes = seen.bytes;
    entry.counted_by = source;
    if (!seen.bytes->in_known && before) flow.bytes->in = before->in, flow.bytes->in_known = before->in_known;
    // What another source has told is not taken back: eBPF tells the end of a burst only with the next packet.
    if (before && source == FlowSource::ebpf) flow.bytes->out = std::max(flow.bytes->out, before->out);
  } else if (seen.bytes && seen.bytes->in_known && source == FlowSource::sock_diag && entry.counted_by == FlowSource::ebpf) {
    flow.bytes->out = std::max(flow.bytes->out, seen.bytes->out);
    flow.bytes->in = seen.bytes->in;
    flow.bytes->in_known = true;
  }
  flow.blocked = flow.blocked || seen.blocked;
  flow.ended = flow.ended || (seen.ended && may_end(flow, source));
  flow.sources = static_cast<std::uint8_t>(flow.sources | 1U << static_cast<unsigned>(source));
}

void FlowTable::take(const Batch& batch, const std::vector<FlowDirection>& directions, WallTime wall, MonoTime now) {
  losses_.by_sources += batch.lost;
  for (std::size_t i = 0; i < batch.sightings.size() && i < directions.size(); ++i) {
    const auto& seen = batch.sightings[i];
    auto id = find(seen, batch.source);
    if (!id) {
      if (flows_.size() >= bounds_.most) make_room();
      if (flows_.size() >= bounds_.most) {
        ++losses_.no_room;
        continue;
      }
      id = add(seen, wall, now);
    }
    auto& entry = flows_.at(*id);
    if (entry.flow.key.cookie == 0 && seen.key.cookie != 0) by_cookie_.insert_or_assign(seen.key.cookie, *id);
    merge(entry, seen, directions[i], batch.source);
    entry.last = now;
    entry.last_by.at(static_cast<std::size_t>(batch.source)) = now;
    entry.flow.last_seen = wall;
  }
  if (!batch.whole || batch.lost > 0) return;
  end_missing(batch.source, now);
  if (batch.source == FlowSource::sock_diag) sockets_listed_ = now;
}

void FlowTable::end_missing(FlowSource source, MonoTime now) {
  for (auto& [id, entry] : flows_) {
    const bool missing = entry.flow.told_by(source) && entry.last_by.at(static_cast<std::size_t>(source)) != now;
    if (missing && may_end(entry.flow, source)) entry.flow.ended = true;
  }
}

void FlowTable::remove(std::map<Id, Entry>::iterator at) {
  const auto& entry = at->second;
  if (const auto found = by_cookie_.find(entry.flow.key.cookie); found != by_cookie_.end() && found->second == at->first)
    by_cookie_.erase(found);
  const auto [begin, end] = by_ends_.equal_range(entry.ends);
  const auto own = std::find_if(begin, end, [&](const auto& item) { return item.second == at->first; });
  if (own != end) by_ends_.erase(own);
  flows_.erase(at);
}

void FlowTable::age(MonoTime now) {
  for (auto at = flows_.begin(); at != flows_.end();) {
    const auto next = std::next(at);
    const auto kept = at->second.flow.ended ? bounds_.keep_ended : bounds_.keep_silent;
    if (now - at->second.last > kept) remove(at);
    at = next;
  }
}

/// What has ended is given up first; what lasts is not, so that a flood of new ones cannot hide it.
void FlowTable::make_room() {
  for (auto at = flows_.begin(); at != flows_.end();) {
    const auto next = std::next(at);
    if (at->second.flow.ended) {
      remove(at);
      ++losses_.no_room;
    }
    at = next;
  }
}

std::vector<const KnownFlow*> FlowTable::flows() const {
  std::vector<const KnownFlow*> all;
  all.reserve(flows_.size());
  for (const auto& [id, entry] : flows_) all.push_back(&entry.flow);
  const auto rank = [](const KnownFlow* flow) {
    const auto bytes = flow->bytes ? flow->bytes->out + flow->bytes->in : 0;
    return std::pair(flow->direction.way != FlowWay::outside, ~bytes);
  };
  std::ranges::stable_sort(all, {}, rank);
  return all;
}

}  // namespace vpn_sentinel
