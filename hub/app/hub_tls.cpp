// Certificate and key of a running hub: loaded, looked at, taken over.
#include <fmt/format.h>

#include "hub/app/hub.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// How often certificate and key are looked at.
constexpr std::chrono::seconds tls_check_period{60};

}  // namespace

void Hub::load_tls(const HubConfig& config) {
  if (!config.tls) return;
  auto loaded = TlsCredentials::load(*config.tls);
  if (!loaded) throw FatalError(exit_config, fmt::format("HTTPS cannot be served: {}", loaded.error().message));
  tls_ = std::move(*loaded);
  tell_tls(true);
}

void Hub::tell_tls(const Result<bool>& reloaded) {
  next_tls_check_ = mono_now() + tls_check_period;
  if (!reloaded) {
    return log(LogLevel::error, "certificate_refused",
               {{"message", reloaded.error().message}, {"next", "the certificate that was loaded before stays"}});
  }
  if (!*reloaded) return;
  log(LogLevel::info, "certificate_loaded", {{"expires", to_rfc3339(tls_->expires())}});
  for (const auto& warning : tls_->warnings(wall_now())) log(LogLevel::warning, "certificate", {{"message", warning}});
}

void Hub::reload_tls() {
  if (tls_) tell_tls(tls_->reload().map([] { return true; }));
}

void Hub::check_tls() {
  if (tls_ && mono_now() >= next_tls_check_) tell_tls(tls_->reload_when_changed());
}

}  // namespace vpn_sentinel
