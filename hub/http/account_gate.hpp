/// Who is asking, by an account: cookie of a session, API token, JWT, or the word of a trusted proxy. And the gates that ask for it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/accounts/accounts.hpp"
#include "hub/accounts/code_brake.hpp"
#include "hub/http/auth.hpp"
#include "hub/log/log_ring.hpp"

namespace vpn_sentinel {

/// What every route and gate of accounts shares. The rules never change while the hub runs.
struct AccountDoor {
  Accounts& accounts;
  std::shared_ptr<Access> access;
  bool tls = false;   ///< the listeners speak HTTPS themselves
  bool open = false;  ///< the dashboard listens on loopback only and has no password: as long as nobody has an account its machine may read
  std::string password = {};                        ///< of the dashboard, by HTTP Basic, as long as nobody has an account
  std::string forward_auth_header = {};             ///< names the user; empty: none does
  std::vector<IpPrefix> forward_auth_proxies = {};  ///< from whom alone it counts
  const LogRing* log = nullptr;                     ///< the hub's own; null: there is none to show
  std::shared_ptr<CodeBrake> code_brake = std::make_shared<CodeBrake>();  ///< on the thread of changes; one, wherever a log-in arrives
  /// A password has come from another machine without HTTPS. Any thread.
  std::shared_ptr<std::atomic<bool>> plain_log_in = std::make_shared<std::atomic<bool>>(false);
};

/// Does the caller's browser speak HTTPS, to us or to a trusted proxy (X-Forwarded-Proto)?
[[nodiscard]] bool is_secure(const AccountDoor& door, const Request& request);

/// May who asks read as long as nobody has an account? The door is open, and he is on its machine (is_own_machine).
[[nodiscard]] bool is_open_to(const AccountDoor& door, const Request& request);

/// "__Host-" (RFC 6265bis 4.1.3.2) with HTTPS: no other host or path can set it.
[[nodiscard]] std::string_view cookie_name(bool secure) noexcept;
/// The value of one cookie in a Cookie header (RFC 6265 5.4); empty: there is none. Pure.
[[nodiscard]] std::string_view cookie_value(std::string_view header, std::string_view name) noexcept;
/// For Set-Cookie. An empty secret takes the cookie away.
[[nodiscard]] std::string session_cookie(std::string_view secret, bool secure, std::chrono::seconds lifetime);

/// True when `X-API-Key` or `Authorization: Bearer` has a token of an account, right or wrong, not the key of a probe.
[[nodiscard]] bool has_account_token(const Request& request);
/// A token counts first, then the proxy's word, then the cookie; one that is wrong is not passed over for the next. Two
/// words of a proxy are none and wrong.
[[nodiscard]] std::optional<Identity> identify(const AccountDoor& door, const Request& request);

/// As require_key(), and an account's token or session instead of a key: `read` to read, `report` (and at least an operator) to report. Who
/// reads without a key on loopback has to log in as soon as somebody has an account; who reports there has not.
[[nodiscard]] Gate require_key_or_account(std::shared_ptr<const AccountDoor> door);

/// What lies below `data_path` needs a log-in as soon as somebody has an account, or where it is not open by itself; the page's own files
/// hold no data. Before that the dashboard's password, or a loopback name as host.
[[nodiscard]] Gate require_log_in(std::shared_ptr<const AccountDoor> door, std::string data_path);

/// Who reads passes `to_read`; who changes something needs an account of that role, of a token the scope `manage`, and the CSRF token
/// where the browser sends the credential by itself. Notes who it is. For routes that answer once, not for WebSockets.
[[nodiscard]] Gate require_role_to_change(std::shared_ptr<const AccountDoor> door, Role least, Gate to_read);

/// 403 without the role, or of a token the scope: `read` or `manage`.
[[nodiscard]] std::optional<Response> refuse_role(const Identity& identity, Role least, bool reads);
/// 403 without the CSRF token where one is needed.
[[nodiscard]] std::optional<Response> refuse_foreign_page(const Identity& identity, const Request& request);

[[nodiscard]] Response log_in_required();

}  // namespace vpn_sentinel
