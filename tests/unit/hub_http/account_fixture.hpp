/// The API of accounts without sockets: requests by hand, a folder that goes away, and passwords that cost next to nothing.
#pragma once

#include <sodium.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>

#include "fake_request.hpp"
#include "hub/http/account_routes.hpp"

namespace vpn_sentinel {

inline constexpr PasswordCost cheap{1, 8192};
inline const std::string usual_password = "a long password";

inline nlohmann::json credentials_of(const std::string& user, const std::string& password = usual_password) {
  return {{"user", user}, {"password", password}};
}

struct Answer {
  int status = 0;
  nlohmann::json body;
  std::string cookie;   ///< the whole Set-Cookie
  std::string seconds;  ///< Retry-After
};

struct AccountApiFixture {
  std::string folder;
  std::vector<ClientKey> keys;
  std::shared_ptr<Access> access = std::make_shared<Access>(AccessRules{}, Access::Options{});
  std::unique_ptr<Accounts> accounts;
  std::shared_ptr<const AccountDoor> door;
  Service service;

  AccountApiFixture() {
    BOOST_REQUIRE(sodium_init() >= 0);
    std::string name = (std::filesystem::temp_directory_path() / "account_api_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~AccountApiFixture() {
    accounts.reset();
    std::filesystem::remove_all(folder);
  }
  AccountApiFixture(const AccountApiFixture&) = delete;
  AccountApiFixture& operator=(const AccountApiFixture&) = delete;

  /// With anna (admin), oscar (operator) and victor (viewer), all with the usual password.
  void open(const std::function<void(AccountDoor&)>& change = {}) {
    {
      auto file = AccountFile::open(account_file_path(folder)).value();
      for (const auto& [name, role] : {std::pair{"anna", Role::admin}, {"oscar", Role::operator_}, {"victor", Role::viewer}}) {
        BOOST_REQUIRE(file.add_user(name, role, hash_password(usual_password, cheap), false, {"test", ""}).has_value());
      }
    }
    start(change);
  }

  void start(const std::function<void(AccountDoor&)>& change = {}) {
    Accounts::Options options;
    options.cost = cheap;
    accounts = Accounts::start(account_file_path(folder), options).value();
    AccountDoor made{*accounts, access};
    if (change) change(made);
    door = std::make_shared<const AccountDoor>(std::move(made));
    service = make_service();
  }

  /// What one listener serves.
  [[nodiscard]] Service make_service() {
    return account_service(door, key_admin(), "/api/v1", {find_address(access), refuse_other_sites()});
  }

  [[nodiscard]] Answer ask(FakeRequest request) const {
    auto promise = std::make_shared<std::promise<Response>>();
    auto future = promise->get_future();
    if (!request.body.empty() && !request.headers.contains("Content-Type")) request.headers["Content-Type"] = "application/json";
    request.path = "/api/v1" + request.path;
    auto view = request.view();
    if (auto refused = pass_gates(service.gates, view)) {
      promise->set_value(*refused);
    } else {
      service.router->handle(view, [promise](Response response) { promise->set_value(std::move(response)); });
    }
    const auto response = future.get();
    return {response.status, nlohmann::json::parse(response.body, nullptr, false), header_in(response, "Set-Cookie"),
            header_in(response, "Retry-After")};
  }
  [[nodiscard]] Answer post(const std::string& path, const nlohmann::json& body, std::map<std::string, std::string> headers = {}) const {
    return ask({"POST", path, "", body.dump(), "127.0.0.1", std::move(headers)});
  }
  [[nodiscard]] Answer get(const std::string& path, std::map<std::string, std::string> headers = {}) const {
    return ask({"GET", path, "", "", "127.0.0.1", std::move(headers)});
  }

  /// The headers of somebody who has logged in: cookie and CSRF token.
  [[nodiscard]] std::map<std::string, std::string> logged_in(const std::string& user) const {
    const auto answer = post("/login", {{"user", user}, {"password", usual_password}});
    BOOST_REQUIRE(answer.status == 200);
    return {{"Cookie", answer.cookie.substr(0, answer.cookie.find(';'))}, {"X-CSRF-Token", answer.body["csrf"].get<std::string>()}};
  }

 private:
  KeyAdmin key_admin() {
    const auto find = [this](const std::string& name) {
      return std::ranges::find(keys, name, [](const auto& key) { return key.grant.name; });
    };
    KeyAdmin admin;
    admin.list = [this] { return Result<std::vector<ClientKey>>(keys); };
    admin.add = [this, find](const KeyGrant& grant) -> Result<std::string> {
      if (find(grant.name) != keys.end()) return fail(Error::Kind::invalid, "there is a key of that name");
      keys.push_back({grant, {}, wall_now()});
      return std::string("vs_new");
    };
    admin.rotate = [this, find](const std::string& name) -> Result<std::string> {
      if (find(name) == keys.end()) return fail(Error::Kind::not_found, "there is no key of that name");
      return std::string("vs_rotated");
    };
    admin.put = [this](const KeyGrant& grant) -> Result<std::string> {
      std::erase_if(keys, [&](const ClientKey& other) { return other.grant.name == grant.name; });
      keys.push_back({grant, {}, wall_now()});
      return std::string("vs_enrolled");
    };
    admin.revoke = [this, find](const std::string& name) -> Result<void> {
      const auto key = find(name);
      if (key == keys.end()) return fail(Error::Kind::not_found, "there is no key of that name");
      keys.erase(key);
      return {};
    };
    return admin;
  }
};

}  // namespace vpn_sentinel
