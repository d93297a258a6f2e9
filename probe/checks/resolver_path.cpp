#include "probe/checks/resolver_path.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/sockets/process_files.hpp"
#include "netns/sockets/socket_list.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_links = 64;
constexpr std::size_t longest_state = 16UL * 1024;
constexpr std::string_view spaces = " \t";
constexpr std::uint16_t dns_port = 53;
/// The whole look has half a second, and a name is not worth losing it.
constexpr std::chrono::milliseconds longest_walk{200};

template <typename Take>
void for_each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    take(line);
  }
}

template <typename Take>
void for_each_word(std::string_view text, const Take& take) {
  while (true) {
    const auto begin = text.find_first_not_of(spaces);
    if (begin == std::string_view::npos) return;
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(spaces));
    text.remove_prefix(word.size());
    take(word);
  }
}

/// "192.0.2.1", "192.0.2.1:53#dns.example", "[2001:db8::1]:853", "fe80::1%2": resolved.conf(5), DNS=.
std::optional<IpAddress> server_of(std::string_view word) {
  word = word.substr(0, word.find('#'));
  if (word.starts_with('[')) word = word.substr(1, word.find(']') - 1);
  if (std::ranges::count(word, ':') == 1) word = word.substr(0, word.find(':'));
  const auto address = IpAddress::parse(word.substr(0, word.find('%')));
  return address ? std::optional(*address) : std::nullopt;
}

bool is_yes(std::string_view text) { return text == "yes" || text == "1" || text == "true" || text == "on"; }

void take_domains(std::string_view words, bool all_route_only, StubLink& link) {
  for_each_word(words, [&](std::string_view word) {
    const bool route_only = all_route_only || word.starts_with('~');
    const auto name = word.starts_with('~') ? word.substr(1) : word;
    link.route_only = link.route_only || route_only;
    link.catch_all = link.catch_all || (route_only && name == ".");
  });
}

StubKind stub_of(const IpAddress& address) {
  if (!address.is_loopback()) return StubKind::none;
  if (address == IpAddress::v4({127, 0, 0, 53}) || address == IpAddress::v4({127, 0, 0, 54})) return StubKind::systemd_resolved;
  return address == IpAddress::v4({127, 0, 0, 11}) ? StubKind::docker : StubKind::local;
}

/// "hosts: files resolve [!UNAVAIL=return] dns".
bool uses_resolve(std::string_view name_switch) {
  bool uses = false;
  for_each_line(name_switch, [&](std::string_view line) {
    line = line.substr(0, line.find('#'));
    const auto begin = line.find_first_not_of(spaces);
    if (begin == std::string_view::npos || !line.substr(begin).starts_with("hosts:")) return;
    for_each_word(line.substr(begin + 6), [&](std::string_view word) { uses = uses || word == "resolve"; });
  });
  return uses;
}

std::map<std::uint32_t, std::string> read_links(const ProcessRoot& root, const std::string& folder) {
  std::map<std::uint32_t, std::string> links;
  for (const auto& name : root.names_in(folder, most_links)) {
    std::uint32_t index = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc{} || stop != name.data() + name.size()) continue;
    if (auto file = root.read(fmt::format("{}/{}", folder, name), longest_state)) links[index] = std::move(file->text);
  }
  return links;
}

Result<ProcessRoot> root_of(const ResolverSource& source) {
  return source.process ? ProcessRoot::of(*source.process, source.start) : ProcessRoot::own();
}

/// In the order in which they are looked for: the first that is there counts.
std::vector<std::pair<std::string, std::string>> candidates(const ResolverSource& source) {
  std::vector<std::pair<std::string, std::string>> paths;
  const std::string usual = "etc/resolv.conf";
  if (source.ref.kind == NamespaceRef::Kind::name) {
    const auto own = fmt::format("etc/netns/{}/resolv.conf", source.ref.value);
    paths.emplace_back(own, "/" + own);
  }
  paths.emplace_back(usual, source.process ? fmt::format("/etc/resolv.conf of process {}", *source.process) : "/etc/resolv.conf");
  return paths;
}

void keep(std::vector<WatchPoint> points, ReadResolverFiles& read) { std::ranges::move(points, std::back_inserter(read.points)); }

/// Absent: systemd-resolved has no socket in that root. False also when the kernel could not be asked.
std::optional<bool> socket_is_here(const ProcessRoot& root, const SocketOpener& inside) {
  const auto file = root.find("run/systemd/resolve/io.systemd.Resolve");
  if (!file) return std::nullopt;
  struct statx status {};
  if (::statx(file->get(), "", AT_EMPTY_PATH, STATX_INO, &status) != 0) return false;
  const SocketFile wanted{static_cast<std::uint32_t>(status.stx_ino), status.stx_dev_major << 20U | status.stx_dev_minor};
  return has_listener(inside, wanted).value_or(false);
}

void read_systemd(const ProcessRoot& root, ReadResolverFiles& read) {
  const std::string upstreams = "run/systemd/resolve/resolv.conf";
  if (auto file = root.read(upstreams, longest_resolv_conf)) {
    read.files.upstreams = std::move(file->text);
    read.opened.push_back(std::move(file->file));
  }
  keep(root.watch_points(upstreams), read);
  read.files.network_links = read_links(root, "run/systemd/netif/links");
  read.files.resolver_links = read_links(root, "run/systemd/resolve/netif");
  // Any file of these folders.
  for (const auto* const folder : {"run/systemd/netif/links/", "run/systemd/resolve/netif/"}) keep(root.watch_points(folder), read);
}

}  // namespace

std::optional<StubLink> parse_stub_link(std::uint32_t index, std::string_view text) {
  StubLink link;
  link.index = index;
  for_each_line(text, [&](std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return;
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "DNS" || key == "SERVERS") {
      for_each_word(value, [&](std::string_view word) {
        const auto server = server_of(word);
        if (server && link.servers.size() < most_listed_servers) link.servers.push_back(*server);
      });
    } else if (key == "ROUTE_DOMAINS" || key == "DOMAINS") {
      take_domains(value, key == "ROUTE_DOMAINS", link);
    } else if (key == "DNS_DEFAULT_ROUTE" || key == "DEFAULT_ROUTE") {
      link.default_route = is_yes(value);
    }
  });
  return link.servers.empty() ? std::nullopt : std::optional(link);
}

std::vector<StubLink> ResolverPath::default_links() const {
  const bool claimed = std::ranges::any_of(links, &StubLink::catch_all);
  std::vector<StubLink> chosen;
  for (const auto& link : links) {
    if (claimed ? link.catch_all : link.default_route.value_or(!link.route_only)) chosen.push_back(link);
  }
  return chosen;
}

ResolverPath make_resolver_path(const ResolverFiles& files) {
  ResolverPath path;
  path.file = files.file;
  path.conf = parse_resolv_conf(files.resolv_conf.value_or(std::string()));
  path.servers = path.conf.servers;
  if (path.servers.empty()) path.servers.push_back({IpAddress::v4({127, 0, 0, 1}), {}});
  path.stub = stub_of(path.servers.front().address);
  path.stub_program = files.stub_program;
  path.by_socket = files.socket_is_elsewhere && uses_resolve(files.name_switch);
  if (path.stub == StubKind::docker) {
    for (const auto& item : path.conf.forwarded) {
      if (!item.from_host) path.upstreams.push_back(item.server);
    }
  }
  if (path.stub != StubKind::systemd_resolved) return path;
  const auto upstreams = parse_resolv_conf(files.upstreams);
  path.upstreams = upstreams.servers;
  path.upstreams.insert(path.upstreams.end(), upstreams.not_used.begin(), upstreams.not_used.end());
  auto links = files.network_links;
  for (const auto& [index, text] : files.resolver_links) {
    // What a program told systemd-resolved about a link replaces what the link was configured with.
    if (parse_stub_link(index, text)) links[index] = text;
  }
  for (const auto& [index, text] : links) {
    if (const auto link = parse_stub_link(index, text); link && path.links.size() < most_links) path.links.push_back(*link);
  }
  return path;
}

Result<ReadResolverFiles> read_resolver_files(const ResolverSource& source, const SocketOpener& inside) {
  const bool has_no_process = source.ref.kind == NamespaceRef::Kind::path || source.ref.kind == NamespaceRef::Kind::container;
  if (has_no_process && !source.process) {
    return fail(Error::Kind::unavailable,
                fmt::format("{} does not say which program is meant, so its resolv.conf is not known (use pid: or container:)",
                            source.ref.to_string()));
  }
  const auto root = root_of(source);
  if (!root) return fail(root.error());
  ReadResolverFiles read;
  for (const auto& [path, shown] : candidates(source)) {
    keep(root->watch_points(path), read);
    auto file = root->read(path, longest_resolv_conf + 1);
    read.files.file = shown;
    if (file) {
      read.files.resolv_conf = std::move(file->text);
      read.opened.push_back(std::move(file->file));
      break;
    }
    if (file.error().kind != Error::Kind::not_found) return fail(file.error());
  }
  read.files.socket_is_elsewhere = !socket_is_here(*root, inside).value_or(true);
  if (!read.files.socket_is_elsewhere) read_systemd(*root, read);
  if (auto file = root->read("etc/nsswitch.conf", longest_state)) read.files.name_switch = std::move(file->text);
  return read;
}

void name_stub(ResolverFiles& files, const SocketOpener& inside) {
  files.stub_program.clear();
  const auto path = make_resolver_path(files);
  if (path.stub != StubKind::local) return;
  const auto listeners = list_udp_listeners(inside, Endpoint{path.servers.front().address, dns_port});
  if (!listeners) return;
  if (listeners->empty()) {
    files.stub_program = "no program that listens there";
    return;
  }
  const auto holder = find_socket_holder(*listeners, mono_now() + longest_walk);
  if (holder) files.stub_program = fmt::format("{} (pid {})", holder->comm, holder->pid);
}

}  // namespace vpn_sentinel
