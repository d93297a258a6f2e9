"""Ways by which IPv6 alone leaves: a router advertisement, a rule, a route for all of the Internet."""

from __future__ import annotations

import socket
import struct
import time

import netns
from case import OUT6, Case, ip, undo
from network import Network
from tunnels import Mode

_INTERNET = f"2000::/3 {OUT6} metric 10"
_ROUTER_ADVERTISEMENT = 134
_ALL_NODES = "ff02::1"


def _advertise(device: str, lifetime: int) -> int:
    """Sends what a router sends (RFC 4861, section 4.2); a lifetime of 0 s takes it back. Returns the time just before."""
    message = struct.pack("!BBHBBHII", _ROUTER_ADVERTISEMENT, 0, 0, 64, 0, lifetime, 0, 0)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        # Anything that could come from beyond the link is ignored by receivers.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(device))
        started = time.monotonic_ns()
        sock.sendto(message, (_ALL_NODES, 0, 0, socket.if_nametoindex(device)))
    return started


def _advertisement(net: Network, mode: Mode) -> int:
    netns.sysctl(net.name("vpn"), {"ipv6/conf/eth0/accept_ra": 2})
    return netns.call(net.name("host"), _advertise, "to-vpn", 1800)


def _mend_advertisement(net: Network, mode: Mode) -> None:
    netns.call(net.name("host"), _advertise, "to-vpn", 0)


def _rule(net: Network, mode: Mode) -> int:
    return ip(net, "rule add lookup main priority 50", family="-6")


def _internet(net: Network, mode: Mode) -> int:
    return ip(net, f"route add {_INTERNET}")


CASES = (
    Case(
        "router_advertisement",
        "a router on the uplink announces itself",
        _advertisement,
        mend=_mend_advertisement,
        ipv6="none",
    ),
    Case(
        "ipv6_rule",
        "a rule has IPv6 ask the main table first",
        _rule,
        frozenset({"wg-quick", "gluetun"}),
        undo("-6 rule del lookup main priority 50"),
        ipv6="tunnelled",
    ),
    Case("ipv6_internet", "a 2000::/3 route via the uplink", _internet, mend=undo(f"route del {_INTERNET}"), ipv6="tunnelled"),
)
