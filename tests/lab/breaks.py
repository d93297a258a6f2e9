"""Ways to break a tunnel, and what is then true about the packets of the protected namespace.

Each break returns the CLOCK_MONOTONIC time (ns) taken immediately before the breaking command. What is true then stands
in truth.py and was measured by really sending (see selfcheck.py, which measures it again).
"""

from __future__ import annotations

import signal
import time

import breaks_ipv6
import breaks_lifecycle
import breaks_routes
import breaks_rules
import netns
import tunnels
from case import OUT, Case, client, end_client, ip
from network import GATEWAY, TABLE, Network
from tunnels import OPENVPN_PORT, OTHER_TUNNEL, WIREGUARD_PORT, Mode


def _kill(net: Network, mode: Mode) -> int:
    return end_client(net, signal.SIGKILL)


def _term(net: Network, mode: Mode) -> int:
    return end_client(net, signal.SIGTERM)


def _link_down(net: Network, mode: Mode) -> int:
    return ip(net, f"link set {mode.device} down")


def _link_del(net: Network, mode: Mode) -> int:
    return ip(net, f"link del {mode.device}")


def _default_replaced(net: Network, mode: Mode) -> int:
    """IPv4 only, as a DHCP client would do it; where the tunnel has two /1 routes, both are replaced."""
    if mode.openvpn:
        return ip(net, f"route replace 0.0.0.0/1 {OUT}", f"route replace 128.0.0.0/1 {OUT}")
    where = "metric 50" if mode.name == "plain" else f"table {TABLE}"
    return ip(net, f"route replace default {OUT} {where}")


def _lower_metric(net: Network, mode: Mode) -> int:
    return ip(net, f"route add default {OUT} metric 10")


def _address_removed(net: Network, mode: Mode) -> int:
    return ip(net, f"addr flush dev {mode.device} scope global")


def _rule_removed(net: Network, mode: Mode) -> int:
    return ip(net, f"rule del not fwmark {TABLE} table {TABLE}")


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
    process = client(net)
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
    return end_client(net, signal.SIGKILL)


def _ipv6_open(net: Network, mode: Mode) -> int:
    return ip(net, f"route add default via {GATEWAY['v6']} dev eth0 metric 10")


def _uplink_down(net: Network, mode: Mode) -> int:
    return ip(net, "link set eth0 down")


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
        Case("ipv6_open", "an IPv6 default via the uplink appears, metric 10", _ipv6_open),
        Case("uplink_down", "the uplink interface is set down", _uplink_down),
        *breaks_routes.CASES,
        *breaks_rules.CASES,
        *breaks_ipv6.CASES,
        *breaks_lifecycle.CASES,
    )
}
