/// Where the hub itself is on the Internet and whether its names are resolved: for people who look at the dashboard. Nothing waits for it
/// and nothing is decided by it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hub/http/hub_route.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/name_look_up.hpp"
#include "netns/geo/exit_source.hpp"
#include "netns/geo/geo_database.hpp"

namespace vpn_sentinel {

class OwnExit {
 public:
  struct Options {
    std::vector<std::string> trace_urls;     ///< services that tell the address, tried in order; their first name is what DNS is asked for
    std::string place_url;                   ///< ipinfo.io or a mirror; empty: only files tell where the address is
    std::vector<std::string> geo_databases;  ///< .mmdb files, asked first; those that cannot be read are left out
    std::string ca_file;                     ///< PEM bundle; empty: the system's
    std::function<std::vector<Endpoint>()> resolvers;  ///< called on this object's thread before each look
    std::chrono::milliseconds interval{std::chrono::minutes{30}};
    std::chrono::milliseconds retry{std::chrono::minutes{5}};  ///< when nobody told an address
    std::chrono::milliseconds timeout{10'000};                 ///< of each question
  };
  /// Looks at once and then once in each interval, on a thread of its own.
  explicit OwnExit(Options options);
  ~OwnExit();
  OwnExit(const OwnExit&) = delete;
  OwnExit& operator=(const OwnExit&) = delete;

  /// What is known now. From any thread.
  [[nodiscard]] HubExit exit() const;
  [[nodiscard]] HubDns dns() const;

 private:
  void look();
  void ask_address(Family family, std::size_t tried);
  void on_address(Family family, std::size_t tried, const Result<HttpResponse>& response);
  void ask_place();
  void finish();
  [[nodiscard]] HttpRequest request_to(const std::string& url, Family family) const;

  Options options_;
  GeoDatabase databases_;
  HubExit seen_;        ///< by the look under way
  IpAddress placed_;    ///< whose place is known
  AddressFacts place_;  ///< of it
  mutable std::mutex mutex_;
  HubExit exit_;
  HubDns dns_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  HttpClient http_;
  DnsClient resolver_;
  std::thread thread_;
};

/// What glibc asks by this resolv.conf; servers of one link only (fe80::…%eth0) are left out.
[[nodiscard]] std::vector<Endpoint> resolvers_of(const std::string& file);

}  // namespace vpn_sentinel
