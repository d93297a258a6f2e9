#include "probe/checks/exit_check.hpp"

#include <fmt/format.h>

#include <utility>

namespace vpn_sentinel {
namespace {

/// "host" of "https://host:port/path", without brackets.
std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (rest.starts_with('[')) return std::string(rest.substr(1, rest.find(']') - 1));
  return std::string(rest.substr(0, rest.find(':')));
}

/// One run through the list of services; keeps itself alive by the handlers that it hands out.
class Round : public std::enable_shared_from_this<Round> {
 public:
  Round(HttpClient& http, DnsClient& dns, ExitRequest request, ExitCheck::Handler handler)
      : http_(http), dns_(dns), request_(std::move(request)), handler_(std::move(handler)) {}

  void next_url() {
    if (url_ == request_.urls.size()) return finish(fail(last_error_));
    host_ = host_of(request_.urls[url_]);
    resolver_ = 0;
    const auto literal = IpAddress::parse(host_);
    if (!literal) return resolve();
    if (literal->family() != request_.family) return give_up_url({Error::Kind::unreachable, "it has no address of this family"});
    fetch({*literal});
  }

 private:
  void resolve() {
    if (resolver_ == request_.resolvers.size()) return give_up_url({Error::Kind::unreachable, "its name could not be resolved"});
    DnsOptions options;
    options.open_socket = request_.open_socket;
    const DnsQuestion question{host_, request_.family == Family::v4 ? DnsType::a : DnsType::aaaa, DnsClass::in};
    auto on_answer = [self = shared_from_this()](const Result<DnsAnswer>& answer) { self->on_resolved(answer); };
    dns_.ask(question, request_.resolvers[resolver_], std::move(options), std::move(on_answer));
  }

  void on_resolved(const Result<DnsAnswer>& answer) {
    if (answer && !answer->addresses.empty()) return fetch(answer->addresses);
    ++resolver_;
    resolve();
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
    auto on_response = [self = shared_from_this()](const Result<HttpResponse>& response) { self->on_fetched(response); };
    http_.send(std::move(request), std::move(on_response));
  }

  void on_fetched(const Result<HttpResponse>& response) {
    if (!response) return give_up_url(response.error());
    if (response->status != 200) return give_up_url({Error::Kind::failed, fmt::format("it answered with status {}", response->status)});
    auto trace = parse_trace(response->body, host_);
    if (!trace) return give_up_url(trace.error());
    if (trace->ip.family() != request_.family)
      return give_up_url({Error::Kind::invalid, "it answered with an address of the other family"});
    finish(ExitAnswer{std::move(*trace), host_});
  }

  void give_up_url(const Error& error) {
    last_error_ = {error.kind, fmt::format("{}: {}", host_, error.message)};
    ++url_;
    next_url();
  }

  void finish(Result<ExitAnswer> result) { handler_(std::move(result)); }

  HttpClient& http_;
  DnsClient& dns_;
  ExitRequest request_;
  ExitCheck::Handler handler_;
  Error last_error_{Error::Kind::unavailable, "no service is configured"};
  std::string host_;
  std::size_t url_ = 0;
  std::size_t resolver_ = 0;
};

}  // namespace

void ExitCheck::run(ExitRequest request, Handler handler) {
  std::make_shared<Round>(http_, dns_, std::move(request), std::move(handler))->next_url();
}

}  // namespace vpn_sentinel
