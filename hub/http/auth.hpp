/// Who may ask: checks that come before anything of the body is looked at. Each is a Gate: nullopt lets the request pass.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/http/access.hpp"
#include "hub/http/server.hpp"

namespace vpn_sentinel {

/// A gate may note in `request.caller` what it found out.
class Gate {
 public:
  using Pass = std::function<std::optional<Response>(Request&)>;
  using Holds = std::function<bool(const Caller&)>;

  /// `holds`: whether the gate would still let pass whom it has let pass; nothing is counted by asking. Null: it always would.
  template <typename Function>
  requires(!std::same_as<Function, Gate> && std::constructible_from<Pass, Function>)
      Gate(Function pass, Holds holds = {})  // NOLINT(google-explicit-constructor): most gates are one function
      : pass_(std::move(pass)), holds_(std::move(holds)) {}

  [[nodiscard]] std::optional<Response> operator()(Request& request) const { return pass_(request); }
  [[nodiscard]] bool holds(const Caller& caller) const { return !holds_ || holds_(caller); }

 private:
  Pass pass_;
  Holds holds_;
};

/// False when it comes from another machine, or a proxy says that it passes it on (X-Forwarded-For, X-Forwarded-Host, X-Real-IP,
/// Forwarded): what is open on loopback is not open to those, though the proxy may write a loopback name as Host. `own`: addresses that
/// only this machine has, beside loopback.
[[nodiscard]] bool is_own_machine(const Request& request, const std::vector<IpAddress>& own = {});

/// Notes the client's own address; 400 when a trusted proxy names none. All other gates need this one before them.
[[nodiscard]] Gate find_address(std::shared_ptr<const Access> access);

/// 403 unless the client's address is in one of the allowed prefixes.
[[nodiscard]] Gate allow_addresses(std::shared_ptr<const Access> access);

/// 429 with Retry-After when the address asks too much.
[[nodiscard]] Gate limit_rate(std::shared_ptr<Access> access);

/// All of these but for requests for /health… that is_own_machine(): a health check of the machine itself is always answered. A trusted
/// proxy is none, though it stands there: whom it passes on without a word is not known.
[[nodiscard]] Gate spare_own_machine(std::shared_ptr<const Access> access, std::vector<Gate> gates, std::vector<IpAddress> own);

/// 401 without `X-API-Key: KEY` or `Authorization: Bearer KEY`, 403 with a wrong one or when a key that may not read reads, 429 when the
/// address sent too many wrong ones or when a client's key asks too much. A generated key that is right always passes: it cannot be
/// guessed. Without any key see Access::Options.
[[nodiscard]] Gate require_key(std::shared_ptr<Access> access);

/// HTTP Basic with any user name; 401 with WWW-Authenticate otherwise, 429 when the address sent too many wrong passwords.
[[nodiscard]] Gate require_password(const std::string& password, std::shared_ptr<Access> access);

/// 421 unless the Host header is a loopback name: a page of another site whose name was made to resolve to 127.0.0.1 (DNS rebinding)
/// is refused. 401 unless is_own_machine(). For listeners on loopback that ask for no password.
[[nodiscard]] Gate require_loopback_host();

/// 403 when a browser sends the request from a page of another site (Origin header): a page must not report in the name of a probe.
[[nodiscard]] Gate refuse_other_sites();

/// The first refusal.
[[nodiscard]] std::optional<Response> pass_gates(const std::vector<Gate>& gates, Request& request);

/// True when all gates would still let `caller` pass.
[[nodiscard]] bool gates_hold(const std::vector<Gate>& gates, const Caller& caller);

}  // namespace vpn_sentinel
