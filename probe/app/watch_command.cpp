#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <memory>

#include "probe/app/commands.hpp"
#include "probe/app/print.hpp"

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
  std::vector<std::unique_ptr<TargetWatch>> watches;
  watches.reserve(policies.size());
  for (const auto& policy : policies) watches.push_back(std::make_unique<TargetWatch>(io, http, dns, policy, print));
  for (const auto& watch : watches) watch->start();
  io.run();
  return 0;
}

}  // namespace vpn_sentinel
