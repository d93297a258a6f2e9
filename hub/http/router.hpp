/// Which handler answers a method and a path. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/http/server.hpp"

namespace vpn_sentinel {

class Router {
 public:
  /// `parameter`: what stands for {…} in the pattern, percent-decoded, so that it may hold a '/'; valid during the call only.
  using Handler = std::function<void(const Request& request, std::string_view parameter, Respond respond)>;

  /// `pattern`: "/api/v1/clients/{id}/history"; at most one {…}, which stands for one path segment that is not empty.
  void add(std::string method, std::string pattern, Handler handler);

  /// 404 for an unknown path, 405 with Allow for an unknown method, 400 for a {…} with a malformed escape or control characters, all JSON.
  /// OPTIONS tells the methods. Routes are chosen by the path as it was sent, as gates are: an escape leads to no other one.
  void handle(const Request& request, Respond respond) const;
  /// True when something is served at this path, whatever the method.
  [[nodiscard]] bool serves(std::string_view path) const;
  /// Methods and patterns of all routes, as they were added.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> list() const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::string before;  ///< the pattern up to {…}, or all of it
    std::string after;
    bool has_parameter = false;
    Handler handler;
  };
  [[nodiscard]] static bool matches(const Route& route, std::string_view path, std::string_view& parameter);

  std::vector<Route> routes_;
};

}  // namespace vpn_sentinel
