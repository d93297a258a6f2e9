#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "probe/app/commands.hpp"
#include "probe/app/meter_settings.hpp"
#include "probe/app/output.hpp"
#include "probe/app/print_change.hpp"
#include "probe/app/target_set.hpp"
#include "probe/watch/tracer_keeper.hpp"

namespace vpn_sentinel {
namespace {

/// What a check has found, beside the judgement.
std::string news_of(const TargetWatch& watch, const TargetWatch::Update& update) {
  const auto& seen = watch.seen();
  if (update.trigger != "check" || !seen.exit) return {};
  std::string text;
  for (const auto& address : {seen.exit->v4, seen.exit->v6}) {
    if (address) text += (text.empty() ? "exit " : " and ") + address->to_string();
  }
  return text;
}

ChangeView change_of(const TargetWatch& watch, const TargetWatch::Update& update) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(mono_now() - update.noticed);
  const bool held = update.trigger == "held";
  ChangeView change{watch.policy().client_id, watch.seen().time, held ? watch.newest() : watch.verdict(),
                    update.trigger,           update.cause,      took,
                    news_of(watch, update)};
  if (held) change.shown = watch.verdict().state;
  return change;
}

/// Lines have the time of day only, so each day begins with its date.
class Days {
 public:
  std::string heading(WallTime time) {
    auto day = to_rfc3339(time).substr(0, 10);
    if (day == day_) return {};
    day_ = std::move(day);
    return fmt::format("{} (times are UTC)\n", day_);
  }

 private:
  std::string day_;
};

}  // namespace

int watch_command(const std::vector<TargetPolicy>& policies, bool json) {
  boost::asio::io_context io(1);
  HttpClient http(io);
  DnsClient dns(io);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  const auto style = style_of_stdout();
  Days days;
  const auto print = [&](const TargetWatch& watch, const TargetWatch::Update& update) {
    const auto change = change_of(watch, update);
    if (json) {
      print_out(print_change_json(change));
    } else {
      print_out(fmt::format("{}{}", days.heading(change.time), print_change(change, style)));
    }
    // A reader that went away (a closed pipe) ends the command, as it does with other line printers.
    if (flush_output() != 0) io.stop();
  };
  const auto refuse = [](const std::string& netns, const Error& error) {
    fmt::print(stderr, "vpn-sentinel-probe: {} is not watched: {}\n", netns, error.message);
  };
  boost::asio::use_service<TracerKeeper>(io).on_news([](const TracerKeeper::News& news) {
    if (news.what != TracerKeeper::News::What::started)
      fmt::print(stderr, "vpn-sentinel-probe: {}: {}\n", to_string(news.what), news.detail);
  });
  std::vector<TargetPolicy> own_policies;
  own_policies.reserve(policies.size());
  for (const auto& policy : policies) own_policies.push_back(for_this_process(policy));
  TargetSet targets(io, http, dns, std::move(own_policies), TargetSet::Hooks{print, {}, {}, refuse});
  targets.start();
  io.run();
  return flush_output() == EPIPE ? 0 : when_printed(0);
}

}  // namespace vpn_sentinel
