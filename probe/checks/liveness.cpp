#include "probe/checks/liveness.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

/// One question waits this long; within it a lost packet is asked for twice more.
constexpr std::chrono::milliseconds patience{1000};
constexpr std::chrono::milliseconds retry_after{400};

}  // namespace

struct Liveness::Run {
  LivenessOptions options;
  Handler handler;
  LivenessStreak streak;
  DnsClient::QuestionId question = 0;
};

void Liveness::start(LivenessOptions options, Handler handler) {
  stop();
  const int failures = options.failures;
  run_ = std::make_shared<Run>(Run{std::move(options), std::move(handler), LivenessStreak(failures), 0});
  ask(run_);
}

void Liveness::stop() {
  // A question under way would keep its socket, and with it a deleted namespace.
  if (const auto run = std::exchange(run_, nullptr)) dns_.cancel(run->question);
  timer_.cancel();
}

void Liveness::ask(const std::shared_ptr<Run>& run) {
  const auto received = run->options.received_packets ? run->options.received_packets() : std::nullopt;
  DnsOptions options;
  options.open_socket = run->options.open_socket;
  options.bind_device = run->options.device;
  options.timeout = patience;
  options.retry_after = retry_after;
  // Everybody may be asked for its name in class CH; who does not tell refuses, and that is an answer too.
  DnsQuestion question{"id.server", DnsType::txt, DnsClass::ch};
  auto handler = [this, weak = std::weak_ptr(run), asked = mono_now(), received](const Result<DnsAnswer>& answer) {
    // Stopped, started anew or destroyed since then: run_ must not be touched before this is known.
    if (const auto same = weak.lock()) on_answer(same, answer, asked, received);
  };
  run->question = dns_.ask(std::move(question), run->options.server, std::move(options), std::move(handler));
}

void Liveness::on_answer(const std::shared_ptr<Run>& run, const Result<DnsAnswer>& answer, MonoTime asked,
                         std::optional<std::uint64_t> received) {
  const auto now = mono_now();
  if (answer) {
    run->streak.answered(now);
  } else {
    const auto received_now = run->options.received_packets ? run->options.received_packets() : std::nullopt;
    run->streak.timed_out(received && received_now && *received_now > *received);
  }
  // A question that failed at once (no route yet) must not be repeated without a pause.
  timer_.expires_at(std::max(asked + run->options.interval, now + std::min(run->options.interval, retry_after)));
  timer_.async_wait([this, weak = std::weak_ptr(run)](const boost::system::error_code& error) {
    const auto same = weak.lock();
    if (same && !error) ask(same);
  });
  const auto round_trip = answer ? std::optional(answer->round_trip) : std::nullopt;
  // The handler may stop or restart us.
  run->handler(run->streak, round_trip);
}

}  // namespace vpn_sentinel
