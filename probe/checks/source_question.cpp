#include "probe/checks/source_question.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// A resolver that is silent must leave time for the next one.
constexpr milliseconds longest_question{2000};

std::string_view header(const HttpResponse& response, std::string_view name) {
  const auto found = std::ranges::find(response.headers, name, [](const auto& header) { return std::string_view(header.first); });
  return found == response.headers.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace

milliseconds SourceQuestion::left() const {
  return std::max(std::chrono::duration_cast<milliseconds>(deadline_ - mono_now()), milliseconds{1});
}

void SourceQuestion::ask(const ExitSource& source, milliseconds at_most, Handler handler) {
  source_ = source;
  handler_ = std::move(handler);
  deadline_ = mono_now() + at_most;
  const auto url = HttpUrl::parse(source.url);
  if (!url) return fail_with(url.error());
  host_ = url->host;
  // Never the process's own resolver: its question would leave from another namespace.
  name_error_ = {Error::Kind::unavailable, host_ + ": no resolver is known that could be asked for its address"};
  if (!url->literal) return resolve();
  if (url->literal->family() != route_->family) return fail_with(no_address());
  fetch({});
}

void SourceQuestion::cancel() {
  handler_ = nullptr;
  route_.reset();
  http_.cancel(transfer_);
  dns_.cancel(question_);
}

void SourceQuestion::resolve() {
  if (resolver_ == route_->resolvers.size()) return fail_with(name_error_);
  DnsOptions options;
  options.open_socket = route_->open_socket;
  options.timeout = std::min(longest_question, left());
  const DnsQuestion question{host_, route_->family == Family::v4 ? DnsType::a : DnsType::aaaa, DnsClass::in};
  auto on_answer = [self = shared_from_this()](const Result<DnsAnswer>& answer) {
    if (self->handler_) self->on_resolved(answer);
  };
  question_ = dns_.ask(question, route_->resolvers[resolver_], std::move(options), std::move(on_answer));
}

void SourceQuestion::on_resolved(const Result<DnsAnswer>& answer) {
  if (answer && !answer->addresses.empty()) return fetch(answer->addresses);
  name_error_ = error_of(answer);
  ++resolver_;
  resolve();
}

Error SourceQuestion::error_of(const Result<DnsAnswer>& answer) const {
  if (!answer) return {answer.error().kind, fmt::format("{}: {}", host_, answer.error().message)};
  if (answer->rcode == 0) return no_address();
  const auto server = route_->resolvers[resolver_].to_string();
  return {Error::Kind::unreachable, fmt::format("{}: DNS server {} said {}", host_, server, rcode_name(answer->rcode))};
}

void SourceQuestion::fetch(std::vector<IpAddress> addresses) {
  HttpRequest request;
  request.url = source_.url;
  request.timeout = left();
  request.most_bytes = most_source_bytes;
  request.open_socket = route_->open_socket;
  request.family = route_->family;
  request.resolved = std::move(addresses);
  request.ca_file = route_->ca_file;
  request.headers = {{"Accept", source_.kind == SourceKind::trace ? "text/plain" : "application/json"}};
  if (source_.kind == SourceKind::ip_api) request.wanted_headers = {"X-Rl", "X-Ttl"};
  auto on_response = [self = shared_from_this()](const Result<HttpResponse>& response) {
    if (self->handler_) self->on_fetched(response);
  };
  transfer_ = http_.send(std::move(request), std::move(on_response));
}

void SourceQuestion::on_fetched(const Result<HttpResponse>& response) {
  if (!response) return fail_with(response.error());  // names the host already
  const SourceReply reply{
      host_, response->status, response->body, response->retry_after, header(*response, "X-Rl"), header(*response, "X-Ttl")};
  auto reading = read_source(source_.kind, reply, route_->family);
  if (!reading) reading.error().error.message = fmt::format("{}: {}", host_, reading.error().error.message);
  finish(std::move(reading));
}

Error SourceQuestion::no_address() const {
  return {Error::Kind::unreachable, fmt::format("{}: it has no {} address", host_, route_->family == Family::v4 ? "IPv4" : "IPv6")};
}

void SourceQuestion::fail_with(Error error) { finish(tl::unexpected(SourceRefusal{std::move(error), false, std::nullopt})); }

void SourceQuestion::finish(Reading reading) {
  route_.reset();
  std::exchange(handler_, nullptr)(std::move(reading));
}

}  // namespace vpn_sentinel
