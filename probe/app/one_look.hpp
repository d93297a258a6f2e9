/// One look at one target, for commands that end: follows it until everything that it asks has been answered or has failed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>

#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {

/// For commands that only want to know where packets go, and who the VPN's servers are: nothing is sent, counted or read beside that.
[[nodiscard]] TargetPolicy kernel_facts_only(TargetPolicy policy);

/// "home (name:vpn)": as people are told which target it is.
[[nodiscard]] std::string name_of(const TargetPolicy& policy);

/// Prints why to standard error and returns exit_could_not_look. `name`: name_of().
[[nodiscard]] int could_not_look(const std::string& name, const std::string& why);

class OneLook {
 public:
  explicit OneLook(const TargetPolicy& policy);

  /// Blocks until nothing is awaited any more, at most so long; what has not answered then counts as failed. Valid as long as this.
  const TargetWatch& run(std::chrono::milliseconds at_most);

 private:
  void wait();

  boost::asio::io_context io_;
  HttpClient http_;
  DnsClient dns_;
  TargetWatch watch_;
  boost::asio::steady_timer timer_;
  MonoTime deadline_{};
};

}  // namespace vpn_sentinel
