"""What the probe has to say, which follows from what packets really do (truth.py), and a row of the matrix."""

from __future__ import annotations

from dataclasses import dataclass

from breaks import CASES
from truth import broken, flow_way
from watcher import Line

SECURE, WARNING, CONTAINED, DANGER = "secure", "warning", "contained", "danger"
HEALTHY_WITHIN = 15.0
# What only an unanswered question shows takes liveness_interval x liveness_failures.
SILENCE_WITHIN = 8.0
# A slow machine may take longer than a fraction of a second to tell a kernel event.
SLOW_EVENT_WITHIN = 5.0
LEAKS = ("direct", "mixed")
RESTARTS = ("restart", "restart_beside")


@dataclass(frozen=True)
class Expected:
    state: str
    findings: tuple[str, ...] = ()
    within: float = SLOW_EVENT_WITHIN
    by_event: bool = True
    evidence: str = ""  # must be in it

    def __str__(self) -> str:
        return " ".join((self.state, *self.findings))


@dataclass(frozen=True)
class Row:
    scenario: str
    mode: str
    expected: str
    got: str
    finding: str
    detected_ms: float | None
    passed: bool
    note: str = ""


CONTAINED_BY = {
    "kill": "tunnel_missing",
    "term": "tunnel_missing",
    "link_down": "tunnel_down",
    "link_del": "tunnel_missing",
    "address_removed": "tunnel_no_address",
    "uplink_down": "uplink_lost",
    "owner_dies": "tunnel_down",
    "unreachable_default": "tunnel_missing",
    "blackhole_default": "tunnel_missing",
    "prohibit_default": "tunnel_missing",
    "moved": "tunnel_missing",
    "renamed": "tunnel_replaced",
    "replaced": "tunnel_replaced",
    "enslaved": "tunnel_not_routed",
}
# Where the leak has more of a name than that a default route or IPv6 goes outside.
LEAKS_BY = {
    "quarters": ("route_injected", "default_route_outside"),
    "prefix": ("route_injected",),
    "host_route": ("route_injected",),
    "local_network": ("route_captures_local",),
    "endpoint_wider": ("endpoint_route_misused",),
    "replaced": ("default_route_outside", "tunnel_replaced"),
    "leg": ("default_route_outside",),
    "leg_of_group": ("default_route_outside",),
    "rule_mark": ("rule_changed",),
    "rule_uids": ("rule_changed",),
    "rule_udp_port": ("rule_changed",),
    "rule_tcp_port": ("rule_changed",),
}
# What the evidence has to name: the prefix, for whom a rule lets out, who made a route.
NAMED = {
    "quarters": "/2",
    "prefix": "198.18.0.0/24",
    "host_route": "198.18.0.80",
    "local_network": "198.0.0.0/8",
    "endpoint_wider": "198.51.100.0/24",
    "rule_mark": "0x77",
    "rule_uids": "2000",
    "rule_udp_port": "5353",
    "rule_tcp_port": "443",
    "rule_source": "198.18.50.2",
    "router_advertisement": "router_advertisement",
}


def expected_of(mode: str, case: str, ipv6: str) -> Expected:
    """From what packets really do to what must be said about it."""
    if case in RESTARTS:
        return Expected(SECURE, (), HEALTHY_WITHIN, by_event=False)
    if case == "server_dies":
        return Expected(WARNING, ("tunnel_stalled",), SILENCE_WITHIN, by_event=False)
    if case == "rule_source":
        # Whoever binds to the uplink's address asks for that way: a change of the rules, told within the sweep's second.
        return Expected(WARNING, ("rule_changed",), SLOW_EVENT_WITHIN, by_event=False, evidence=NAMED[case])
    ways = broken(mode, case, ipv6)
    leaks = {family for family, way in (ways or {}).items() if way in LEAKS}
    if leaks or (CASES[case].flow and flow_way(case) in LEAKS):
        by_family = "default_route_outside" if "v4" in leaks else "ipv6_outside"
        return Expected(DANGER, LEAKS_BY.get(case, (by_family,)), evidence=NAMED.get(case, ""))
    if ways and "tunnel" in ways.values():
        return Expected(SECURE)
    return Expected(CONTAINED, (CONTAINED_BY[case],))


def make_row(scenario: str, mode: str, expected: Expected, line: Line | None, started_ns: int | None, note: str = "") -> Row:
    """`started_ns` is None where nothing was broken, so there is nothing to detect."""
    passed = line is not None and not note
    detected = (line.received_ns - started_ns) / 1e6 if line and started_ns else None
    got = line.state if line else "nothing in time"
    return Row(scenario, mode, str(expected), got, " ".join(line.findings) if line else "", detected, passed, note)
