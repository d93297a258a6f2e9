#include "probe/checks/whoami_check.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

namespace vpn_sentinel {
namespace {

struct Round {
  DnsClient& dns;
  std::weak_ptr<const bool> life;
  SocketOpener opener;
  std::vector<Endpoint> servers;
  WhoamiCheck::Handler handler;
  std::optional<Error> error;  ///< the most telling so far
  std::size_t place = 0;
};

/// An answer that is wrong says more about the path than no answer.
int weight(Error::Kind kind) {
  if (kind == Error::Kind::invalid) return 2;
  return kind == Error::Kind::unavailable ? 1 : 0;
}

void ask_next(const std::shared_ptr<Round>& round);

void on_answer(const std::shared_ptr<Round>& round, const Result<DnsAnswer>& answer) {
  const auto server = round->servers[round->place];
  const auto egress = answer ? read_whoami(*answer) : Result<IpAddress>(fail(answer.error()));
  if (egress) return round->handler(WhoamiAnswer{*egress, server, answer->round_trip});
  if (!round->error || weight(egress.error().kind) >= weight(round->error->kind)) {
    // The client's own messages name the server already.
    round->error = answer ? Error{egress.error().kind, fmt::format("{}: {}", server.to_string(), egress.error().message)} : answer.error();
  }
  ++round->place;
  ask_next(round);
}

void ask_next(const std::shared_ptr<Round>& round) {
  if (round->place == round->servers.size()) {
    return round->handler(fail(round->error.value_or(Error{Error::Kind::unavailable, "no server is configured"})));
  }
  DnsOptions options;
  options.open_socket = round->opener;
  DnsQuestion question{"whoami.cloudflare", DnsType::txt, DnsClass::ch};
  auto handler = [round](const Result<DnsAnswer>& answer) {
    if (!round->life.expired()) on_answer(round, answer);
  };
  round->dns.ask(std::move(question), round->servers[round->place], std::move(options), std::move(handler));
}

}  // namespace

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
  ask_next(std::make_shared<Round>(Round{dns_, life_, std::move(opener), std::move(servers), std::move(handler), {}}));
}

}  // namespace vpn_sentinel
