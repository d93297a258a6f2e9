#include "probe/watch/publish_gate.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

std::optional<MonoTime> earlier(std::optional<MonoTime> a, std::optional<MonoTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

PublishGate::Decision PublishGate::decide(const Verdict& judged, bool pending, MonoTime now) {
  const auto verdict = debounce_ ? flapping_.steady(judged, now) : judged;
  const auto held_until = debounce_ ? flapping_.again_at() : std::nullopt;
  if (published_ && same_judgement(*published_, verdict)) {
    waiting_since_.reset();
    published_ = verdict;  // evidence may have changed
    return {false, held_until};
  }
  const bool bad_news = published_ ? verdict.state >= published_->state : verdict.state >= State::contained;
  if (!bad_news && pending) {
    if (!waiting_since_) waiting_since_ = now;
    const auto until = *waiting_since_ + (published_ ? settle : start_patience);
    if (now < until) return {false, earlier(until, held_until)};
  }
  waiting_since_.reset();
  published_ = verdict;
  return {true, held_until};
}

}  // namespace vpn_sentinel
