#include "probe/checks/exit_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// After each such part of the time another operator is asked beside those that are silent.
constexpr int parts = 5;

/// For people; a service itself is known by its whole address, because several may live at one host.
std::string host_of(const ExitSource& source) {
  const auto url = HttpUrl::parse(source.url);
  return url ? url->host : std::string{};
}

bool is_plain(const ExitSource& source) {
  const auto url = HttpUrl::parse(source.url);
  return url && url->scheme == "http";
}

}  // namespace

/// One question to as many operators as it takes.
class ExitCheck::Round : public std::enable_shared_from_this<Round> {
 public:
  Round(ExitCheck& check, ExitRequest request, Handler handler)
      : http_(check.http_),
        dns_(check.dns_),
        limits_(check.limits_),
        timer_(check.io_),
        request_(std::move(request)),
        route_(std::make_shared<const SourceRoute>(
            SourceRoute{std::move(request_.open_socket), request_.family, std::move(request_.resolvers), std::move(request_.ca_file)})),
        handler_(std::move(handler)),
        deadline_(mono_now() + request_.timeout) {
    seen_.asked = true;
    seen_.settled = false;
    lanes_.reserve(request_.operators.size());
  }

  void begin() {
    wait_for_the_slow();
    go_on(false);
  }

  void cancel() {
    handler_ = nullptr;
    release();
  }

 private:
  /// One operator that is being asked, or was.
  struct Lane {
    std::size_t source = 0;
    bool busy = false;
    std::weak_ptr<SourceQuestion> question;  ///< lives by the handlers that it has handed out to the clients, and this round by it
  };

  [[nodiscard]] milliseconds left() const { return std::chrono::duration_cast<milliseconds>(deadline_ - mono_now()); }

  /// Of the time that is left: an equal part for each service of the operator, but a third of the whole as long as there is so much.
  [[nodiscard]] milliseconds share(std::size_t services) const {
    const auto part = left() / static_cast<milliseconds::rep>(services);
    return std::clamp(std::max(part, request_.timeout / 3), milliseconds{1}, std::max(left(), milliseconds{1}));
  }

  [[nodiscard]] std::size_t under_way() const { return static_cast<std::size_t>(std::ranges::count_if(lanes_, &Lane::busy)); }

  /// Asks so many operators that the quorum can be reached, and ends when it is, or when nobody is left.
  void go_on(bool news) {
    const auto accord = accord_of(seen_.voices);
    const auto agreeing = accord ? accord->sources : 0;
    if (agreeing >= request_.quorum) return settle();
    while (agreeing + under_way() < request_.quorum && start_next()) {
    }
    if (!handler_) return;
    if (under_way() == 0) return settle();
    if (!news) return;
    const auto tell = handler_;  // it may cancel this round
    tell(seen_);
  }

  /// False: there is no other operator, or no time.
  bool start_next() {
    if (lanes_.size() == request_.operators.size() || left() <= milliseconds{0}) return false;
    lanes_.emplace_back();
    ask(lanes_.size() - 1);
    return true;
  }

  /// The next service of an operator that may be asked.
  void ask(std::size_t index) {
    const auto& sources = request_.operators[index].sources;
    auto& lane = lanes_[index];
    for (; lane.source < sources.size() && left() > milliseconds{0}; ++lane.source) {
      const auto& source = sources[lane.source];
      if (rests(source)) continue;
      const auto question = std::make_shared<SourceQuestion>(http_, dns_, route_);
      auto on_reading = [self = shared_from_this(), index](const SourceQuestion::Reading& reading) {
        if (self->handler_) self->on_reading(index, reading);
      };
      // What cannot even be asked answers at once, from inside: the lane goes on then in this loop.
      asking_ = index;
      lane.question = question;
      lane.busy = true;
      question->ask(source, share(sources.size() - lane.source), std::move(on_reading));
      asking_.reset();
      if (lane.busy) return;
    }
  }

  [[nodiscard]] bool rests(const ExitSource& source) {
    const auto rest = limits_->rests_for(source.url, mono_now());
    if (!rest) return false;
    const auto host = host_of(source);
    seen_.silences.push_back({host, fmt::format("{}: it wants no questions for another {}", host, human_duration(*rest)), true});
    return true;
  }

  void on_reading(std::size_t index, const SourceQuestion::Reading& reading) {
    auto& lane = lanes_[index];
    const auto& source = request_.operators[index].sources[lane.source];
    const auto host = host_of(source);
    lane.busy = false;
    if (reading) {
      limits_->answered(source.url, reading->rest, mono_now());
      seen_.voices.push_back({host, reading->address, reading->facts, reading->colo, is_plain(source)});
      return go_on(true);
    }
    if (reading.error().limited) limits_->limited(source.url, reading.error().rest, mono_now());
    seen_.silences.push_back({host, reading.error().error.message, reading.error().limited});
    if (asking_ == index) return;
    ++lane.source;
    ask(index);
    go_on(false);
  }

  void wait_for_the_slow() {
    timer_.expires_after(std::max(request_.timeout / parts, milliseconds{1}));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error || !self->handler_) return;
      if (self->start_next()) self->wait_for_the_slow();
      self->go_on(false);
    });
  }

  void release() {
    timer_.cancel();
    for (auto& lane : lanes_) {
      lane.busy = false;
      if (const auto question = lane.question.lock()) question->cancel();
    }
    route_.reset();
  }

  /// The handler may stop or restart the check.
  void settle() {
    seen_.settled = true;
    const auto keep = shared_from_this();
    const auto handler = std::exchange(handler_, nullptr);
    release();
    handler(seen_);
  }

  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<SourceLimits> limits_;
  boost::asio::steady_timer timer_;
  ExitRequest request_;
  std::shared_ptr<const SourceRoute> route_;
  Handler handler_;  ///< empty: nobody waits any more
  MonoTime deadline_;
  std::vector<Lane> lanes_;            ///< of the operators, in their order, as far as they were begun
  std::optional<std::size_t> asking_;  ///< the lane whose question is being sent
  ExitOfFamily seen_;
};

void ExitCheck::run(ExitRequest request, Handler handler) {
  auto& place = rounds_[request.family];
  if (const auto before = place.lock()) before->cancel();
  const auto round = std::make_shared<Round>(*this, std::move(request), std::move(handler));
  place = round;
  round->begin();
}

void ExitCheck::stop() {
  for (const auto& [family, place] : std::exchange(rounds_, {})) {
    if (const auto round = place.lock()) round->cancel();
  }
}

std::string silence_text(const ExitOfFamily& seen) {
  if (seen.silences.empty()) return "no service is configured";
  const bool all_limited = std::ranges::all_of(seen.silences, &ExitSilence::limited);
  if (!all_limited) return seen.silences.back().reason;
  return fmt::format("all services want no more questions from this address for now ({})", seen.silences.back().reason);
}

}  // namespace vpn_sentinel
