/// Which resolver the programs of a namespace use, and what stands behind it: resolv.conf(5), and what systemd-resolved(8) and Docker leave
/// in files. Pure but for read_resolver_files().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/clients/resolv_conf.hpp"
#include "netns/namespace/namespace_ref.hpp"
#include "netns/namespace/process_root.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// A link as systemd-networkd or systemd-resolved writes it down (/run/systemd/netif/links/INDEX, /run/systemd/resolve/netif/INDEX).
struct StubLink {
  std::uint32_t index = 0;
  std::vector<IpAddress> servers;
  std::optional<bool> default_route;  ///< DNS_DEFAULT_ROUTE, DEFAULT_ROUTE; absent: decided by `route_only`
  bool route_only = false;            ///< it has domains that only steer: it does not volunteer for other names
  bool catch_all = false;             ///< "~.": it takes all names, and no other link gets them
  friend bool operator==(const StubLink&, const StubLink&) = default;
};

enum class StubKind : std::uint8_t {
  none,              ///< the first server is no loopback address
  systemd_resolved,  ///< 127.0.0.53 or .54
  docker,            ///< 127.0.0.11: the engine answers, and may ask from the host's namespace
  local,             ///< another program on loopback: dnsmasq, unbound, gluetun's own
};

struct ResolverPath {
  std::string file;  ///< as told to people: "/etc/netns/vpn/resolv.conf", "/etc/resolv.conf of process 4242"
  ResolvConf conf;
  std::vector<NameServer> servers;  ///< never empty: without a "nameserver" line glibc asks 127.0.0.1
  StubKind stub = StubKind::none;
  std::string stub_program;  ///< see ResolverFiles
  std::vector<NameServer>
      upstreams;                ///< behind systemd-resolved, all links' servers and the global ones; behind Docker those of the container
  std::vector<StubLink> links;  ///< systemd-resolved's, those with servers only
  /// libnss-resolve (nsswitch.conf) asks systemd-resolved by a Unix socket, which lives in the namespace of its server, not of the program.
  bool by_socket = false;
  friend bool operator==(const ResolverPath&, const ResolverPath&) = default;

  /// Docker's engine asks some server from the host's namespace.
  [[nodiscard]] bool has_host_forward() const noexcept { return stub == StubKind::docker && conf.has_host_forward(); }
  /// Links to whose servers systemd-resolved sends a name that no domain claims: all of them in parallel.
  [[nodiscard]] std::vector<StubLink> default_links() const;
};

/// The texts, as the process sees them.
struct ResolverFiles {
  std::string file;                                     ///< where resolv_conf was read, for people
  std::optional<std::string> resolv_conf;               ///< absent: there is no such file
  std::string upstreams;                                ///< /run/systemd/resolve/resolv.conf
  std::map<std::uint32_t, std::string> network_links;   ///< by index, of /run/systemd/netif/links
  std::map<std::uint32_t, std::string> resolver_links;  ///< of /run/systemd/resolve/netif, which win
  std::string name_switch;                              ///< nsswitch.conf(5)
  bool socket_is_elsewhere = false;                     ///< systemd-resolved's Unix socket is there, its server in another namespace
  std::string stub_program;                             ///< "dnsmasq (pid 42)": see name_stub(); empty: not known
  friend bool operator==(const ResolverFiles&, const ResolverFiles&) = default;
};

[[nodiscard]] ResolverPath make_resolver_path(const ResolverFiles& files);

/// KEY=VALUE lines of one link. Absent: it has no servers. Pure; exposed for tests.
[[nodiscard]] std::optional<StubLink> parse_stub_link(std::uint32_t index, std::string_view text);

/// Whose files are meant.
struct ResolverSource {
  NamespaceRef ref;                    ///< decides what `process` is, and is told
  std::optional<pid_t> process;        ///< of pid:, of path:/proc/PID/ns/net, of container:
  std::optional<std::uint64_t> start;  ///< when it began
  friend bool operator==(const ResolverSource&, const ResolverSource&) = default;
};

/// What was read, and what has to be watched so that a change is noticed.
struct ReadResolverFiles {
  ResolverFiles files;
  std::vector<WatchPoint> points;
  std::vector<Fd> opened;  ///< the files themselves: a bind mount shows no change in its folder
};

/// name: as `ip netns exec` does it, /etc/netns/NAME/resolv.conf before the host's; self: the caller's own. `inside` opens sockets of the
/// watched namespace: what systemd-resolved of another one left in files says nothing about this one. Blocks, maybe for ever: for
/// patient_look(). unavailable: path: names a file that shows no process.
[[nodiscard]] Result<ReadResolverFiles> read_resolver_files(const ResolverSource& source, const SocketOpener& inside);

/// Where the programs' first server is another program on loopback (StubKind::local): which one holds UDP port 53 there. `inside` as above.
/// Blocks for some milliseconds, at most 0.2 s, to look through the open files of all processes.
void name_stub(ResolverFiles& files, const SocketOpener& inside);

}  // namespace vpn_sentinel
