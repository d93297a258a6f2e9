#include "probe/watch/outside_facts.hpp"

#include <algorithm>
#include <utility>

#include "netns/base/clock.hpp"
#include "probe/watch/outside_asker.hpp"

namespace vpn_sentinel {

UplinkView OutsideFacts::Seat::uplink() const {
  auto uplink = asker_->uplink();
  for (const auto& [family, since] : asker_->unknown_since()) {
    if (mono_now() - since > asker_->question().timeout) uplink.overdue.push_back(family);
  }
  return uplink;
}
void OutsideFacts::Seat::ask_again() const { asker_->ask_again(); }
std::vector<IpAddress> OutsideFacts::Seat::hubs() const { return asker_->hubs(); }
bool OutsideFacts::Seat::pending() const { return asker_->pending(); }

// The clients come first, so that their services of the loop outlive this one.
OutsideFacts::OutsideFacts(boost::asio::execution_context& context)
    : service(context),
      io_(static_cast<boost::asio::io_context&>(context)),
      http_(std::make_unique<HttpClient>(io_)),
      dns_(std::make_unique<DnsClient>(io_)) {}

OutsideFacts::~OutsideFacts() = default;

OutsideFacts::Subscription OutsideFacts::subscribe(OutsideQuestion question, std::function<void()> on_news) {
  const auto same = std::ranges::find_if(askers_, [&](const auto& asker) { return asker->question() == question; });
  if (same != askers_.end()) {
    const bool slept = !(*same)->has_seats();
    auto seat = std::make_shared<const Seat>(*same, std::move(on_news));
    (*same)->add(seat);
    // Nobody was there to ask for: what is known may be old.
    if (slept) (*same)->wake();
    return seat;
  }
  std::erase_if(askers_, [](const auto& asker) {
    if (asker->has_seats()) return false;
    asker->stop();
    return true;
  });
  const auto asker = std::make_shared<OutsideAsker>(io_, *http_, *dns_, std::move(question));
  askers_.push_back(asker);
  auto seat = std::make_shared<const Seat>(asker, std::move(on_news));
  asker->add(seat);
  asker->start();
  return seat;
}

void OutsideFacts::shutdown() {
  for (const auto& asker : askers_) asker->stop();
  askers_.clear();
  dns_.reset();
  http_.reset();
}

}  // namespace vpn_sentinel
