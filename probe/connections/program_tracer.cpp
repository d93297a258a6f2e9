#include "probe/connections/program_tracer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "netns/firewall/own_packets.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds tick_period{1};
constexpr std::size_t most_waiting = 16'384;

}  // namespace

Result<std::shared_ptr<ProgramTracer>> ProgramTracer::shared() {
  static std::mutex starting;
  static std::weak_ptr<ProgramTracer> running;
  const std::lock_guard lock(starting);
  if (auto there = running.lock()) return there;
  TracerSettings settings;
  settings.own_priority = own_priority();
  auto tracer = Tracer::start(settings);
  if (!tracer) return fail(tracer.error());
  auto made = std::make_shared<ProgramTracer>(std::move(*tracer));
  running = made;
  return made;
}

Result<std::unique_ptr<ProgramTracer::Space>> ProgramTracer::join(const std::shared_ptr<ProgramTracer>& tracer, const SocketOpener& opener,
                                                                  const WatchedSpace& space) {
  const std::lock_guard lock(tracer->mutex_);
  const auto netns = tracer->tracer_.cookie_of(opener);
  if (!netns) return fail(netns.error());
  if (!tracer->spaces_.contains(*netns)) {
    if (auto watched = tracer->tracer_.watch(*netns, space); !watched) return fail(watched.error());
    tracer->spaces_[*netns].space = space;
  }
  auto user = std::make_unique<Space>(tracer, *netns);
  tracer->spaces_[*netns].users.push_back(user.get());
  return user;
}

void ProgramTracer::leave(Space& user) {
  const std::lock_guard lock(mutex_);
  const auto known = spaces_.find(user.netns_);
  if (known == spaces_.end()) return;
  std::erase(known->second.users, &user);
  if (!known->second.users.empty()) return;
  tracer_.forget(user.netns_);
  spaces_.erase(known);
}

void ProgramTracer::poll(MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (now - ticked_ >= tick_period) {
    tracer_.tick();
    ticked_ = now;
  }
  (void)tracer_.drain([this](const FlowRecord& record) {
    const auto known = spaces_.find(record.flow.netns);
    if (known == spaces_.end()) return;
    for (auto* user : known->second.users) {
      if (user->waiting_.size() < most_waiting) {
        user->waiting_.push_back(record);
      } else {
        ++user->lost_;
      }
    }
  });
}

TracerLosses ProgramTracer::losses() const {
  TracerLosses losses;
  {
    const std::lock_guard lock(mutex_);
    losses = tracer_.losses();
  }
  // A look for holders may go on for long: it is asked another time.
  const std::unique_lock lock(survey_mutex_, std::try_to_lock);
  if (lock && survey_) {
    const auto more = survey_->losses();
    losses.records += more.records;
    losses.flows += more.flows;
  }
  return losses;
}

Result<void> ProgramTracer::find_holders() {
  const std::lock_guard lock(survey_mutex_);
  if (!survey_) {
    auto survey = SocketSurvey::start(tracer_);
    if (!survey) return fail(survey.error());
    survey_.emplace(std::move(*survey));
  }
  const auto holders = survey_->holders();
  if (!holders) return fail(holders.error());
  return {};
}

ProgramTracer::Space::~Space() { tracer_->leave(*this); }

Result<void> ProgramTracer::Space::watch(const WatchedSpace& space) {
  const std::lock_guard lock(tracer_->mutex_);
  auto& known = tracer_->spaces_.at(netns_).space;
  if (known == space) return {};
  if (auto watched = tracer_->tracer_.watch(netns_, space); !watched) return fail(watched.error());
  known = space;
  return {};
}

std::vector<FlowRecord> ProgramTracer::Space::take() {
  const std::lock_guard lock(tracer_->mutex_);
  return std::exchange(waiting_, {});
}

std::size_t ProgramTracer::Space::lost() const {
  const std::lock_guard lock(tracer_->mutex_);
  return lost_;
}

}  // namespace vpn_sentinel
