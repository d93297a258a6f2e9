#include "netns/clients/name_look_up.hpp"

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
      : dns_(dns),
        question_(std::move(question)),
        handler_(std::move(handler)),
        last_kind_(question_.resolvers.empty() ? Error::Kind::unavailable : Error::Kind::timed_out),
        last_words_(question_.resolvers.empty() ? "no resolver is known inside the namespace" : "no time was left to ask") {}

  void ask_from(std::size_t resolver) { ask(resolver, question_.family == Family::v6 ? DnsType::aaaa : DnsType::a); }

  void cancel() {
    handler_ = nullptr;
    question_.open_socket = nullptr;
    dns_.cancel(asked_);
  }

 private:
  void ask(std::size_t resolver, DnsType type) {
    if (!handler_) return;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(question_.deadline - mono_now());
    if (resolver == question_.resolvers.size() || left <= std::chrono::milliseconds{0}) {
      return finish(fail(Error{last_kind_, fmt::format("no address for the name {}: {}", question_.host, last_words_)}));
    }
    DnsOptions options;
    options.open_socket = question_.open_socket;
    options.timeout = std::min(left, longest_question);
    options.retry_after = options.timeout / 2;
    auto on_answer = [self = shared_from_this(), resolver, type](Result<DnsAnswer> answer) {
      self->answered(resolver, type, std::move(answer));
    };
    asked_ = dns_.ask(DnsQuestion{question_.host, type, DnsClass::in}, question_.resolvers[resolver], options, std::move(on_answer));
  }

  void answered(std::size_t resolver, DnsType type, Result<DnsAnswer> answer) {
    if (answer && !answer->addresses.empty()) return finish(std::move(answer->addresses));
    const auto server = question_.resolvers[resolver].to_string();
    if (answer && answer->rcode == 0 && type == DnsType::a && !question_.family) return ask(resolver, DnsType::aaaa);
    last_kind_ = answer ? Error::Kind::not_found : answer.error().kind;
    if (!answer) {
      last_words_ = fmt::format("{}: {}", server, answer.error().message);
    } else {
      last_words_ = fmt::format("{} says {}", server, answer->rcode == 0 ? "it has none" : rcode_name(answer->rcode));
    }
    ask_from(resolver + 1);
  }

  void finish(Addresses addresses) {
    question_.open_socket = nullptr;
    if (const auto handler = std::exchange(handler_, nullptr)) handler(std::move(addresses));
  }

  DnsClient& dns_;
  NameQuestion question_;
  std::function<void(Addresses)> handler_;  ///< empty: nobody waits any more
  DnsClient::QuestionId asked_ = 0;
  Error::Kind last_kind_;
  std::string last_words_;
};

}  // namespace

CancelNameLookUp look_up_name(boost::asio::io_context& io, DnsClient& dns, NameQuestion question, std::function<void(Addresses)> handler) {
  const auto look_up = std::make_shared<NameLookUp>(dns, std::move(question), std::move(handler));
  boost::asio::post(io, [look_up] { look_up->ask_from(0); });
  return [weak = std::weak_ptr(look_up)] {
    if (const auto same = weak.lock()) same->cancel();
  };
}

}  // namespace vpn_sentinel
