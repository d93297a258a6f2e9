#include "probe/watch/publish_gate.hpp"

namespace vpn_sentinel {

PublishGate::Decision PublishGate::decide(const Verdict& verdict, bool pending, MonoTime now) {
  if (published_ && same_judgement(*published_, verdict)) {
    waiting_since_.reset();
    published_ = verdict;  // evidence may have changed
    return {};
  }
  const bool bad_news = published_ ? verdict.state >= published_->state : verdict.state >= State::contained;
  if (!bad_news && pending) {
    if (!waiting_since_) waiting_since_ = now;
    const auto until = *waiting_since_ + (published_ ? settle : start_patience);
    if (now < until) return {false, until};
  }
  waiting_since_.reset();
  published_ = verdict;
  return {true, std::nullopt};
}

}  // namespace vpn_sentinel
