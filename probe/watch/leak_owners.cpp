#include "probe/watch/leak_owners.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <tuple>
#include <utility>

#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_question = 1s;
/// Who was not found sends on: perhaps he is found now.
constexpr auto ask_again_after = 1s;
constexpr unsigned most_questions = 20;

auto name_of(const OutsideDestination& destination) {
  return std::tuple(destination.address, destination.protocol, destination.port, destination.uid);
}

/// One for all targets of a loop.
class Asker : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit Asker(boost::asio::execution_context& context) : service(context) {}
  template <typename Work>
  void run(Work&& work) {
    boost::asio::post(pool_, std::forward<Work>(work));
  }

 private:
  void shutdown() override {
    pool_.stop();
    pool_.join();
  }
  boost::asio::thread_pool pool_{1};
};

}  // namespace

LeakOwners::LeakOwners(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news)
    : io_(io), policy_(policy), on_news_(std::move(on_news)), timer_(io) {}

void LeakOwners::attach(SocketOpener inside) {
  detach();
  // Other sources see what is counted here as well, but only sockets have processes.
  const auto mode = policy_.connections.mode;
  const bool by_sockets = mode == ConnectionsMode::automatic || mode == ConnectionsMode::ebpf || mode == ConnectionsMode::sock_diag;
  if (by_sockets && policy_.meter.on) opener_ = std::make_shared<const SocketOpener>(std::move(inside));
}

void LeakOwners::detach() {
  timer_.cancel();
  opener_.reset();
  answers_.clear();
  asking_ = told_ = false;
  began_.reset();
}

LeakOwners::Answer* LeakOwners::find(const OutsideDestination& destination) {
  const auto found = std::ranges::find(answers_, name_of(destination), [](const Answer& answer) { return name_of(answer.destination); });
  return found == answers_.end() ? nullptr : &*found;
}

std::vector<OutsideDestination> LeakOwners::to_ask(const OutsideTraffic& leak, MonoTime now) const {
  std::vector<OutsideDestination> wanted;
  for (const auto& destination : leak.destinations) {
    const auto known = std::ranges::find(answers_, name_of(destination), [](const Answer& answer) { return name_of(answer.destination); });
    const bool is_new = known == answers_.end();
    const bool again = !is_new && known->named.programs.empty() && known->times < most_questions && now - known->asked >= ask_again_after &&
                       destination.traffic.packets > known->destination.traffic.packets;
    if (is_new || again) wanted.push_back(destination);
  }
  return wanted;
}

void LeakOwners::follow(Observation& seen, const Snapshot& snapshot) {
  if (!opener_ || !seen.packets) return;
  if (!seen.packets->leak) {
    answers_.clear();
    told_ = false;
    began_.reset();
    return;
  }
  const auto now = mono_now();
  if (!began_) began_ = now;
  if (!asking_) {
    if (auto wanted = to_ask(*seen.packets->leak, now); !wanted.empty()) ask(seen, snapshot, std::move(wanted));
  }
  fill(*seen.packets);
  hold_back(seen, now);
}

void LeakOwners::ask(const Observation& seen, const Snapshot& snapshot, std::vector<OutsideDestination> destinations) {
  asking_ = true;
  auto ground =
      std::make_shared<const FlowGround>(make_flow_ground(snapshot, outside_policy(seen, policy_), has_tunnel_name(seen, policy_)));
  boost::asio::use_service<Asker>(io_).run(
      [this, &io = io_, weak = std::weak_ptr(opener_), ground, destinations = std::move(destinations)] {
        auto opener = weak.lock();
        if (!opener) return;
        auto named = find_leaking_programs(*opener, *ground, destinations, mono_now() + longest_question);
        // On the loop it must be the keeper's own hold that shows whether anybody still wants it.
        opener.reset();
        boost::asio::post(io, [this, weak, destinations, named = std::move(named)] {
          if (weak.lock() == nullptr) return;
          take(destinations, named);
          on_news_();
        });
      });
}

void LeakOwners::take(const std::vector<OutsideDestination>& destinations, const Result<std::vector<NamedPrograms>>& named) {
  asking_ = false;
  timer_.cancel();
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    auto* answer = find(destinations[i]);
    if (answer == nullptr) answer = &answers_.emplace_back();
    answer->destination = destinations[i];
    answer->asked = mono_now();
    ++answer->times;
    answer->named = named ? (*named)[i] : NamedPrograms{{}, "who sends it could not be asked: " + named.error().message};
  }
}

void LeakOwners::fill(PacketsView& packets) {
  for (const auto& destination : packets.leak->destinations) {
    const auto* const answer = find(destination);
    if (answer == nullptr) continue;
    for (auto program : answer->named.programs) {
      program.destination = destination;
      packets.programs.push_back(std::move(program));
    }
    if (answer->named.programs.empty()) packets.unattributed.push_back({destination, answer->named.why_not});
  }
}

/// Only what nobody has been told of yet.
void LeakOwners::hold_back(Observation& seen, MonoTime now) {
  if (told_ || !asking_ || !answers_.empty() || now - *began_ >= patience) {
    told_ = true;
    return;
  }
  seen.packets->leak.reset();
  seen.packets->leak_since.reset();
  timer_.expires_at(*began_ + patience);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_news_();
  });
}

}  // namespace vpn_sentinel
