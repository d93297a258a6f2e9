/// Asks outside services by which address the tunnel's traffic appears on the Internet: HTTP on fresh connections from inside the
/// namespace, names resolved inside too. One service may lie or be wrong, so several operators are asked until enough of them agree.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/geo/exit_source.hpp"
#include "probe/checks/source_limits.hpp"
#include "probe/checks/source_question.hpp"
#include "probe/verdict/exit_view.hpp"

namespace vpn_sentinel {

/// Services of one operator: together they have one voice, so the first that answers is enough.
struct ExitOperator {
  std::vector<ExitSource> sources;  ///< tried in order
  friend bool operator==(const ExitOperator&, const ExitOperator&) = default;
};

struct ExitRequest {
  SocketOpener open_socket;
  Family family = Family::v4;
  std::vector<ExitOperator> operators;  ///< the best first
  std::size_t quorum = 2;               ///< so many must name the same exit; that many are asked at once
  std::vector<Endpoint> resolvers;      ///< for the hosts; a literal address needs none
  std::string ca_file;
  std::chrono::milliseconds timeout{10'000};  ///< for all services together; none gets so much that it leaves nothing to the next
};

class ExitCheck {
 public:
  /// Called after each voice while others are being asked (not settled), and once when the round is settled: enough agree, or nobody is
  /// left. `facts` and `changed_from` are not filled.
  using Handler = std::function<void(const ExitOfFamily&)>;
  /// `http` and `dns` outlive the check.
  ExitCheck(boost::asio::io_context& io, HttpClient& http, DnsClient& dns) : ExitCheck(io, http, dns, std::make_shared<SourceLimits>()) {}
  /// One that shares another's memory of who wants to be left alone.
  ExitCheck(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, std::shared_ptr<SourceLimits> limits)
      : io_(io), http_(http), dns_(dns), limits_(std::move(limits)) {}
  ~ExitCheck() { stop(); }
  ExitCheck(const ExitCheck&) = delete;
  ExitCheck& operator=(const ExitCheck&) = delete;
  /// The handler is called on the loop (from inside run() when there is nothing to ask); not at all after stop(), the next run() of the
  /// same family, or the end of this check or of the clients. Services that want to be left alone are, for as long as this check lives.
  void run(ExitRequest request, Handler handler);
  /// Ends what is under way; openers, connections and questions are released at once.
  void stop();
  [[nodiscard]] const std::shared_ptr<SourceLimits>& limits() const noexcept { return limits_; }

 private:
  class Round;

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<SourceLimits> limits_;
  std::map<Family, std::weak_ptr<Round>> rounds_;  ///< each lives by the handlers that it has handed out
};

/// Why nobody told an address: the last reason, or that all want to be left alone.
[[nodiscard]] std::string silence_text(const ExitOfFamily& seen);

}  // namespace vpn_sentinel
