#include "probe/checks/exit_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// A resolver that is silent must leave time for the next one.
constexpr milliseconds longest_question{2000};

}  // namespace

/// One run through the list of services.
class ExitCheck::Round : public std::enable_shared_from_this<Round> {
 public:
  Round(HttpClient& http, DnsClient& dns, ExitRequest request, Handler handler)
      : http_(http),
        dns_(dns),
        opener_(std::make_shared<const SocketOpener>(std::move(request.open_socket))),
        request_(std::move(request)),
        handler_(std::move(handler)),
        deadline_(mono_now() + request_.timeout) {}

  void next_url() {
    if (url_ == request_.urls.size() || left() <= milliseconds{0}) return finish(fail(last_error_));
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

  void cancel() {
    handler_ = nullptr;
    opener_.reset();
    http_.cancel(transfer_);
    dns_.cancel(question_);
  }

 private:
  [[nodiscard]] milliseconds left() const { return std::chrono::duration_cast<milliseconds>(deadline_ - mono_now()); }

  /// Of the time that is left: an equal part for each service, but a third of the whole as long as there is so much.
  [[nodiscard]] milliseconds share() const {
    const auto services = static_cast<milliseconds::rep>(request_.urls.size() - url_);
    return std::clamp(std::max(left() / services, request_.timeout / 3), milliseconds{1}, std::max(left(), milliseconds{1}));
  }

  void resolve() {
    if (resolver_ == request_.resolvers.size()) return give_up_url(name_error_);
    DnsOptions options;
    options.open_socket = *opener_;
    options.timeout = std::min(longest_question, share());
    const DnsQuestion question{host_, request_.family == Family::v4 ? DnsType::a : DnsType::aaaa, DnsClass::in};
    auto on_answer = [self = shared_from_this()](const Result<DnsAnswer>& answer) {
      if (self->handler_) self->on_resolved(answer);
    };
    question_ = dns_.ask(question, request_.resolvers[resolver_], std::move(options), std::move(on_answer));
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
    request.timeout = share();
    request.most_bytes = 4096;
    request.open_socket = *opener_;
    request.family = request_.family;
    request.resolved = std::move(addresses);
    request.ca_file = request_.ca_file;
    auto on_response = [self = shared_from_this()](const Result<HttpResponse>& response) {
      if (self->handler_) self->on_fetched(response);
    };
    transfer_ = http_.send(std::move(request), std::move(on_response));
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

  /// The handler may stop or restart the check.
  void finish(Result<ExitAnswer> result) {
    opener_.reset();
    std::exchange(handler_, nullptr)(std::move(result));
  }

  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<const SocketOpener> opener_;
  ExitRequest request_;
  Handler handler_;  ///< empty: nobody waits any more
  MonoTime deadline_;
  HttpClient::RequestId transfer_ = 0;
  DnsClient::QuestionId question_ = 0;
  Error last_error_{Error::Kind::unavailable, "no service is configured"};
  Error name_error_;
  std::string host_;
  std::size_t url_ = 0;
  std::size_t resolver_ = 0;
};

void ExitCheck::run(ExitRequest request, Handler handler) {
  auto& place = rounds_[request.family];
  if (const auto before = place.lock()) before->cancel();
  const auto round = std::make_shared<Round>(http_, dns_, std::move(request), std::move(handler));
  place = round;
  round->next_url();
}

void ExitCheck::stop() {
  for (const auto& [family, place] : std::exchange(rounds_, {})) {
    if (const auto round = place.lock()) round->cancel();
  }
}

}  // namespace vpn_sentinel
