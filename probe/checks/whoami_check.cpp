#include "probe/checks/whoami_check.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

namespace vpn_sentinel {
namespace {

/// An answer that is wrong says more about the path than no answer.
int weight(Error::Kind kind) {
  if (kind == Error::Kind::invalid) return 2;
  return kind == Error::Kind::unavailable ? 1 : 0;
}

}  // namespace

struct WhoamiCheck::Round : std::enable_shared_from_this<Round> {
  Round(DnsClient& client, SocketOpener open_socket, std::vector<Endpoint> asked, Handler told)
      : dns(client), opener(std::move(open_socket)), servers(std::move(asked)), handler(std::move(told)) {}

  void ask_next();
  void on_answer(const Result<DnsAnswer>& answer);

  DnsClient& dns;
  SocketOpener opener;
  std::vector<Endpoint> servers;
  Handler handler;
  std::optional<Error> error;  ///< the most telling so far
  std::size_t place = 0;
  DnsClient::QuestionId question = 0;
};

void WhoamiCheck::Round::on_answer(const Result<DnsAnswer>& answer) {
  const auto server = servers[place];
  const auto egress = answer ? read_whoami(*answer) : Result<IpAddress>(fail(answer.error()));
  if (egress) return handler(WhoamiAnswer{*egress, server, answer->round_trip});
  if (!error || weight(egress.error().kind) >= weight(error->kind)) {
    // The client's own messages name the server already.
    error = answer ? Error{egress.error().kind, fmt::format("{}: {}", server.to_string(), egress.error().message)} : answer.error();
  }
  ++place;
  ask_next();
}

void WhoamiCheck::Round::ask_next() {
  if (place == servers.size()) {
    return handler(fail(error.value_or(Error{Error::Kind::unavailable, "no server is configured"})));
  }
  DnsOptions options;
  options.open_socket = opener;
  question = dns.ask(DnsQuestion{"whoami.cloudflare", DnsType::txt, DnsClass::ch}, servers[place], std::move(options),
                     [self = shared_from_this()](const Result<DnsAnswer>& answer) { self->on_answer(answer); });
}

Result<IpAddress> read_whoami(const DnsAnswer& answer) {
  if (answer.rcode != 0) return fail(Error::Kind::unavailable, fmt::format("answered whoami.cloudflare with {}", rcode_name(answer.rcode)));
  if (answer.texts.size() != 1) {
    return fail(Error::Kind::invalid, fmt::format("answered whoami.cloudflare with {} texts instead of one", answer.texts.size()));
  }
  auto address = IpAddress::parse(answer.texts.front());
  if (!address) return fail(Error::Kind::invalid, "answered whoami.cloudflare with a text that is no IP address");
  return address;
}

void WhoamiCheck::run(SocketOpener opener, std::vector<Endpoint> servers, Handler handler) {
  stop();
  const auto round = std::make_shared<Round>(dns_, std::move(opener), std::move(servers), std::move(handler));
  round_ = round;
  round->ask_next();
}

void WhoamiCheck::stop() {
  if (const auto round = std::exchange(round_, {}).lock()) dns_.cancel(round->question);
}

}  // namespace vpn_sentinel
