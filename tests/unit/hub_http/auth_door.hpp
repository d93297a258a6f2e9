/// A hub's gates, asked without a server.
#pragma once

#include <sodium.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_request.hpp"
#include "hub/http/auth.hpp"

namespace vpn_sentinel {

struct Sodium {
  Sodium() { BOOST_REQUIRE(sodium_init() >= 0); }
};

/// A hub's access with a clock that stands still until a test moves it.
struct Door {
  MonoTime now = mono_now();
  std::vector<std::string> refused;  ///< what on_refused was told
  std::shared_ptr<Access> access;

  explicit Door(AccessRules rules = {}, bool open_without_keys = false) {
    Access::Options options;
    options.open_without_keys = open_without_keys;
    options.now = [this] { return now; };
    options.on_refused = [this](std::string_view what, const IpAddress& address) {
      refused.push_back(std::string(what) + " " + address.to_string());
    };
    access = std::make_shared<Access>(std::move(rules), std::move(options));
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  [[nodiscard]] std::optional<Response> answer(const Gate& gate, const FakeRequest& request) const {
    auto asked = request.view();
    return pass_gates({find_address(access), gate}, asked);
  }
  /// 0: the gate lets it pass.
  [[nodiscard]] int status(const Gate& gate, const FakeRequest& request) const {
    const auto refused_with = answer(gate, request);
    return refused_with ? refused_with->status : 0;
  }
  [[nodiscard]] int key(const std::string& key, const std::string& peer = "192.0.2.7") const {
    return status(require_key(access), {.method = "POST", .peer = peer, .headers = {{"X-API-Key", key}}});
  }
};

inline AccessRules with_shared_key(std::string_view key) {
  AccessRules rules;
  rules.keys = Keyring(key, {});
  return rules;
}

inline ClientKey client_key(const std::string& name, const std::string& key, bool may_read = false) {
  return {{name, {"office-*"}, may_read}, hash_key(key), {}};
}

inline std::string retry_after(const std::optional<Response>& response) {
  BOOST_REQUIRE(response.has_value());
  for (const auto& [name, value] : response->headers) {
    if (name == "Retry-After") return value;
  }
  return {};
}

}  // namespace vpn_sentinel
