#include "hub/http/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

/// One segment of a path, decoded once. Nullopt: a malformed escape, or control characters, which no name has.
std::optional<std::string> decoded_segment(std::string_view segment) {
  auto text = percent_decoded(segment);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (text && std::ranges::any_of(*text, is_control)) text.reset();
  return text;
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  Route route{std::move(method), pattern, std::move(pattern), {}, false, std::move(handler)};
  const auto open = route.before.find('{');
  const auto close = route.before.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    route.after = route.before.substr(close + 1);
    route.before.resize(open);
    route.has_parameter = true;
  }
  routes_.push_back(std::move(route));
}

bool Router::matches(const Route& route, std::string_view path, std::string_view& parameter) {
  if (!route.has_parameter) return path == route.before;
  if (path.size() <= route.before.size() + route.after.size()) return false;
  if (!path.starts_with(route.before) || !path.ends_with(route.after)) return false;
  parameter = path.substr(route.before.size(), path.size() - route.before.size() - route.after.size());
  return parameter.find('/') == std::string_view::npos;
}

bool Router::serves(std::string_view path) const {
  std::string_view parameter;
  return std::ranges::any_of(routes_, [&](const Route& route) { return matches(route, path, parameter); });
}

std::vector<std::pair<std::string, std::string>> Router::list() const {
  std::vector<std::pair<std::string, std::string>> all;
  all.reserve(routes_.size());
  for (const auto& route : routes_) all.emplace_back(route.method, route.pattern);
  return all;
}

void Router::handle(const Request& request, Respond respond) const {
  std::string allowed;
  for (const auto& route : routes_) {
    std::string_view parameter;
    if (!matches(route, request.path, parameter)) continue;
    if (route.method == request.method) {
      const auto decoded = decoded_segment(parameter);
      if (decoded) return route.handler(request, *decoded, std::move(respond));
      return respond(
          error_response(400, "Bad request", "The path must have two hexadecimal digits after each % and no control characters"));
    }
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method == "GET" ? "GET, HEAD" : route.method);
  }
  if (allowed.empty()) return respond(error_response(404, "Not found", "Nothing is served at this path"));
  allowed += ", OPTIONS";
  auto response = Response{200, "", "", {}};
  if (request.method != "OPTIONS") {
    response = error_response(405, "Method not allowed", fmt::format("This path takes {}", allowed));
  }
  response.headers.emplace_back("Allow", allowed);
  respond(std::move(response));
}

}  // namespace vpn_sentinel
