#include "probe/watch/hub_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "netns/base/public_address.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::milliseconds longest_look_up{2000};

/// Names that no public resolver knows: RFC 6761 (localhost), 6762 (local), 8375 (home.arpa), and what routers use.
bool is_local_name(std::string name) {
  while (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  constexpr std::array<std::string_view, 5> endings{".localhost", ".local", ".lan", ".home.arpa", ".internal"};
  return name.find('.') == std::string::npos ||
         std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

/// One name whose addresses are being looked up, each type of record at one resolver after the other.
struct HubNames::Name {
  std::string host;
  std::weak_ptr<char> round;
  std::function<void(bool failed)> done;
  std::vector<Endpoint> resolvers;
  DnsOptions options;
  DnsType type = DnsType::a;
  std::size_t resolver = 0;
  bool exists = false;                                ///< some address was named
  std::map<DnsType, std::vector<IpAddress>> found{};  ///< of what answered: the public addresses
};

bool HubNames::may_be_asked(const std::string& host) { return IpAddress::parse(host) || !is_local_name(host); }

void HubNames::ask(const std::string& host, const OutsideQuestion& question, const SocketOpener& opener,
                   std::function<void(bool failed)> done) {
  if (const auto literal = IpAddress::parse(host)) {
    if (is_public_address(*literal)) known_[{host, DnsType::a}] = {*literal};
    return done(false);
  }
  DnsOptions options;
  options.open_socket = opener;
  options.timeout = std::min(longest_look_up, question.timeout);
  ask_next(std::make_shared<Name>(Name{host, round_, std::move(done), question.resolvers, std::move(options)}));
}

void HubNames::ask_next(const std::shared_ptr<Name>& name) {
  if (name->resolver == name->resolvers.size()) {
    if (name->type == DnsType::aaaa || name->resolvers.empty()) return finish(*name);
    name->type = DnsType::aaaa;
    name->resolver = 0;
  }
  const DnsQuestion question{name->host, name->type, DnsClass::in};
  dns_.ask(question, name->resolvers[name->resolver], name->options, [this, name](const Result<DnsAnswer>& answer) {
    if (name->round.expired()) return;
    // NXDOMAIN is no truth about the hub either: it may be a name of the local network.
    const bool good = answer && answer->rcode == 0;
    if (good) {
      auto& found = name->found[name->type];
      for (const auto& address : answer->addresses) {
        if (is_public_address(address)) found.push_back(address);
      }
      name->exists = name->exists || !answer->addresses.empty();
    }
    name->resolver = good ? name->resolvers.size() : name->resolver + 1;
    ask_next(name);
  });
}

/// Only what answered is replaced, and nothing by answers of which none names an address.
void HubNames::finish(const Name& name) {
  if (name.exists) {
    for (const auto& [type, found] : name.found) known_[{name.host, type}] = found;
  }
  name.done(!name.exists || name.found.size() < 2);
}

std::vector<IpAddress> HubNames::addresses() const {
  std::vector<IpAddress> all;
  for (const auto& [key, addresses] : known_) all.insert(all.end(), addresses.begin(), addresses.end());
  return all;
}

}  // namespace vpn_sentinel
