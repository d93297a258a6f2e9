#include "tests/property/judgement.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "netns/base/fatal_error.hpp"
#include "tests/property/flows.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr int exit_failed = 70;
/// The watch looks again after 1 ms and 20 ms, the monitor reads again after 20 ms what may have changed silently.
constexpr std::chrono::milliseconds settling_time{60};

Result<Fd> open_socket(int domain, int type, int protocol) {
  Fd fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd) return fail(system_error(errno, "socket"));
  return fd;
}

template <typename Value>
Value or_give_up(Result<Value> result) {
  if (!result) throw FatalError(exit_failed, result.error().message);
  return std::move(*result);
}

}  // namespace

Judgement::Judgement() {
  policy_.client_id = "property";
  policy_.tunnels = {Fixture::tunnel};
  policy_.endpoints = {{Fixture::endpoint()}};
  policy_.offline = true;
  look_up_.emplace(or_give_up(RouteLookup::open(open_socket)));
  monitor_ = or_give_up(Monitor::start(io_, open_socket, {}));
}

Verdict Judgement::now() {
  io_.restart();
  while (io_.poll() > 0) {
  }
  return look();
}

Verdict Judgement::settled() {
  io_.restart();
  io_.run_for(settling_time);
  return look();
}

Verdict Judgement::look() { return judge(observe(monitor_->snapshot(), monitor_->generation(), *look_up_, policy_, learnt_)); }

}  // namespace vpn_sentinel::property
