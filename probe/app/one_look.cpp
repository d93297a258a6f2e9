#include "probe/app/one_look.hpp"

#include "probe/app/meter_settings.hpp"

namespace vpn_sentinel {

using namespace std::chrono_literals;

OneLook::OneLook(const TargetPolicy& policy)
    : http_(io_), dns_(io_), watch_(io_, http_, dns_, for_this_process(policy), [](const auto&, const auto&) {}), timer_(io_) {}

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
