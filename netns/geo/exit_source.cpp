#include "netns/geo/exit_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "netns/base/public_address.hpp"
#include "netns/geo/facts_text.hpp"
#include "netns/geo/trace.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Reading = tl::expected<SourceAnswer, SourceRefusal>;
using std::chrono::seconds;

tl::unexpected<SourceRefusal> refuse(Error::Kind kind, std::string message) {
  return tl::unexpected(SourceRefusal{{kind, std::move(message)}, false, std::nullopt});
}

tl::unexpected<SourceRefusal> limited(std::string message, std::optional<seconds> rest) {
  return tl::unexpected(SourceRefusal{{Error::Kind::unavailable, std::move(message)}, true, rest});
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// Null when it is not there or of another type.
const json* child(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* key) {
  const auto* const value = child(object, key);
  return value != nullptr && value->is_string() ? facts_text(value->get_ref<const std::string&>()) : std::string{};
}

std::string first_of(std::string a, std::string b) { return a.empty() ? std::move(b) : std::move(a); }

/// A number, or a text such as "AS64500".
std::optional<std::uint32_t> asn_of(const json& object, const char* key) {
  const auto* const value = child(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return parse_asn(value->get_ref<const std::string&>());
  if (!value->is_number_unsigned()) return std::nullopt;
  const auto wide = value->get<std::uint64_t>();
  if (wide == 0 || wide > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(wide);
}

bool speaks_of_limit(std::string_view message) {
  std::string lower;
  for (const char c : message) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  return lower.find("limit") != std::string::npos || lower.find("quota") != std::string::npos ||
         lower.find("too many") != std::string::npos;
}

/// What the service says of its failure, wherever it says so; empty: it says nothing.
std::string complaint_of(const json& reply) {
  const auto* const error = child(reply, "error");
  const auto& place = error != nullptr && error->is_object() ? *error : reply;
  return first_of(first_of(text_of(place, "message"), text_of(place, "title")), text_of(reply, "error"));
}

/// A failure that came as JSON, whatever its HTTP status was.
std::optional<SourceRefusal> failure_in(const json& reply) {
  const auto* const success = child(reply, "success");
  const auto* const status = child(reply, "status");
  const bool numbered = status != nullptr && status->is_number_integer();
  const bool failed = child(reply, "error") != nullptr || text_of(reply, "status") == "fail" || (numbered && status->get<int>() >= 400) ||
                      (success != nullptr && success->is_boolean() && !success->get<bool>());
  if (!failed) return std::nullopt;
  const auto complaint = complaint_of(reply);
  const bool limit = (numbered && status->get<int>() == 429) || speaks_of_limit(complaint);
  auto message = fmt::format("it refused: {}", complaint.empty() ? "it does not say why" : complaint);
  return SourceRefusal{{Error::Kind::unavailable, std::move(message)}, limit, std::nullopt};
}

AddressFacts ipinfo_facts(const json& reply) {
  AddressFacts facts{country_word(text_of(reply, "country")),
                     text_of(reply, "city"),
                     text_of(reply, "region"),
                     text_of(reply, "timezone"),
                     {},
                     std::nullopt};
  take_as_line(facts, text_of(reply, "org"));
  return facts;
}

AddressFacts ip_api_facts(const json& reply) {
  AddressFacts facts{country_word(text_of(reply, "countryCode")),
                     text_of(reply, "city"),
                     first_of(text_of(reply, "regionName"), text_of(reply, "region")),
                     text_of(reply, "timezone"),
                     first_of(text_of(reply, "isp"), text_of(reply, "org")),
                     std::nullopt};
  take_as_line(facts, text_of(reply, "as"));
  return facts;
}

AddressFacts ipwhois_facts(const json& reply) {
  AddressFacts facts{country_word(text_of(reply, "country_code")), text_of(reply, "city"), text_of(reply, "region"), {}, {}, std::nullopt};
  const auto* const zone = child(reply, "timezone");
  facts.timezone = zone != nullptr && zone->is_object() ? text_of(*zone, "id") : text_of(reply, "timezone");
  // The newer form nests what the older one has at the top.
  const auto* const connection = child(reply, "connection");
  const auto& network = connection != nullptr && connection->is_object() ? *connection : reply;
  facts.asn = asn_of(network, "asn");
  facts.organisation = first_of(text_of(network, "org"), text_of(network, "isp"));
  return facts;
}

/// Its country is a full name, so it is left out: no two services write names alike.
AddressFacts mullvad_facts(const json& reply) { return {{}, text_of(reply, "city"), {}, {}, text_of(reply, "organization"), std::nullopt}; }

AddressFacts facts_of(SourceKind kind, const json& reply) {
  switch (kind) {
    case SourceKind::ipinfo:
      return ipinfo_facts(reply);
    case SourceKind::ip_api:
      return ip_api_facts(reply);
    case SourceKind::ipwhois:
    case SourceKind::ipwhois_app:
      return ipwhois_facts(reply);
    case SourceKind::mullvad:
    case SourceKind::trace:
      break;
  }
  return mullvad_facts(reply);
}

Reading with_address(const std::string& text, Family family, SourceAnswer answer) {
  const auto address = IpAddress::parse(text);
  if (!address) return refuse(Error::Kind::invalid, "it answered without an IP address");
  if (address->family() != family) return refuse(Error::Kind::invalid, "it answered with an address of the other family");
  if (!is_public_address(*address)) {
    return refuse(Error::Kind::invalid, fmt::format("it answered with {}, which is no public address", address->to_string()));
  }
  answer.address = *address;
  return answer;
}

Reading read_json(SourceKind kind, const SourceReply& reply, Family family, std::optional<seconds> rest) {
  const auto parsed = json::parse(reply.body.begin(), reply.body.end(), nullptr, false);
  if (parsed.is_discarded()) {
    const auto first = reply.body.find_first_not_of(" \t\r\n");
    const bool page = first != std::string_view::npos && reply.body[first] == '<';
    return refuse(Error::Kind::invalid,
                  page ? "it answered with a page instead of JSON (a login page on the way?)" : "its answer is no JSON");
  }
  if (!parsed.is_object()) return refuse(Error::Kind::invalid, "its answer is JSON, but no object");
  if (auto failure = failure_in(parsed)) {
    failure->rest = rest;
    return tl::unexpected(std::move(*failure));
  }
  if (const auto* const bogon = child(parsed, "bogon"); bogon != nullptr && bogon->is_boolean() && bogon->get<bool>()) {
    return refuse(Error::Kind::invalid, "it sees us at an address that is no public one");
  }
  return with_address(text_of(parsed, kind == SourceKind::ip_api ? "query" : "ip"), family,
                      SourceAnswer{{}, facts_of(kind, parsed), {}, rest});
}

Reading read_trace(const SourceReply& reply, Family family) {
  auto trace = parse_trace(reply.body, reply.host);
  if (!trace) return refuse(trace.error().kind, trace.error().message);
  AddressFacts facts;
  facts.country = country_word(trace->country);
  return with_address(trace->ip.to_string(), family, SourceAnswer{{}, std::move(facts), std::move(trace->colo), std::nullopt});
}

/// ip-api.com counts: at none left it wants silence until its window ends, and bans for an hour who goes on.
std::optional<seconds> rest_of(const SourceReply& reply) {
  const auto left = number(reply.rate_left);
  if (!left || *left > 0) return reply.retry_after;
  return seconds{number(reply.rate_ends).value_or(60)};
}

/// For a status that is not 200: the body may say more than the number.
Reading read_failure(const SourceReply& reply) {
  const auto parsed = json::parse(reply.body.begin(), reply.body.end(), nullptr, false);
  const auto complaint = parsed.is_object() ? complaint_of(parsed) : std::string{};
  const auto words = complaint.empty() ? std::string{} : fmt::format(": {}", complaint);
  // A matter of the address that is set, not of how often it was asked.
  if (complaint.starts_with("SSL unavailable")) {
    return refuse(Error::Kind::unavailable, "it offers no HTTPS without a key: set an http:// address");
  }
  auto message = fmt::format("it answered with status {}{}", reply.status, words);
  if (reply.status == 429) return limited("too many questions came from this address (status 429)" + words, rest_of(reply));
  if (reply.status == 403) return limited(std::move(message), rest_of(reply));
  return refuse(Error::Kind::failed, std::move(message));
}

}  // namespace

Reading read_source(SourceKind kind, const SourceReply& reply, Family family) {
  if (reply.body.size() > most_source_bytes) return refuse(Error::Kind::invalid, "its answer is too long");
  if (reply.status != 200) return read_failure(reply);
  return kind == SourceKind::trace ? read_trace(reply, family) : read_json(kind, reply, family, rest_of(reply));
}

}  // namespace vpn_sentinel
