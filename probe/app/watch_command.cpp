#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "probe/app/commands.hpp"
#include "probe/app/print.hpp"
#include "probe/app/target_set.hpp"

namespace vpn_sentinel {

int watch_command(const std::vector<TargetPolicy>& policies, bool json) {
  boost::asio::io_context io(1);
  HttpClient http(io);
  DnsClient dns(io);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  const auto style = style_of_stdout();
  const auto print = [&](const TargetWatch& watch, const TargetWatch::Update& update) {
    fmt::print("{}", json ? print_change_json(watch, update) : print_change(watch, update, style));
    // A reader that went away (a closed pipe) ends the command, as it does with other line printers.
    if (std::fflush(stdout) != 0) io.stop();
  };
  const auto refuse = [](const std::string& netns, const Error& error) {
    fmt::print(stderr, "vpn-sentinel-probe: {} is not watched: {}\n", netns, error.message);
  };
  TargetSet targets(io, http, dns, policies, TargetSet::Hooks{print, {}, {}, refuse});
  targets.start();
  io.run();
  return 0;
}

}  // namespace vpn_sentinel
