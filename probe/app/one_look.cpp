#include "probe/app/one_look.hpp"

#include <fmt/format.h>

#include "probe/app/commands.hpp"
#include "probe/app/meter_settings.hpp"

namespace vpn_sentinel {

using namespace std::chrono_literals;

namespace {

/// A tracer tells what is sent while it is there, which one look is not.
TargetPolicy without_tracer(TargetPolicy policy) {
  if (wants_tracer(policy.connections.mode)) policy.connections.mode = ConnectionsMode::sock_diag;
  return policy;
}

}  // namespace

TargetPolicy kernel_facts_only(TargetPolicy policy) {
  policy.offline = true;
  policy.meter.on = false;
  policy.audit.on = false;
  policy.audit.close_leaking_sockets = false;
  policy.kill_switch.tend = false;
  policy.connections.mode = ConnectionsMode::off;
  policy.path.stun_servers.clear();
  return policy;
}

std::string name_of(const TargetPolicy& policy) { return fmt::format("{} ({})", policy.client_id, policy.netns.to_string()); }

int could_not_look(const std::string& name, const std::string& why) {
  fmt::print(stderr, "vpn-sentinel-probe: {}: {}\n", name, why);
  return exit_could_not_look;
}

OneLook::OneLook(const TargetPolicy& policy)
    : http_(io_),
      dns_(io_),
      watch_(io_, http_, dns_, without_tracer(for_this_process(policy)), [](const auto&, const auto&) {}),
      timer_(io_) {}

const TargetWatch& OneLook::run(std::chrono::milliseconds at_most) {
  deadline_ = mono_now() + at_most;
  watch_.start();
  wait();
  io_.run();
  return watch_;
}

void OneLook::wait() {
  if (watch_.settled()) return io_.stop();
  if (mono_now() >= deadline_) {
    watch_.give_up();
    return io_.stop();
  }
  timer_.expires_after(5ms);
  timer_.async_wait([this](const boost::system::error_code&) { wait(); });
}

}  // namespace vpn_sentinel
