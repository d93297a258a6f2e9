/// A hub's folder that goes away with the test, and the few requests that tests write by hand.
#pragma once

#include <sodium.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "hub/app/hub.hpp"

namespace vpn_sentinel {

struct HubFolder {
  std::string folder;
  HubFolder() {
    BOOST_REQUIRE(sodium_init() >= 0);
    init_log(LogLevel::error);
    std::string name = (std::filesystem::temp_directory_path() / "hub_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~HubFolder() { std::filesystem::remove_all(folder); }
  HubFolder(const HubFolder&) = delete;
  HubFolder& operator=(const HubFolder&) = delete;

  /// Port 0 means a free port for the server; "switched off" is the settings' business.
  [[nodiscard]] HubConfig config() const {
    HubConfig config;
    config.api_prefix = "/api/v1";
    config.api_endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), 0}};
    config.dashboard_endpoints = config.api_endpoints;
    config.data_dir = folder + "/data";
    config.client_timeout = std::chrono::minutes{30};
    config.keep_reports = std::chrono::hours{24};
    return config;
  }
};

/// The address of one listener, from "api http://127.0.0.1:1234/api/v1, dashboard http://…".
inline Endpoint endpoint_of(const Hub& hub, const std::string& what) {
  const auto start = hub.summary().find("http://", hub.summary().find(what + " ")) + 7;
  return Endpoint::parse(hub.summary().substr(start, hub.summary().find_first_of("/,", start) - start), 0).value();
}

inline std::string post_to(const std::string& path, const std::string& body, const std::string& more = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string post(const std::string& body, const std::string& more = {}) { return post_to("/api/v1/keepalive", body, more); }

inline std::string get(const std::string& path, const std::string& more = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

}  // namespace vpn_sentinel
