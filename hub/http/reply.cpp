#include "hub/http/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 26> reasons{{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Payload Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
}};

/// On every reply. Pages of other sites must neither read nor guess the type of anything that the hub says.
constexpr std::string_view fixed_headers =
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

bool has_header(const Response& response, std::string_view name) {
  return std::ranges::any_of(response.headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto* found = std::ranges::find(reasons, status, &std::pair<int, std::string_view>::first);
  return found == reasons.end() ? "Unknown" : found->second;
}

/// One after the other, without format strings: this is done for every report.
std::string serialize(const Response& response, const ReplyFrame& frame) {
  std::string reply;
  reply.reserve(384 + (frame.head_only ? 0 : response.body.size()));
  const auto add = [&reply](std::initializer_list<std::string_view> parts) {
    for (const auto part : parts) reply += part;
  };
  add({"HTTP/1.1 ", fmt::format_int(response.status).c_str(), " ", reason_phrase(response.status), "\r\n"});
  if (!frame.date.empty()) add({"Date: ", frame.date, "\r\n"});
  if (!response.content_type.empty()) add({"Content-Type: ", response.content_type, "\r\n"});
  // With 304 it would have to be that of the content that is not sent (RFC 9110 8.6).
  if (response.status != 304) add({"Content-Length: ", fmt::format_int(response.body.size()).c_str(), "\r\n"});
  reply += fixed_headers;
  if (!has_header(response, "Cache-Control")) reply += "Cache-Control: no-store\r\n";
  for (const auto& [name, value] : response.headers) add({name, ": ", value, "\r\n"});
  if (!frame.keep_alive) {
    reply += "Connection: close\r\n";
  } else if (frame.http_1_0) {
    reply += "Connection: keep-alive\r\n";
  }
  reply += "\r\n";
  if (!frame.head_only) reply += response.body;
  return reply;
}

std::string imf_fixdate(WallTime time) {
  static constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekdays.at(std::chrono::weekday{day}.c_encoding()),
                     static_cast<unsigned>(date.day()), months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string to_text(const nlohmann::json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n'; }

Response json_response(int status, const nlohmann::json& json) { return Response{status, "application/json", to_text(json), {}}; }

Response error_response(int status, std::string_view error, std::string_view message) {
  nlohmann::json json{{"error", error}};
  if (!message.empty()) json["message"] = message;
  return json_response(status, json);
}

Response unavailable_response(std::string_view message, std::string retry_after) {
  auto response = error_response(503, "Service unavailable", message);
  response.headers.emplace_back("Retry-After", std::move(retry_after));
  return response;
}

Response wrong_parameter(const std::string& problem) { return error_response(400, "Invalid parameter", problem); }

Response unreadable_response(const Error& error) {
  const bool slow = error.kind == Error::Kind::timed_out;
  return unavailable_response(slow ? error.message : "The store cannot be read; the hub's log says why", "5");
}

std::string page_policy(std::string_view sources) {
  return fmt::format("default-src 'none'; {}{}base-uri 'none'; form-action 'none'; frame-ancestors 'none'", sources,
                     sources.empty() ? "" : "; ");
}

Response redirect_response(std::string location) { return Response{302, "", "", {{"Location", std::move(location)}}}; }

}  // namespace vpn_sentinel
