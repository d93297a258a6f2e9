"""Breaks by routes: injected ones, local networks that are not, a misused endpoint route, one leg of several."""

from __future__ import annotations

from flows import BESIDE_ENDPOINT, MANY_FLOWS
from case import OUT, Case, default_routes, ip, prepare, undo
from network import GATEWAY, SERVER, UPLINK, WEB, Network
from tunnels import Mode
import netns

QUARTERS = ("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2")
SERVICES = "198.18.0.0/24"
# What a DHCP server gives away with a netmask of 255.0.0.0: the services are "local" then.
WIDE_ADDRESS = f"{UPLINK['v4']}/8"
WITH_ENDPOINT_ROUTE = frozenset({"openvpn", "plain"})
HOP_UPLINK, HOP_TUNNEL, HOP_GROUP = 71, 72, 73


def _quarters(net: Network, mode: Mode) -> int:
    return ip(net, *(f"route add {quarter} {OUT}" for quarter in QUARTERS))


def _prefix(net: Network, mode: Mode) -> int:
    return ip(net, f"route add {SERVICES} {OUT}")


def _host(net: Network, mode: Mode) -> int:
    return ip(net, f"route add {WEB['v4']}/32 {OUT}")


def _local(net: Network, mode: Mode) -> int:
    return ip(net, f"addr add {WIDE_ADDRESS} dev eth0")


def _endpoint_wider(net: Network, mode: Mode) -> int:
    return ip(net, f"route add 198.51.100.0/24 {OUT}", f"route del {SERVER}/32")


def _leg(net: Network, mode: Mode) -> int:
    routes = default_routes(mode)
    return ip(net, *(f"route replace {where} nexthop {OUT} nexthop {way}" for where, way in routes))


def _mend_leg(net: Network, mode: Mode) -> None:
    netns.ip(net.name("vpn"), [f"route replace {where} {way}" for where, way in default_routes(mode)])


def _leg_of_group(net: Network, mode: Mode) -> int:
    routes = default_routes(mode)
    prepare(
        net,
        f"nexthop replace id {HOP_UPLINK} {OUT}",
        f"nexthop replace id {HOP_TUNNEL} {routes[0][1]}",
        f"nexthop replace id {HOP_GROUP} group {HOP_TUNNEL}/{HOP_UPLINK}",
    )
    return ip(net, *(f"route replace {where} nhid {HOP_GROUP}" for where, _ in routes))


def _mend_leg_of_group(net: Network, mode: Mode) -> None:
    _mend_leg(net, mode)
    hops = [f"nexthop del id {hop}" for hop in (HOP_GROUP, HOP_UPLINK, HOP_TUNNEL)]
    netns.ip(net.name("vpn"), hops, force=True)


CASES = (
    Case("quarters", "four /2 routes via the uplink", _quarters, mend=undo(*(f"route del {quarter} {OUT}" for quarter in QUARTERS))),
    Case("prefix", "a /24 route via the uplink", _prefix, mend=undo(f"route del {SERVICES} {OUT}")),
    Case("host_route", "a host route via the uplink that is not for the VPN server", _host, mend=undo(f"route del {WEB['v4']}/32 {OUT}")),
    Case("local_network", "the uplink's network is a /8", _local, mend=undo(f"addr del {WIDE_ADDRESS} dev eth0")),
    Case(
        "endpoint_wider",
        "the route to the VPN server becomes a /24",
        _endpoint_wider,
        WITH_ENDPOINT_ROUTE,
        undo(f"route add {SERVER}/32 {OUT}", f"route del 198.51.100.0/24 via {GATEWAY['v4']}"),
        BESIDE_ENDPOINT,
    ),
    Case("leg", "one leg of a multipath default is the uplink", _leg, mend=_mend_leg, flow=MANY_FLOWS),
    Case("leg_of_group", "one next hop of a default's group is the uplink", _leg_of_group, mend=_mend_leg_of_group, flow=MANY_FLOWS),
)
