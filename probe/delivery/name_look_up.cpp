#include "probe/delivery/name_look_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace vpn_sentinel {
namespace {

using Addresses = Result<std::vector<IpAddress>>;

/// One resolver that is silent must leave time for the next one.
constexpr std::chrono::milliseconds longest_question{1000};

class NameLookUp : public std::enable_shared_from_this<NameLookUp> {
 public:
  NameLookUp(DnsClient& dns, NameQuestion question, std::function<void(Addresses)> handler)
      : dns_(dns), question_(std::move(question)), handler_(std::move(handler)) {}

  void ask(std::size_t resolver, DnsType type) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(question_.deadline - mono_now());
    if (resolver == question_.resolvers.size() || left <= std::chrono::milliseconds{0}) {
      return handler_(fail(Error{last_kind_, fmt::format("no address for the hub's name {}: {}", question_.host, last_words_)}));
    }
    DnsOptions options;
    options.open_socket = question_.open_socket;
    options.timeout = std::min(left, longest_question);
    options.retry_after = options.timeout / 2;
    dns_.ask(DnsQuestion{question_.host, type, DnsClass::in}, question_.resolvers[resolver], options,
             [self = shared_from_this(), resolver, type](Result<DnsAnswer> answer) { self->answered(resolver, type, std::move(answer)); });
  }

 private:
  void answered(std::size_t resolver, DnsType type, Result<DnsAnswer> answer) {
    if (answer && !answer->addresses.empty()) return handler_(std::move(answer->addresses));
    const auto server = question_.resolvers[resolver].to_string();
    if (answer && answer->rcode == 0 && type == DnsType::a) return ask(resolver, DnsType::aaaa);
    last_kind_ = answer ? Error::Kind::not_found : answer.error().kind;
    if (!answer) {
      last_words_ = fmt::format("{}: {}", server, answer.error().message);
    } else {
      last_words_ = fmt::format("{} says {}", server, answer->rcode == 0 ? "it has none" : rcode_name(answer->rcode));
    }
    ask(resolver + 1, DnsType::a);
  }

  DnsClient& dns_;
  NameQuestion question_;
  std::function<void(Addresses)> handler_;
  Error::Kind last_kind_ = Error::Kind::timed_out;
  std::string last_words_ = "no time was left to ask";
};

}  // namespace

void look_up_name(boost::asio::io_context& io, DnsClient& dns, NameQuestion question, std::function<void(Addresses)> handler) {
  if (question.resolvers.empty()) {
    auto error =
        Error{Error::Kind::unavailable, fmt::format("no resolver is known inside the namespace for the hub's name {}", question.host)};
    boost::asio::post(io, [handler = std::move(handler), error = std::move(error)] { handler(fail(error)); });
    return;
  }
  std::make_shared<NameLookUp>(dns, std::move(question), std::move(handler))->ask(0, DnsType::a);
}

}  // namespace vpn_sentinel
