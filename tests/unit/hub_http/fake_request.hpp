/// A request as a route sees it, from a few words, and what is read in its answer.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "hub/http/server.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {

struct FakeRequest {
  std::string method = "GET";
  std::string path = "/";
  std::string query = {};
  std::string body = {};
  std::string peer = "127.0.0.1";
  std::map<std::string, std::string> headers = {};
  std::set<std::string> twice = {};  ///< the names of headers that are there a second time

  /// Refers to this object.
  [[nodiscard]] Request view() const {
    Request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.body = body;
    request.peer_address = peer;
    request.header = [this](std::string_view name) -> std::string_view {
      for (const auto& [key, value] : headers) {
        if (equal_ignoring_case(key, name)) return value;
      }
      return {};
    };
    request.all_lines = [this](std::string_view name) {
      const auto value = std::string(view().header(name));
      return twice.contains(std::string(name)) ? value + ", " + value : value;
    };
    return request;
  }
};

/// The first of this name; empty: there is none.
inline std::string header_in(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace vpn_sentinel
