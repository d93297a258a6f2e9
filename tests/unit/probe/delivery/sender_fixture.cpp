#include "tests/unit/probe/delivery/sender_fixture.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "tests/unit/netns/support/drop_filter.hpp"

namespace vpn_sentinel::test {

std::optional<SocketOpener> WayOut::opener() {
  if (!exists) return std::nullopt;
  const SocketOpener plain = [this](int domain, int type, int protocol) -> Result<Fd> {
    ++sockets;
    if (broken) return fail(Error::Kind::unreachable, "socket: this way is broken");
    Fd fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!fd) return fail(system_error(errno, "socket"));
    return fd;
  };
  return swallows ? deaf(plain) : plain;
}

SenderFixture::SenderFixture() {
  address.urls = {hub.url()};
  address.api_path = "/api/v1";
  address.api_key = "the-key";
  address.tunnel_timeout = std::chrono::seconds{10};
}

void SenderFixture::start() {
  Sender::Hooks hooks;
  hooks.paths = [this](const std::string&) {
    ++paths_asked;
    return DeliveryPaths{tunnel.opener(), uplink.opener(), resolvers, tunnel_device};
  };
  hooks.on_delivered = [this](const std::string& client_id, const Report& report, const std::string& path) {
    events.push_back("delivered " + client_id + " " + std::to_string(report.seq) + " " + path);
    BOOST_TEST_REQUIRE(report.path == path);
  };
  hooks.on_failed = [this](const std::string& client_id, const Error& error, std::chrono::milliseconds retry_in) {
    events.push_back("failed " + client_id);
    failures.push_back(error);
    waits.push_back(retry_in);
  };
  hooks.on_refused = [this](const std::string& client_id, const Report& report, const Error& error) {
    events.push_back("refused " + client_id + " " + std::to_string(report.seq));
    failures.push_back(error);
  };
  sender = Sender::make(io, http, dns, *outbox, address, std::move(hooks));
}

bool SenderFixture::run_until(const std::function<bool()>& condition) {
  const auto deadline = mono_now() + std::chrono::seconds{20};
  while (!condition()) {
    if (mono_now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds{20});
  }
  return true;
}

void SenderFixture::run_ready() {
  io.restart();
  io.poll();
}

}  // namespace vpn_sentinel::test
