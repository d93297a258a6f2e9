"""The lab's network: five namespaces, their links and addresses, and the processes that run in them.

    vpn eth0 198.18.50.2 ---- 198.18.50.1 host (NAT) eth0 203.0.113.10 ---- inet ---- vpnsrv 198.51.100.2 (NAT)
        tun0/wg0 198.19.0.2 =================== tunnel ========================== 198.19.0.1
                                      inet: DNS 198.18.0.53, HTTP(S) 198.18.0.80, Telegram 198.18.0.44
                                      inet ---- hub 198.18.100.2

`vpn` is the protected namespace, behind `host` as a container is behind its bridge; `host` is where a probe stands.
There is no way from here to the machine's own network, and every address is from a range kept for documentation or
benchmarks. So an address that a service in `inet` sees has one meaning: DIRECT is a leak, EXIT went by the tunnel.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import netns
from process import Identity, LabError, end, run, spawn
from record import Record, exclusive

SPACES = ("inet", "vpnsrv", "host", "vpn", "hub")

DIRECT = {"v4": "203.0.113.10", "v6": "2001:db8:10::10"}
EXIT = {"v4": "198.51.100.2", "v6": "2001:db8:20::2"}
HUB = {"v4": "198.18.100.2", "v6": "2001:db8:30::2"}
UPLINK = {"v4": "198.18.50.2", "v6": "2001:db8:50::2"}
GATEWAY = {"v4": "198.18.50.1", "v6": "2001:db8:50::1"}
DNS = {"v4": "198.18.0.53", "v6": "2001:db8:53::53"}
WEB = {"v4": "198.18.0.80", "v6": "2001:db8:80::80"}
PUBLIC_DNS = "198.18.0.99"  # of a public resolver, which asks from here too
TELEGRAM = "198.18.0.44"
SERVER = "198.51.100.2"
NEIGHBOUR = "198.51.100.80"  # of the server, in `inet`: what a route wider than the endpoint's lets out
TUNNEL_NETS = ("198.19.0.0/24", "2001:db8:ff::/64")

IPV6_CHOICES = ("tunnelled", "open", "none")
# What wg-quick and gluetun call their extra routing table, and the mark that exempts the tunnel's own packets from it.
TABLE = 51820
# A table of nobody's, for rules that let packets out.
UPLINK_TABLE = 100


def _masquerade(v4: str, v6: str) -> str:
    return (
        "table inet nat {\nchain post { type nat hook postrouting priority srcnat;\n"
        f'ip saddr {v4} oifname "eth0" masquerade\nip6 saddr {v6} oifname "eth0" masquerade\n}}\n}}\n'
    )


class Network:
    """Builds, restores and removes the namespaces of one lab, and keeps its record true."""

    def __init__(self, record: Record, die_with_owner: bool) -> None:
        self.record = record
        self.folder: Path = record.folder
        self._die_with_owner = die_with_owner
        self._children: dict[str, subprocess.Popen] = {}

    # Namespaces

    def name(self, space: str) -> str:
        if space not in SPACES:
            raise LabError(f"no namespace {space!r}; there are {', '.join(SPACES)}")
        return self.record.prefix + space

    def names(self) -> list[str]:
        return [self.name(space) for space in SPACES]

    def reserve(self) -> None:
        """Claims the prefix by writing the record; refuses when there is such a lab already."""
        with exclusive():
            if any(netns.path(name).exists() for name in self.names()) or self.record.exists():
                prefix = self.record.prefix
                raise LabError(f"there already is a lab {prefix!r}; remove it with: lab.py --prefix {prefix} down")
            self.record.save()

    def build(self) -> None:
        with exclusive():
            netns.create(self.names())
        for space in SPACES:
            self._set_up_kernel(space)
        self._connect("host", "to-host", "203.0.113", "2001:db8:10:", 10)
        self._connect("vpnsrv", "to-vpnsrv", "198.51.100", "2001:db8:20:", 2)
        self._connect("hub", "to-hub", "198.18.100", "2001:db8:30:", 2)
        self._connect("vpn", "to-vpn", "198.18.50", "2001:db8:50:", 2, router="host")
        services = [*DNS.values(), *WEB.values(), PUBLIC_DNS, TELEGRAM, NEIGHBOUR]
        netns.ip(self.name("inet"), [f"addr add {address} dev lo" for address in services])
        # A neighbour that answers for everybody, as an attacker's would, for whom the whole Internet is "local".
        netns.sysctl(self.name("host"), {"ipv4/conf/to-vpn/proxy_arp": 1})
        # The leg of a multipath route is chosen by ports too, so that a few flows by one process show all legs.
        netns.sysctl(self.name("vpn"), {"ipv4/fib_multipath_hash_policy": 1})
        netns.nft(self.name("host"), _masquerade("198.18.50.0/24", "2001:db8:50::/64"))
        netns.nft(self.name("vpnsrv"), _masquerade(*TUNNEL_NETS))
        for space in SPACES:
            self.resolv_conf(space).parent.mkdir(parents=True, exist_ok=True)
            self.resolv_conf(space).write_text(f"nameserver {DNS['v4']}\n")
        self.restore_vpn()

    def resolv_conf(self, space: str) -> Path:
        """What `ip netns exec` gives programs of a namespace as /etc/resolv.conf, and what the probe takes for theirs."""
        return Path("/etc/netns", self.name(space), "resolv.conf")

    def destroy(self) -> None:
        """Ends every process of the lab and removes its namespaces and its record; works on half a lab as well."""
        recorded = list(self.record.processes.values())
        end([*recorded, *netns.processes_in(self.names())], grace=0)
        for child in self._children.values():
            child.wait(5)
        self._children.clear()
        with exclusive():
            netns.delete(self.names())
            for space in SPACES:
                shutil.rmtree(self.resolv_conf(space).parent, ignore_errors=True)
            self.record.remove()

    def _set_up_kernel(self, space: str) -> None:
        router = int(space in ("inet", "vpnsrv", "host"))
        values = {
            "ipv4/ip_forward": router,
            "ipv6/conf/all/forwarding": router,
            # New namespaces may copy these from the machine; the lab wants the kernel's own defaults.
            "ipv4/conf/all/rp_filter": 0,
            "ipv4/conf/default/rp_filter": 0,
            "ipv4/conf/all/src_valid_mark": 1,
            "ipv6/conf/all/disable_ipv6": 0,
            "ipv6/conf/default/disable_ipv6": 0,
            # Duplicate detection would keep link-local addresses unusable for the first seconds.
            "ipv6/conf/all/accept_dad": 0,
            "ipv6/conf/default/accept_dad": 0,
        }
        netns.sysctl(self.name(space), values)

    def _connect(self, space: str, device: str, net4: str, net6: str, number: int, router: str = "inet") -> None:
        netns.ip(
            self.name(router),
            [
                "link set lo up",
                f"link add {device} type veth peer name eth0 netns {self.name(space)}",
                f"addr add {net4}.1/24 dev {device}",
                f"addr add {net6}:1/64 dev {device} nodad",
                f"link set {device} up",
            ],
        )
        netns.ip(
            self.name(space),
            [
                "link set lo up",
                f"addr add {net4}.{number}/24 dev eth0",
                f"addr add {net6}:{number}/64 dev eth0 nodad",
                "link set eth0 up",
                f"route add default via {net4}.1 dev eth0",
                f"-6 route add default via {net6}:1 dev eth0",
            ],
        )

    def restore_vpn(self) -> None:
        """Puts links, addresses, routes and rules of `vpn` back to how a container starts, whatever happened to them.

        The normal default route comes first and the rest is taken away after it, so that a watcher sees no moment
        without a route. nftables are left alone: they belong to who made them.
        """
        vpn = self.name("vpn")
        lines = [
            "link set lo up",
            "link set eth0 up",
            f"addr replace {UPLINK['v4']}/24 dev eth0",
            f"addr replace {UPLINK['v6']}/64 dev eth0 nodad",
            f"route replace default via {GATEWAY['v4']} dev eth0",
        ]
        if self.record.ipv6 != "none":
            lines.append(f"-6 route replace default via {GATEWAY['v6']} dev eth0 metric 1024")
        netns.ip(vpn, lines)
        netns.ip(vpn, [*self._stray_rules(), *self._stray_routes()], force=True)

    def _stray_rules(self) -> list[str]:
        lines = []
        for family in ("-4", "-6"):
            rules = json.loads(run(["ip", "-n", self.name("vpn"), family, "-j", "rule", "show"]) or "[]")
            own = [rule["priority"] for rule in rules if rule["priority"] not in (0, 32766, 32767)]
            lines += [f"{family} rule del priority {priority}" for priority in own]
        return lines

    def _stray_routes(self) -> list[str]:
        lines = [f"{family} route flush table {table}" for family in ("-4", "-6") for table in (TABLE, UPLINK_TABLE)]
        for family, name in (("-4", "v4"), ("-6", "v6")):
            routes = json.loads(run(["ip", "-n", self.name("vpn"), family, "-j", "route", "show"]) or "[]")
            for route in routes:
                normal = route["dst"] == "default" and route.get("gateway") == GATEWAY[name]
                normal = normal and route.get("metric", 0) in (0, 1024)
                wanted = normal and (name == "v4" or self.record.ipv6 != "none")
                if route.get("protocol") == "kernel" or wanted:
                    continue
                kind = route.get("type", "")
                device = f"dev {route['dev']}" if "dev" in route else ""
                lines.append(f"{family} route del {kind} {route['dst']} {device} metric {route.get('metric', 0)}")
        return lines

    # Processes

    def popen(
        self, space: str, argv: Sequence[str], name: str, log: Path | None = None, **options: object
    ) -> subprocess.Popen:
        """Starts a recorded background process in a namespace."""
        child = spawn(netns.enter(self.name(space), argv), log, self._die_with_owner, **options)
        self._children[name] = child
        identity = Identity.of(child.pid)
        if identity is not None:
            self.record.processes[name] = identity
            self.record.save()
        return child

    def process(self, name: str) -> Identity | None:
        """A recorded process, if it still runs."""
        identity = self.record.processes.get(name)
        return identity if identity is not None and identity.alive() else None

    def end(self, *names: str, grace: float = 2.0) -> None:
        recorded = [self.record.processes.pop(name) for name in names if name in self.record.processes]
        end(recorded, grace)
        for name in names:
            with contextlib.suppress(KeyError):
                self._children.pop(name).wait(5)
        self.record.save()
