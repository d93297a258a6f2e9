#include "probe/checks/egress_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_subnets = 8;
constexpr std::size_t longest_name = 100;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// "198.51.100.0/24", and with Akamai "198.51.100.0/24/0": source and scope prefix length (RFC 7871).
std::optional<IpPrefix> subnet_of(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto prefix = IpPrefix::parse(text.substr(0, text.find('/', slash + 1)));
  return prefix ? std::optional(*prefix) : std::nullopt;
}

void add_subnet(std::string_view text, EgressText& egress) {
  const auto subnet = subnet_of(text);
  if (subnet && egress.subnets.size() < most_subnets) egress.subnets.push_back(*subnet);
}

void add_resolver(std::string_view text, EgressText& egress) {
  const auto address = IpAddress::parse(text);
  if (address && !egress.resolver) egress.resolver = KnownAddress{*address, {}};
}

/// "City, Region, CC": the last word, two capital letters.
std::string country_of(std::string_view text) {
  const auto comma = text.find_last_of(',');
  const auto word = trimmed(comma == std::string_view::npos ? text : text.substr(comma + 1));
  const bool is_code = word.size() == 2 && std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  return is_code ? std::string(word) : std::string();
}

void take_line(std::string_view key, std::string_view value, EgressText& egress, AddressFacts& facts) {
  if (key == "resolver") {
    add_resolver(value, egress);
  } else if (key == "resolverGeo") {
    facts.country = country_of(value);
  } else if (key == "resolverOrg") {
    facts.organisation = without_control_characters(value.substr(0, longest_name));
  } else if (key == "clientSubnet") {
    add_subnet(value, egress);
  }
}

/// The strings of one record come joined; none of the keys is the beginning of an address.
void take_pair(std::string_view text, EgressText& egress) {
  if (text.starts_with("ns")) {
    add_resolver(text.substr(2), egress);
  } else if (text.starts_with("ecs")) {
    add_subnet(text.substr(3), egress);
  }
}

}  // namespace

Result<EgressText> read_egress_text(const DnsAnswer& answer) {
  if (answer.rcode != 0) return fail(Error::Kind::unavailable, fmt::format("the answer was {}", rcode_name(answer.rcode)));
  EgressText egress;
  AddressFacts facts;
  for (const auto& text : answer.texts) {
    const auto colon = text.find(": ");
    if (colon == std::string::npos) {
      take_pair(text, egress);
    } else {
      take_line(std::string_view(text).substr(0, colon), trimmed(std::string_view(text).substr(colon + 2)), egress, facts);
    }
  }
  if (!egress.resolver) return fail(Error::Kind::invalid, "the answer tells no address of a resolver");
  egress.resolver->facts = std::move(facts);
  return egress;
}

}  // namespace vpn_sentinel
