/// One question to one service: its name is looked up inside the namespace, then one HTTP request on a fresh connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/http_url.hpp"
#include "netns/geo/exit_source.hpp"

namespace vpn_sentinel {

/// What all questions of one round have in common.
struct SourceRoute {
  SocketOpener open_socket;
  Family family = Family::v4;
  std::vector<Endpoint> resolvers;  ///< for names; a literal address needs none
  std::string ca_file;
};

class SourceQuestion : public std::enable_shared_from_this<SourceQuestion> {
 public:
  using Reading = tl::expected<SourceAnswer, SourceRefusal>;
  using Handler = std::function<void(Reading)>;
  /// `http` and `dns` outlive it.
  SourceQuestion(HttpClient& http, DnsClient& dns, std::shared_ptr<const SourceRoute> route)
      : http_(http), dns_(dns), route_(std::move(route)) {}

  /// Once. The handler is called once, on the loop, from inside only when nothing has to be sent; errors name the host.
  void ask(const ExitSource& source, std::chrono::milliseconds at_most, Handler handler);
  /// The handler is not called any more; sockets and the namespace are released.
  void cancel();

 private:
  void resolve();
  void on_resolved(const Result<DnsAnswer>& answer);
  void fetch(std::vector<IpAddress> addresses);
  void on_fetched(const Result<HttpResponse>& response);
  [[nodiscard]] Error error_of(const Result<DnsAnswer>& answer) const;
  [[nodiscard]] Error no_address() const;
  [[nodiscard]] std::chrono::milliseconds left() const;
  void finish(Reading reading);
  void fail_with(Error error);

  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<const SourceRoute> route_;
  ExitSource source_;
  Handler handler_;  ///< empty: nobody waits any more
  MonoTime deadline_{};
  std::string host_;
  std::size_t resolver_ = 0;
  Error name_error_;
  HttpClient::RequestId transfer_ = 0;
  DnsClient::QuestionId question_ = 0;
};

}  // namespace vpn_sentinel
