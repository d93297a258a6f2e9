"""What is true about the packets of `vpn`, in health and after each break: measured, see selfcheck.py.

`direct` is a leak, `tunnel` is protected, `nothing` means that no packet gets an answer, `mixed` that some leak.
"""

from __future__ import annotations

Ways = dict[str, str]

_LEAKS = ("direct", "direct")
_LEAKS_V4 = ("direct", "tunnel")
_LEAKS_V6 = ("tunnel", "direct")
_SAFE = ("tunnel", "tunnel")
_DARK = ("nothing", "nothing")

# mode -> case -> (IPv4, IPv6) for a tunnel that carries both families.
_TUNNELLED: dict[str, dict[str, tuple[str, str] | None]] = {
    "openvpn": {
        "kill": _LEAKS,
        "term": _LEAKS,
        "link_down": _LEAKS,
        "link_del": _LEAKS,
        "default_replaced": _LEAKS_V4,
        "lower_metric": _SAFE,  # the two /1 routes are more specific
        "address_removed": ("direct", "nothing"),  # IPv6 enters the tunnel with an address that the server refuses
        "server_dies": _DARK,  # until ping-restart, see LATER
        "restart": _SAFE,
        "restart_beside": _SAFE,
        "owner_dies": _DARK,
        "unreachable_default": _DARK,
        "ipv6_open": _SAFE,  # as lower_metric
        "uplink_down": _DARK,
    },
    "wg-quick": {
        "kill": _LEAKS,
        "term": _LEAKS,
        "link_down": _LEAKS,
        "link_del": _LEAKS,
        "default_replaced": _LEAKS_V4,
        "lower_metric": _SAFE,  # suppress_prefixlength 0 ignores default routes of main
        "address_removed": ("direct", "nothing"),
        "rule_removed": _LEAKS_V4,
        "server_dies": _DARK,
        "restart": _SAFE,
        "restart_beside": _SAFE,
        "unreachable_default": _DARK,
        "ipv6_open": _SAFE,
        "uplink_down": _DARK,
    },
    "gluetun": {
        "kill": _LEAKS,
        "term": _LEAKS,
        "link_down": _LEAKS,
        "link_del": _LEAKS,
        "default_replaced": _LEAKS_V4,
        "lower_metric": _SAFE,  # rule 101 comes before main
        "address_removed": ("direct", "nothing"),
        "rule_removed": _LEAKS_V4,
        "server_dies": _DARK,
        "restart": _SAFE,
        "restart_beside": _SAFE,
        "unreachable_default": _DARK,
        "ipv6_open": _SAFE,
        "uplink_down": _DARK,
    },
    "plain": {  # no other default route is left, so losing the tunnel means silence and not a leak
        "kill": _DARK,
        "term": _DARK,
        "link_down": _DARK,
        "link_del": _DARK,
        "default_replaced": _LEAKS_V4,
        "lower_metric": _LEAKS_V4,
        "address_removed": _DARK,
        "server_dies": _DARK,
        "restart": _SAFE,
        "restart_beside": _SAFE,
        "unreachable_default": _DARK,
        "ipv6_open": _LEAKS_V6,
        "uplink_down": _DARK,
    },
}

# case -> mode -> the same for the breaks that most modes feel alike; None: the flow says it all, ordinary packets may do either.
_MORE: dict[str, dict[str, tuple[str, str] | None]] = {
    # In wg-quick main is asked for everything but defaults; gluetun's rule 101 comes before main.
    "quarters": {**dict.fromkeys(("openvpn", "wg-quick", "plain"), _LEAKS_V4), "gluetun": _SAFE},
    "prefix": {**dict.fromkeys(("openvpn", "wg-quick", "plain"), _LEAKS_V4), "gluetun": _SAFE},
    "host_route": {**dict.fromkeys(("openvpn", "wg-quick", "plain"), ("mixed", "tunnel")), "gluetun": _SAFE},
    "local_network": {**dict.fromkeys(("openvpn", "wg-quick", "plain"), _LEAKS_V4), "gluetun": _SAFE},
    "endpoint_wider": dict.fromkeys(("openvpn", "plain"), _SAFE),
    "leg": dict.fromkeys(_TUNNELLED),
    "leg_of_group": dict.fromkeys(_TUNNELLED),
    "rule_mark": dict.fromkeys(_TUNNELLED, _SAFE),
    "rule_uids": dict.fromkeys(_TUNNELLED, _SAFE),
    "rule_udp_port": dict.fromkeys(_TUNNELLED, _SAFE),
    "rule_tcp_port": dict.fromkeys(_TUNNELLED, _SAFE),
    "rule_source": dict.fromkeys(_TUNNELLED, _SAFE),
    "rule_order": dict.fromkeys(("wg-quick", "gluetun"), _LEAKS_V4),
    "rule_harmless": dict.fromkeys(_TUNNELLED, _SAFE),
    "router_advertisement": dict.fromkeys(_TUNNELLED, _LEAKS_V6),
    "ipv6_rule": dict.fromkeys(("wg-quick", "gluetun"), _LEAKS_V6),
    # OpenVPN's own two /4 routes are more specific.
    "ipv6_internet": {"openvpn": _SAFE, "wg-quick": _LEAKS_V6, "gluetun": _SAFE, "plain": _LEAKS_V6},
    "blackhole_default": dict.fromkeys(_TUNNELLED, _DARK),
    "prohibit_default": dict.fromkeys(_TUNNELLED, _DARK),
    "moved": {**dict.fromkeys(("openvpn", "wg-quick", "gluetun"), _LEAKS), "plain": _DARK},
    "renamed": {**dict.fromkeys(("openvpn", "wg-quick", "gluetun"), _LEAKS), "plain": _DARK},
    "replaced": {**dict.fromkeys(("openvpn", "wg-quick", "gluetun"), _LEAKS), "plain": _DARK},
    "enslaved": {**dict.fromkeys(("openvpn", "wg-quick", "gluetun"), _LEAKS), "plain": _DARK},
    "soft_restart": {"openvpn": _LEAKS},  # for a second, see LATER
}
for _case, _modes in _MORE.items():
    for _mode, _found in _modes.items():
        _TUNNELLED[_mode][_case] = _found

# What the packets do that the case is about, where it names a flow.
_FLOWS: dict[str, str] = {
    "endpoint_wider": "direct",
    "leg": "mixed",
    "leg_of_group": "mixed",
    "rule_mark": "direct",
    "rule_uids": "direct",
    "rule_udp_port": "direct",
    "rule_tcp_port": "direct",
    "rule_source": "direct",
}

# What becomes true only later: OpenVPN notices a silent server after ping-restart (10 s unless `start` was told
# otherwise), removes its routes, and from then on everything leaves directly.
LATER: dict[tuple[str, str], tuple[str, str]] = {("openvpn", "server_dies"): _LEAKS, ("openvpn", "soft_restart"): _SAFE}


def healthy(mode: str, ipv6: str) -> Ways:
    """A working tunnel, or for mode none the control without one."""
    v4 = "direct" if mode == "none" else "tunnel"
    v6 = {"tunnelled": v4, "open": "direct", "none": "nothing"}[ipv6]
    return {"v4": v4, "v6": v6}


def flow_in_health(case: str) -> str:
    """What the flow of the case does before the break. The server refuses what has not the tunnel's address."""
    return "nothing" if case == "rule_source" else "tunnel"


def flow_way(case: str) -> str:
    """What the flow of the case does within a second of the break: `direct`, or `mixed` when only some of its packets do."""
    return _FLOWS[case]


def broken(mode: str, case: str, ipv6: str) -> Ways | None:
    """What is true within a second of the break; None: ordinary packets may do either, only the flow tells."""
    return _ways(_TUNNELLED[mode][case], case, ipv6)


def broken_later(mode: str, case: str, ipv6: str) -> Ways | None:
    """What is true in the end; differs from `broken` only for the cases in LATER."""
    return _ways(LATER.get((mode, case), _TUNNELLED[mode][case]), case, ipv6)


# IPv6 has a way out beside the tunnel in spite of having none at first, or none in spite of having one.
_OPENS_IPV6 = ("ipv6_open", "router_advertisement")
_CLOSES_IPV6 = ("unreachable_default", "blackhole_default", "prohibit_default", "uplink_down")


def _ways(tunnelled: tuple[str, str] | None, case: str, ipv6: str) -> Ways | None:
    """A tunnel that carries only IPv4 does not change what IPv6 does: it leaves, or has no way out."""
    if tunnelled is None:
        return None
    v4, v6 = tunnelled
    if ipv6 == "open":
        v6 = "nothing" if case in _CLOSES_IPV6 else "direct"
    elif ipv6 == "none":
        v6 = "direct" if case in _OPENS_IPV6 else "nothing"
    return {"v4": v4, "v6": v6}
