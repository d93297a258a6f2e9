#include "probe/checks/exit_check.hpp"

#include <fmt/format.h>

#include <utility>

#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

/// One run through the list of services; keeps itself alive by the handlers that it hands out.
class Round : public std::enable_shared_from_this<Round> {
 public:
  Round(HttpClient& http, DnsClient& dns, std::weak_ptr<const bool> life, ExitRequest request, ExitCheck::Handler handler)
      : http_(http), dns_(dns), life_(std::move(life)), request_(std::move(request)), handler_(std::move(handler)) {}

  void next_url() {
    if (url_ == request_.urls.size()) return finish(fail(last_error_));
    const auto url = HttpUrl::parse(request_.urls[url_]);
    if (!url) return give_up_url(url.error());
    host_ = url->host;
    resolver_ = 0;
    // Never the process's own resolver: its question would leave from another namespace.
    name_error_ = {Error::Kind::unavailable, host_ + ": no resolver is known that could be asked for its address"};
    if (!url->literal) return resolve();
    if (url->literal->family() != request_.family) return give_up_url(no_address());
    fetch({});
  }

 private:
  void resolve() {
    if (resolver_ == request_.resolvers.size()) return give_up_url(name_error_);
    DnsOptions options;
    options.open_socket = request_.open_socket;
    const DnsQuestion question{host_, request_.family == Family::v4 ? DnsType::a : DnsType::aaaa, DnsClass::in};
    auto on_answer = [self = shared_from_this()](const Result<DnsAnswer>& answer) {
      if (!self->life_.expired()) self->on_resolved(answer);
    };
    dns_.ask(question, request_.resolvers[resolver_], std::move(options), std::move(on_answer));
  }

  void on_resolved(const Result<DnsAnswer>& answer) {
    if (answer && !answer->addresses.empty()) return fetch(answer->addresses);
    name_error_ = error_of(answer);
    ++resolver_;
    resolve();
  }

  [[nodiscard]] Error error_of(const Result<DnsAnswer>& answer) const {
    if (!answer) return {answer.error().kind, fmt::format("{}: {}", host_, answer.error().message)};
    if (answer->rcode == 0) return no_address();
    const auto server = request_.resolvers[resolver_].to_string();
    return {Error::Kind::unreachable, fmt::format("{}: DNS server {} said {}", host_, server, rcode_name(answer->rcode))};
  }

  void fetch(std::vector<IpAddress> addresses) {
    HttpRequest request;
    request.url = request_.urls[url_];
    request.timeout = request_.timeout;
    request.most_bytes = 4096;
    request.open_socket = request_.open_socket;
    request.family = request_.family;
    request.resolved = std::move(addresses);
    request.ca_file = request_.ca_file;
    auto on_response = [self = shared_from_this()](const Result<HttpResponse>& response) {
      if (!self->life_.expired()) self->on_fetched(response);
    };
    http_.send(std::move(request), std::move(on_response));
  }

  void on_fetched(const Result<HttpResponse>& response) {
    if (!response) return give_up_url(response.error());  // names the host already
    if (response->status != 200) return refuse({Error::Kind::failed, fmt::format("it answered with status {}", response->status)});
    auto trace = parse_trace(response->body, host_);
    if (!trace) return refuse(trace.error());
    if (trace->ip.family() != request_.family) return refuse({Error::Kind::invalid, "it answered with an address of the other family"});
    finish(ExitAnswer{std::move(*trace), host_});
  }

  [[nodiscard]] Error no_address() const {
    return {Error::Kind::unreachable, fmt::format("{}: it has no {} address", host_, request_.family == Family::v4 ? "IPv4" : "IPv6")};
  }

  void refuse(const Error& error) { give_up_url({error.kind, fmt::format("{}: {}", host_, error.message)}); }

  void give_up_url(Error error) {
    last_error_ = std::move(error);
    ++url_;
    next_url();
  }

  void finish(Result<ExitAnswer> result) { handler_(std::move(result)); }

  HttpClient& http_;
  DnsClient& dns_;
  std::weak_ptr<const bool> life_;
  ExitRequest request_;
  ExitCheck::Handler handler_;
  Error last_error_{Error::Kind::unavailable, "no service is configured"};
  Error name_error_;
  std::string host_;
  std::size_t url_ = 0;
  std::size_t resolver_ = 0;
};

}  // namespace

void ExitCheck::run(ExitRequest request, Handler handler) {
  std::make_shared<Round>(http_, dns_, life_, std::move(request), std::move(handler))->next_url();
}

}  // namespace vpn_sentinel
