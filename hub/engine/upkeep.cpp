#include "hub/engine/upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// From the start to the first housekeeping, at most: a hub that is restarted again and again must not put it off for ever.
constexpr std::chrono::milliseconds first_pause{1'000};

}  // namespace

Upkeep::Upkeep(const EngineOptions& options)
    : keep_reports_(options.keep_reports),
      most_bytes_(options.most_bytes),
      maintenance_pause_(options.maintenance_pause),
      roll_up_pause_(options.roll_up_pause),
      last_maintenance_(mono_now() - maintenance_pause_ + std::min(maintenance_pause_, first_pause)),
      next_roll_up_(mono_now() + std::min(roll_up_pause_, first_pause)) {}

void Upkeep::roll_up(Store& store, bool healthy) {
  const auto begun = mono_now();
  if (!healthy || !works_ || begun < next_roll_up_) return;
  const auto more = store.roll_up();
  more_to_roll_up_ = more && *more;
  const MonoTime::duration pause = roll_up_pause_;
  next_roll_up_ = mono_now() + (more_to_roll_up_ ? std::min(9 * (mono_now() - begun), pause) : pause);
}

bool Upkeep::is_due(Store& store, bool healthy) const {
  const bool wanted = healthy && works_ && (more_to_remove_ || store.needs_maintenance());
  return wanted || mono_now() - last_maintenance_ >= maintenance_pause_;
}

Upkeep::Outcome Upkeep::maintain(Writer& writer, const Now& now) {
  Outcome outcome;
  const auto added = now.reports - std::exchange(counted_reports_, now.reports);
  if (!is_due(writer.store(), now.healthy)) return outcome;
  last_maintenance_ = mono_now();
  Result<bool> more = true;
  for (std::uint64_t removed = 0; removed <= added && more && *more; removed += Store::most_removed) {
    more = writer.store().maintain(retention(now));
  }
  more_to_remove_ = more && *more;
  if (!now.healthy) return outcome;  // That much is known already.
  if (more && now.trusts_clock) {
    auto forgotten = writer.forget(now.time - keep_reports_, now.time);
    if (forgotten) outcome.forgotten = std::move(*forgotten);
    if (!forgotten) more = fail(forgotten.error());
  }
  if (!more && works_) outcome.sentence = fmt::format("housekeeping of the store fails, the file may grow: {}", more.error().message);
  if (more && !works_) outcome.sentence = "housekeeping of the store works again";
  works_ = more.has_value();
  return outcome;
}

std::optional<microseconds> Upkeep::pause(bool healthy) const {
  if (!healthy) return std::nullopt;
  if (more_to_remove_ && works_) return microseconds{0};
  if (!more_to_roll_up_) return std::nullopt;
  return std::max(std::chrono::duration_cast<microseconds>(next_roll_up_ - mono_now()), microseconds{0});
}

Retention Upkeep::retention(const Now& now) const {
  Retention retention;
  retention.now = now.time;
  retention.reports = keep_reports_;
  retention.most_bytes = most_bytes_;
  retention.by_age = now.trusts_clock;
  return retention;
}

}  // namespace vpn_sentinel
