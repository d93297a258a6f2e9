#include "probe/checks/whoami_check.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace vpn_sentinel {
namespace {

struct Round {
  DnsClient& dns;
  SocketOpener opener;
  std::vector<Endpoint> servers;
  WhoamiCheck::Handler handler;
  Error last_error{Error::Kind::unavailable, "no server is configured"};
  std::size_t place = 0;
};

void ask_next(const std::shared_ptr<Round>& round);

void on_answer(const std::shared_ptr<Round>& round, const Result<DnsAnswer>& answer) {
  const auto server = round->servers[round->place];
  const auto egress = answer ? read_whoami(*answer) : Result<IpAddress>(fail(answer.error()));
  if (egress) return round->handler(WhoamiAnswer{*egress, server, answer->round_trip});
  round->last_error = {egress.error().kind, fmt::format("{}: {}", server.to_string(), egress.error().message)};
  ++round->place;
  ask_next(round);
}

void ask_next(const std::shared_ptr<Round>& round) {
  if (round->place == round->servers.size()) return round->handler(fail(round->last_error));
  DnsOptions options;
  options.open_socket = round->opener;
  DnsQuestion question{"whoami.cloudflare", DnsType::txt, DnsClass::ch};
  auto handler = [round](const Result<DnsAnswer>& answer) { on_answer(round, answer); };
  round->dns.ask(std::move(question), round->servers[round->place], std::move(options), std::move(handler));
}

}  // namespace

Result<IpAddress> read_whoami(const DnsAnswer& answer) {
  if (answer.rcode != 0) return fail(Error::Kind::unavailable, fmt::format("answered whoami.cloudflare with code {}", answer.rcode));
  if (answer.texts.size() != 1) {
    return fail(Error::Kind::invalid, fmt::format("answered whoami.cloudflare with {} texts instead of one", answer.texts.size()));
  }
  return IpAddress::parse(answer.texts.front());
}

void WhoamiCheck::run(SocketOpener opener, std::vector<Endpoint> servers, Handler handler) {
  ask_next(std::make_shared<Round>(Round{dns_, std::move(opener), std::move(servers), std::move(handler)}));
}

}  // namespace vpn_sentinel
