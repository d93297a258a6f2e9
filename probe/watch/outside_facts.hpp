/// What the probe learns from its own namespace, once for all targets: by which addresses the Internet sees the uplink, and the hub's.
/// Only the trace services are asked there, and DNS servers for names; used on the loop's thread only.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/geo/geo_database.hpp"
#include "probe/verdict/exit_view.hpp"

namespace vpn_sentinel {

struct OutsideQuestion {
  std::vector<std::string> trace_urls;  ///< tell the uplink's address; empty: it is not learnt
  std::vector<std::string> hub_hosts;   ///< names or addresses; empty: not looked up
  std::vector<Endpoint> resolvers;
  std::string ca_file;
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds interval{300'000};  ///< between questions; a change of the uplink's routes asks at once
  std::shared_ptr<const GeoDatabase> database;  ///< where the uplink is; null: not known
  friend bool operator==(const OutsideQuestion&, const OutsideQuestion&) = default;
};

/// Asks one question again and again. An answer holds until there is another one: a failure is never taken for the truth. Only what was
/// learnt of an uplink by whose routes nothing goes any more is forgotten.
class OutsideAsker;

/// One per loop: boost::asio::use_service<OutsideFacts>(io). Who asks the same shares the answers.
class OutsideFacts : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;

  class Seat {
   public:
    Seat(std::shared_ptr<OutsideAsker> asker, std::function<void()> on_news) : asker_(std::move(asker)), on_news_(std::move(on_news)) {}
    [[nodiscard]] UplinkView uplink() const;
    /// Something hints that the uplink's address may be another one: it is asked for again, at most every ten seconds.
    void ask_again() const;
    /// Public addresses only.
    [[nodiscard]] std::vector<IpAddress> hubs() const;
    /// The first answers are still awaited.
    [[nodiscard]] bool pending() const;
    void tell() const { on_news_(); }

   private:
    std::shared_ptr<OutsideAsker> asker_;
    std::function<void()> on_news_;
  };
  /// Ends with its last copy; what was learnt stays for whoever asks the same within the interval.
  using Subscription = std::shared_ptr<const Seat>;

  explicit OutsideFacts(boost::asio::execution_context& context);
  ~OutsideFacts() override;

  /// `on_news`: something else is known now; never called from inside.
  [[nodiscard]] Subscription subscribe(OutsideQuestion question, std::function<void()> on_news);

 private:
  void shutdown() override;

  boost::asio::io_context& io_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<DnsClient> dns_;
  std::vector<std::shared_ptr<OutsideAsker>> askers_;
};

}  // namespace vpn_sentinel
