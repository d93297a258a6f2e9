// Arbitrary bytes as everything that is told about names: resolv.conf(5), systemd's state of a link, answers about a resolver's address.
// Checked beyond "does not crash": the limits are kept, and no text carries control characters into a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tuple>

#include "probe/checks/dns_verdict.hpp"
#include "probe/checks/egress_answers.hpp"
#include "probe/checks/resolver_path.hpp"

using namespace vpn_sentinel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_printable(const std::string& text) {
  require(std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
}

void require_sane(const ResolvConf& conf) {
  require(conf.servers.size() <= most_name_servers);
  require(conf.not_used.size() <= most_listed_servers && conf.forwarded.size() <= most_listed_servers);
  require(conf.timeout.count() >= 0 && conf.timeout.count() <= 30 && conf.attempts >= 0 && conf.attempts <= 5);
  require(conf.ndots >= 0 && conf.ndots <= 15);
  for (const auto& server : conf.servers) require(server.zone.size() <= 15);
  for (const auto& text : conf.search) require_printable(text);
  for (const auto& text : conf.other_options) require_printable(text);
  for (const auto& text : conf.bad_servers) require_printable(text);
  require_printable(conf.based_on);
}

void read_path(const std::string& text) {
  ResolverFiles files;
  files.resolv_conf = text;
  files.upstreams = text;
  files.network_links[1] = text;
  files.resolver_links[2] = text;
  files.name_switch = text;
  files.socket_is_elsewhere = true;
  const auto path = make_resolver_path(files);
  require(!path.servers.empty() && path.links.size() <= 2);
  require(path.default_links().size() <= path.links.size());
}

void read_answer(std::string_view text) {
  DnsAnswer answer;
  while (!text.empty() && answer.texts.size() < 64) {
    const auto line = text.substr(0, text.find('\n'));
    answer.texts.emplace_back(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  const auto egress = read_egress_text(answer);
  if (!egress) return;
  require(egress->resolver.has_value() && egress->subnets.size() <= 8);
  require(egress->resolver->facts.country.empty() || egress->resolver->facts.country.size() == 2);
  require_printable(egress->resolver->facts.organisation);
  DnsFacts facts;
  facts.egress.push_back(*egress->resolver);
  facts.subnets = egress->subnets;
  facts.asked = facts.answered = 1;
  // Nothing is known of the exit or of the way: no answer alone is a proof.
  require(decide_dns(facts).verdict == DnsVerdict::unverifiable);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  require_sane(parse_resolv_conf(text));
  read_path(text);
  read_answer(text);
  DnsAcceptance accepted;
  std::ignore = add_acceptance(text, accepted);
  return 0;
}
