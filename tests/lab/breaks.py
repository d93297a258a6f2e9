"""Ways to break a tunnel, and what is then true about the packets of the protected namespace.

Each break returns the CLOCK_MONOTONIC time (ns) taken immediately before the breaking command. TRUTH was measured by
really sending (see selfcheck.py, which measures it again).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import netns
import tunnels
from network import GATEWAY, SERVER, TABLE, Network
from process import Identity, LabError, wait_until
from tunnels import CLIENT, OPENVPN_PORT, OTHER_TUNNEL, WIREGUARD_PORT, Mode

Action = Callable[[Network, Mode], int]
_OUT = f"via {GATEWAY['v4']} dev eth0"


def _client(net: Network) -> Identity:
    process = net.process(CLIENT)
    if process is None:
        raise LabError("the VPN client does not run")
    return process


def _signal(net: Network, sig: int) -> int:
    """Signals the client and waits until it is gone, because only then its device is gone for certain."""
    process = _client(net)
    started = time.monotonic_ns()
    process.send(sig)
    wait_until(lambda: not process.alive(), 5, "the VPN client ends", 0.001)
    return started


def _ip(net: Network, *lines: str) -> int:
    return netns.ReadyIp(net.name("vpn")).run(lines)


def _kill(net: Network, mode: Mode) -> int:
    return _signal(net, signal.SIGKILL)


def _term(net: Network, mode: Mode) -> int:
    return _signal(net, signal.SIGTERM)


def _link_down(net: Network, mode: Mode) -> int:
    return _ip(net, f"link set {mode.device} down")


def _link_del(net: Network, mode: Mode) -> int:
    return _ip(net, f"link del {mode.device}")


def _default_replaced(net: Network, mode: Mode) -> int:
    """IPv4 only, as a DHCP client would do it; where the tunnel has two /1 routes, both are replaced."""
    if mode.openvpn:
        return _ip(net, f"route replace 0.0.0.0/1 {_OUT}", f"route replace 128.0.0.0/1 {_OUT}")
    where = "metric 50" if mode.name == "plain" else f"table {TABLE}"
    return _ip(net, f"route replace default {_OUT} {where}")


def _lower_metric(net: Network, mode: Mode) -> int:
    return _ip(net, f"route add default {_OUT} metric 10")


def _address_removed(net: Network, mode: Mode) -> int:
    return _ip(net, f"addr flush dev {mode.device} scope global")


def _rule_removed(net: Network, mode: Mode) -> int:
    return _ip(net, f"rule del not fwmark {TABLE} table {TABLE}")


def _server_dies(net: Network, mode: Mode) -> int:
    """Silently: no ICMP, no closed socket; packets of the tunnel just vanish, both ways."""
    ports = f"{{ {OPENVPN_PORT}, {WIREGUARD_PORT} }}"
    rules = (
        "table inet lab_cut {\n"
        f"chain in {{ type filter hook input priority -300; udp dport {ports} drop; }}\n"
        f"chain out {{ type filter hook output priority -300; udp sport {ports} drop; }}\n}}\n"
    )
    started = time.monotonic_ns()
    netns.nft(net.name("vpnsrv"), rules)
    return started


def mend_server(net: Network) -> None:
    netns.nft(net.name("vpnsrv"), "add table inet lab_cut\ndelete table inet lab_cut\n")


def _restart(net: Network, mode: Mode) -> int:
    """The daemon ends politely and comes back: a new interface with the old name."""
    process = _client(net)
    started = time.monotonic_ns()
    process.send(signal.SIGTERM)
    tunnels.stop_client(net)
    tunnels.start(net, mode)
    return started


def _restart_beside(net: Network, mode: Mode) -> int:
    """As restart, beside another tunnel that stays and carries nothing, like a split tunnel to an office."""
    lines = [f"tuntap add dev {OTHER_TUNNEL} mode tun", f"addr add 198.18.9.1/24 dev {OTHER_TUNNEL}", f"link set {OTHER_TUNNEL} up"]
    netns.ip(net.name("vpn"), lines)
    return _restart(net, mode)


def _owner_dies(net: Network, mode: Mode) -> int:
    """A persistent tun, as systemd-networkd or `openvpn --mktun` makes it, outlives its client: up, with address and routes, but without
    carrier."""
    tunnels.stop_client(net)
    netns.ip(net.name("vpn"), [f"tuntap add dev {mode.device} mode tun"])
    tunnels.start(net, mode)
    return _signal(net, signal.SIGKILL)


def _unreachable_default(net: Network, mode: Mode) -> int:
    """A kill switch made of routes: in place first, so nothing leaves at any moment; then the daemon is killed, and
    the last way out, the route to the server, is closed too."""
    netns.ip(
        net.name("vpn"),
        [
            f"route replace {SERVER} {_OUT}",
            "route add unreachable default metric 900",
            "-6 route add unreachable default metric 1900",
        ],
    )
    closed = [f"route del default {_OUT}", f"-6 route del default via {GATEWAY['v6']} dev eth0"]
    netns.ip(net.name("vpn"), closed, force=True)
    started = _signal(net, signal.SIGKILL)
    netns.ip(net.name("vpn"), [f"route del {SERVER}"])
    return started


def _ipv6_open(net: Network, mode: Mode) -> int:
    return _ip(net, f"route add default via {GATEWAY['v6']} dev eth0 metric 10")


def _uplink_down(net: Network, mode: Mode) -> int:
    return _ip(net, "link set eth0 down")


@dataclass(frozen=True)
class Case:
    """`modes` names where the case makes sense; None means everywhere."""

    name: str
    meaning: str
    action: Action
    modes: frozenset[str] | None = None

    def applies(self, mode: str) -> bool:
        return mode in tunnels.MODES and (self.modes is None or mode in self.modes)


CASES = {
    case.name: case
    for case in (
        Case("kill", "the VPN client is killed (SIGKILL)", _kill),
        Case("term", "the VPN client is ended (SIGTERM)", _term),
        Case("link_down", "the tunnel interface is set down", _link_down),
        Case("link_del", "the tunnel interface is deleted", _link_del),
        Case("default_replaced", "the tunnel's IPv4 default route now points to the uplink", _default_replaced),
        Case("lower_metric", "a second IPv4 default via the uplink, metric 10", _lower_metric),
        Case("address_removed", "the tunnel interface loses its addresses", _address_removed),
        Case("rule_removed", "the IPv4 policy rule is removed", _rule_removed, frozenset({"wg-quick", "gluetun"})),
        Case("server_dies", "the VPN server falls silent", _server_dies),
        Case("restart", "the VPN client is restarted: new interface index", _restart),
        Case("restart_beside", "the VPN client is restarted beside another tunnel", _restart_beside),
        Case("owner_dies", "the client of a persistent tun is killed", _owner_dies, frozenset({"openvpn"})),
        Case("unreachable_default", "a route kill switch holds and the client is killed", _unreachable_default),
        Case("ipv6_open", "an IPv6 default via the uplink appears, metric 10", _ipv6_open),
        Case("uplink_down", "the uplink interface is set down", _uplink_down),
    )
}
