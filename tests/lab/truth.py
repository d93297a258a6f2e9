"""What is true about the packets of `vpn`, in health and after each break: measured, see selfcheck.py.

`direct` is a leak, `tunnel` is protected, `nothing` means that no packet gets an answer.
"""

from __future__ import annotations

Ways = dict[str, str]

_LEAKS = ("direct", "direct")
_LEAKS_V4 = ("direct", "tunnel")
_LEAKS_V6 = ("tunnel", "direct")
_SAFE = ("tunnel", "tunnel")
_DARK = ("nothing", "nothing")

# mode -> case -> (IPv4, IPv6) for a tunnel that carries both families.
_TUNNELLED: dict[str, dict[str, tuple[str, str]]] = {
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

# What becomes true only later: OpenVPN notices a silent server after ping-restart (10 s unless `start` was told
# otherwise), removes its routes, and from then on everything leaves directly.
LATER: dict[tuple[str, str], tuple[str, str]] = {("openvpn", "server_dies"): _LEAKS}


def healthy(mode: str, ipv6: str) -> Ways:
    """A working tunnel, or for mode none the control without one."""
    v4 = "direct" if mode == "none" else "tunnel"
    v6 = {"tunnelled": v4, "open": "direct", "none": "nothing"}[ipv6]
    return {"v4": v4, "v6": v6}


def broken(mode: str, case: str, ipv6: str) -> Ways:
    """What is true within a second of the break."""
    return _ways(_TUNNELLED[mode][case], case, ipv6)


def broken_later(mode: str, case: str, ipv6: str) -> Ways:
    """What is true in the end; differs from `broken` only for the cases in LATER."""
    return _ways(LATER.get((mode, case), _TUNNELLED[mode][case]), case, ipv6)


def _ways(tunnelled: tuple[str, str], case: str, ipv6: str) -> Ways:
    """A tunnel that carries only IPv4 does not change what IPv6 does: it leaves, or has no way out."""
    v4, v6 = tunnelled
    if ipv6 == "open":
        v6 = "nothing" if case in ("unreachable_default", "uplink_down") else "direct"
    elif ipv6 == "none":
        v6 = "direct" if case == "ipv6_open" else "nothing"
    return {"v4": v4, "v6": v6}
