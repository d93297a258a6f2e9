#include "netns/clients/dns_client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/clients/dns_socket.hpp"
#include "netns/clients/dns_tcp_exchange.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr std::size_t most_tries = 8;
// More than one loop turn may spend on a flood of forged answers; the rest waits for the next turn.
constexpr int most_datagrams_per_turn = 64;
// We announce 1232 (EDNS); anything longer is not an answer to us and is cut off.
constexpr std::size_t most_datagram = 4096;

/// One question from its first try to its result.
class Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  using Finished = std::function<void(const std::shared_ptr<Lookup>&, Result<DnsAnswer>)>;
  Lookup(asio::io_context& io, DnsQuestion question, Endpoint server, DnsOptions options, Finished finished)
      : io_(io),
        deadline_(io),
        retry_(io),
        question_(std::move(question)),
        server_(server),
        options_(std::move(options)),
        finished_(std::move(finished)) {}

  void start();
  void cancel();

 private:
  struct Try {
    DnsQuery query;
    asio::posix::stream_descriptor socket;
    MonoTime sent;
  };
  using TryPtr = std::shared_ptr<Try>;

  void next_try();
  Result<void> send(DnsQuery query);
  void arm_retry();
  void wait(const TryPtr& attempt);
  void receive(const TryPtr& attempt);
  /// True when nothing more is to be read from this try: the question is decided.
  bool judge(const Try& attempt, std::span<const std::byte> message);
  void lost(const TryPtr& attempt, int code);
  void change_to_tcp();
  void finish_tcp(const DnsQuery& query, MonoTime sent, const Result<std::vector<std::byte>>& message);
  void finish(Result<DnsAnswer> result);
  void finish_answer(DnsAnswer answer, MonoTime sent);
  void close_tries();

  asio::io_context& io_;
  asio::steady_timer deadline_;
  asio::steady_timer retry_;
  const DnsQuestion question_;
  const Endpoint server_;
  DnsOptions options_;
  Finished finished_;
  MonoTime end_{};
  DnsNameCase name_case_ = DnsNameCase::mixed;
  std::size_t tries_made_ = 0;
  std::vector<TryPtr> tries_;
  bool retry_armed_ = false;
  std::shared_ptr<DnsTcpExchange> tcp_;
  std::optional<Error> last_error_;
  std::uint32_t dropped_ = 0;
};

void Lookup::start() {
  if (!finished_) return;
  end_ = mono_now() + options_.timeout;
  deadline_.expires_at(end_);
  deadline_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error) return;
    auto late = Error{Error::Kind::timed_out,
                      fmt::format("DNS server {} did not answer within {} ms", self->server_.to_string(), self->options_.timeout.count())};
    self->finish(fail(self->last_error_.value_or(std::move(late))));
  });
  next_try();
}

void Lookup::cancel() {
  finished_ = nullptr;
  options_.open_socket = nullptr;  // it may keep a namespace; handlers that are on their way keep this object
  deadline_.cancel();
  retry_.cancel();
  close_tries();
  if (tcp_) std::exchange(tcp_, nullptr)->cancel();
}

void Lookup::close_tries() {
  for (const auto& attempt : std::exchange(tries_, {})) {
    error_code ignored;
    attempt->socket.close(ignored);
  }
}

void Lookup::next_try() {
  ++tries_made_;
  auto query = build_dns_query(question_, name_case_);
  if (!query) return finish(fail(query.error()));
  if (auto sent = send(std::move(*query)); !sent) return finish(fail(sent.error()));
  if (finished_) arm_retry();
}

Result<void> Lookup::send(DnsQuery query) {
  auto socket = open_udp_to(options_.open_socket, server_, options_.bind_device);
  if (!socket) return fail(socket.error());
  const auto sent = ::send(socket->get(), query.wire.data(), query.wire.size(), MSG_NOSIGNAL);
  // A full send buffer is like a lost packet: the next try may do better.
  if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
    return fail(system_error(errno, fmt::format("sending to DNS server {}", server_.to_string())));
  }
  auto attempt = std::make_shared<Try>(Try{std::move(query), asio::posix::stream_descriptor(io_), mono_now()});
  error_code error;
  attempt->socket.assign(socket->get(), error);
  if (error) return fail(system_error(error.value(), "watching a DNS socket"));
  std::ignore = socket->release();  // closed by attempt->socket from here on
  tries_.push_back(attempt);
  wait(attempt);
  return {};
}

void Lookup::arm_retry() {
  const auto at = mono_now() + options_.retry_after;
  retry_armed_ = options_.retry_after > milliseconds{0} && tries_made_ < most_tries && at < end_;
  if (!retry_armed_) return;
  retry_.expires_at(at);
  retry_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error && self->finished_ && !self->tcp_) self->next_try();
  });
}

void Lookup::wait(const TryPtr& attempt) {
  attempt->socket.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this(), attempt](const error_code& error) {
    if (!error && self->finished_ && attempt->socket.is_open()) self->receive(attempt);
  });
}

void Lookup::receive(const TryPtr& attempt) {
  std::array<std::byte, most_datagram> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  for (int i = 0; i < most_datagrams_per_turn; ++i) {
    const auto size = ::recv(attempt->socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size < 0) return lost(attempt, errno);
    if (judge(*attempt, std::span{buffer}.first(static_cast<std::size_t>(size)))) return;
    ++dropped_;
  }
  // judge() may have opened further tries, but only finishing closes this one.
  if (attempt->socket.is_open()) wait(attempt);
}

bool Lookup::judge(const Try& attempt, std::span<const std::byte> message) {
  const auto match = match_dns_answer(attempt.query, message);
  if (match == DnsMatch::case_lost && name_case_ == DnsNameCase::mixed) {
    // Either a forgery (the true answer still finds this try listening) or a server that changes case: ask it once more as is.
    name_case_ = DnsNameCase::plain;
    retry_.cancel();
    next_try();
    return !finished_;
  }
  if (match != DnsMatch::yes) return false;
  if (is_truncated(message)) {
    change_to_tcp();
    return true;
  }
  auto answer = parse_dns_answer(attempt.query, message);
  if (!answer) return false;
  finish_answer(std::move(*answer), attempt.sent);
  return true;
}

void Lookup::lost(const TryPtr& attempt, int code) {
  auto error = system_error(code, fmt::format("DNS server {}", server_.to_string()));
  error_code ignored;
  attempt->socket.close(ignored);
  std::erase(tries_, attempt);
  // A closed port stays closed for the time of one question; a router's "no route to host" may be over at the next try.
  const bool try_again = code != ECONNREFUSED && (retry_armed_ || !tries_.empty());
  if (!try_again) return finish(fail(std::move(error)));
  last_error_ = std::move(error);
}

void Lookup::change_to_tcp() {
  retry_.cancel();
  close_tries();
  auto query = build_dns_query(question_, name_case_);
  if (!query) return finish(fail(query.error()));
  auto socket = open_bound_socket(options_.open_socket, address_family(server_.address.family()), SOCK_STREAM, 0, options_.bind_device);
  if (!socket) return finish(fail(socket.error()));
  tcp_ = std::make_shared<DnsTcpExchange>(io_, server_);
  const auto wire = query->wire;
  tcp_->start(std::move(*socket), wire,
              [self = shared_from_this(), asked = std::move(*query), sent = mono_now()](const Result<std::vector<std::byte>>& message) {
                self->finish_tcp(asked, sent, message);
              });
}

void Lookup::finish_tcp(const DnsQuery& query, MonoTime sent, const Result<std::vector<std::byte>>& message) {
  if (!message) return finish(fail(message.error()));
  if (match_dns_answer(query, *message) != DnsMatch::yes) {
    return finish(fail(Error::Kind::invalid, fmt::format("DNS server {} answered another question over TCP", server_.to_string())));
  }
  auto answer = parse_dns_answer(query, *message);
  if (!answer) return finish(fail(answer.error()));
  answer->over_tcp = true;
  finish_answer(std::move(*answer), sent);
}

void Lookup::finish_answer(DnsAnswer answer, MonoTime sent) {
  answer.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(mono_now() - sent);
  answer.server = server_.address;
  answer.dropped = dropped_;
  finish(std::move(answer));
}

void Lookup::finish(Result<DnsAnswer> result) {
  auto finished = std::exchange(finished_, nullptr);
  const auto self = shared_from_this();
  cancel();
  if (finished) finished(self, std::move(result));
}

}  // namespace

class DnsClient::Impl : public std::enable_shared_from_this<DnsClient::Impl> {
 public:
  explicit Impl(asio::io_context& io) : io_(io) {}

  QuestionId ask(DnsQuestion question, Endpoint server, DnsOptions options, Handler handler) {
    const auto id = ++last_id_;
    auto finished = [weak = weak_from_this(), id, handler = std::move(handler)](const std::shared_ptr<Lookup>&, Result<DnsAnswer> result) {
      const auto self = weak.lock();
      if (!self) return;
      self->lookups_.erase(id);
      handler(std::move(result));
    };
    auto lookup = std::make_shared<Lookup>(io_, std::move(question), server, std::move(options), std::move(finished));
    lookups_.emplace(id, lookup);
    asio::post(io_, [lookup] { lookup->start(); });
    return id;
  }

  void cancel(QuestionId id) {
    const auto found = lookups_.find(id);
    if (found == lookups_.end()) return;
    const auto lookup = std::move(found->second);
    lookups_.erase(found);
    lookup->cancel();
  }

  void cancel_all() {
    for (const auto& [id, lookup] : std::exchange(lookups_, {})) lookup->cancel();
  }

 private:
  asio::io_context& io_;
  std::unordered_map<QuestionId, std::shared_ptr<Lookup>> lookups_;
  QuestionId last_id_ = 0;
};

DnsClient::DnsClient(boost::asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {}

DnsClient::~DnsClient() { impl_->cancel_all(); }

DnsClient::QuestionId DnsClient::ask(DnsQuestion question, Endpoint server, DnsOptions options, Handler handler) {
  return impl_->ask(std::move(question), server, std::move(options), std::move(handler));
}

void DnsClient::cancel(QuestionId id) { impl_->cancel(id); }

}  // namespace vpn_sentinel
