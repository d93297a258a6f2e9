#include "probe/checks/egress_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <utility>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

constexpr unsigned most_asked_names = 32;
constexpr std::size_t most_addresses = 32;

/// SERVFAIL, NOTIMP, REFUSED: those after which glibc asks the next server (resolv/res_send.c).
bool is_refusal(std::uint8_t rcode) { return rcode == 2 || rcode == 4 || rcode == 5; }

template <typename Item>
void add_once(std::vector<Item>& items, const Item& item) {
  if (items.size() < most_addresses && std::ranges::find(items, item) == items.end()) items.push_back(item);
}

}  // namespace

class EgressCheck::Round : public std::enable_shared_from_this<Round> {
 public:
  Round(boost::asio::io_context& io, DnsClient& dns, EgressRequest request, Handler handler)
      : timer_(io), dns_(dns), request_(std::move(request)), handler_(std::move(handler)) {
    for (const auto& server : request_.servers) answer_.servers.emplace_back().server = server;
  }

  void start() {
    if (request_.servers.empty() || request_.names == 0) {
      answer_.error = "there is no name server to ask";
      return finish();
    }
    request_.names = std::min(request_.names, most_asked_names);
    ask_next_name();
  }

  void stop() {
    handler_ = nullptr;
    timer_.cancel();
    for (const auto id : questions_) dns_.cancel(id);
    questions_.clear();
    request_.open_socket = nullptr;
  }

 private:
  void ask_next_name() {
    // Programs ask any of the servers, so that each has to tell from where it asks.
    const auto first = answer_.asked++ % request_.servers.size();
    const auto name = fmt::format("{}.{}", random_hex(4), request_.zone);
    ask(name, first, request_.servers.size() - 1);
    if (answer_.asked == request_.names) return;
    timer_.expires_after(request_.pause);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error && self->handler_) self->ask_next_name();
    });
  }

  /// As glibc does: the next server is asked when one does not answer, or answers that it will not or cannot. `more`: how many are left.
  void ask(const std::string& name, std::size_t place, std::size_t more) {
    const auto& server = request_.servers[place];
    DnsOptions options;
    options.open_socket = request_.open_socket;
    options.bind_device = server.zone;
    options.timeout = request_.timeout;
    ++answer_.servers[place].asked;
    ++waiting_;
    const auto id = std::make_shared<DnsClient::QuestionId>(0);
    *id = dns_.ask(DnsQuestion{name, DnsType::txt, DnsClass::in}, Endpoint{server.address, request_.port}, std::move(options),
                   [weak = weak_from_this(), id, name, place, more](const Result<DnsAnswer>& answer) {
                     const auto self = weak.lock();
                     if (!self || !self->handler_) return;
                     self->questions_.erase(*id);
                     --self->waiting_;
                     self->take(name, place, more, answer);
                   });
    questions_.insert(*id);
  }

  void take(const std::string& name, std::size_t place, std::size_t more, const Result<DnsAnswer>& answer) {
    auto& server = answer_.servers[place];
    if (answer) {
      ++server.answered;
    } else if (answer.error().kind == Error::Kind::not_permitted || answer.error().kind == Error::Kind::not_found) {
      ++server.stopped;
    }
    auto text = answer ? read_egress_text(*answer) : Result<EgressText>(fail(answer.error()));
    if (text) {
      ++answer_.answered;
      add_once(answer_.egress, *text->resolver);
      add_once(server.egress, text->resolver->address);
      for (const auto& subnet : text->subnets) add_once(answer_.subnets, subnet);
      return finish_when_done();
    }
    server.error = text.error().message;
    const bool goes_on = !answer || is_refusal(answer->rcode);
    if (goes_on && more > 0) return ask(name, (place + 1) % request_.servers.size(), more - 1);
    // A failure to ask names its server itself.
    answer_.error = answer ? fmt::format("{}: {}", server.server.address.to_string(), server.error) : server.error;
    finish_when_done();
  }

  void finish_when_done() {
    if (waiting_ > 0 || (answer_.asked < request_.names && !second_)) return;
    if (answer_.egress.empty() && !request_.second_name.empty() && !second_ && some_server_answers()) return ask_second_name();
    if (!second_) answer_.source = request_.zone;
    if (!answer_.egress.empty()) answer_.error.clear();
    finish();
  }

  /// The zone's own servers may be down: one more witness before nothing is known.
  void ask_second_name() {
    second_ = true;
    answer_.source = request_.second_name;
    answer_.asked = 0;
    for (std::size_t place = 0; place < answer_.servers.size(); ++place) {
      if (answer_.servers[place].answered == 0) continue;
      ++answer_.asked;
      ask(request_.second_name, place, 0);
    }
  }

  [[nodiscard]] bool some_server_answers() const {
    return std::ranges::any_of(answer_.servers, [](const AskedServer& item) { return item.answered > 0; });
  }

  void finish() {
    auto handler = std::exchange(handler_, nullptr);
    timer_.cancel();
    request_.open_socket = nullptr;
    boost::asio::post(timer_.get_executor(), [self = shared_from_this(), handler = std::move(handler)] {
      if (handler && !self->dropped_) handler(self->answer_);
    });
  }

 public:
  void drop() {
    dropped_ = true;
    stop();
  }

 private:
  boost::asio::steady_timer timer_;
  DnsClient& dns_;
  EgressRequest request_;
  Handler handler_;
  EgressAnswer answer_;
  std::set<DnsClient::QuestionId> questions_;
  int waiting_ = 0;
  bool second_ = false;   ///< the zone has told nothing, and the second source is asked
  bool dropped_ = false;  ///< nobody waits for the answer any more
};

void EgressCheck::run(EgressRequest request, Handler handler) {
  stop();
  round_ = std::make_shared<Round>(io_, dns_, std::move(request), std::move(handler));
  round_->start();
}

void EgressCheck::stop() {
  if (const auto round = std::exchange(round_, nullptr)) round->drop();
}

}  // namespace vpn_sentinel
