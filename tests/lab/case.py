"""What a way to break a tunnel consists of, and the few things that most of them need."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import netns
import tunnels
from flows import Flow
from network import GATEWAY, TABLE, Network
from process import Identity, LabError, wait_until
from tunnels import CLIENT, Mode

Action = Callable[[Network, Mode], int]
OUT = f"via {GATEWAY['v4']} dev eth0"
OUT6 = f"via {GATEWAY['v6']} dev eth0"


@dataclass(frozen=True)
class Case:
    """`modes` names where the case makes sense; None means everywhere.

    `mend` takes back just what `action` did; without it the client is restarted. `flow` are the packets that the case is
    about when ordinary ones tell nothing. `ipv6` is the kind of IPv6 that it needs. `possible` gives a reason where this
    machine's kernel cannot do it.
    """

    name: str
    meaning: str
    action: Action
    modes: frozenset[str] | None = None
    mend: Callable[[Network, Mode], None] | None = None
    flow: Flow | None = None
    ipv6: str = "any"
    possible: Callable[[], str | None] = lambda: None

    def applies(self, mode: str) -> bool:
        return mode in tunnels.MODES and (self.modes is None or mode in self.modes)


def client(net: Network) -> Identity:
    process = net.process(CLIENT)
    if process is None:
        raise LabError("the VPN client does not run")
    return process


def end_client(net: Network, sig: signal.Signals) -> int:
    """Signals the client and waits until it is gone, because only then its device is gone for certain."""
    process = client(net)
    started = time.monotonic_ns()
    process.send(sig)
    wait_until(lambda: not process.alive(), 5, "the VPN client ends", 0.001)
    return started


def ip(net: Network, *lines: str, family: str = "") -> int:
    """Carries the commands out; returns the CLOCK_MONOTONIC time (ns) just before the first."""
    return netns.ReadyIp(net.name("vpn"), family).run(lines)


def prepare(net: Network, *lines: str) -> None:
    """What must be there before the break and changes nothing by itself."""
    netns.ip(net.name("vpn"), lines)


def undo(*lines: str) -> Callable[[Network, Mode], None]:
    """A `mend` of these commands; each is tried, because the break may have failed half-way."""
    return lambda net, mode: netns.ip(net.name("vpn"), lines, force=True)


def default_routes(mode: Mode) -> list[tuple[str, str]]:
    """What leads IPv4 into the tunnel: the destinations with their table or metric, and the way."""
    if mode.openvpn:
        return [(half, f"via 198.19.0.1 dev {mode.device}") for half in ("0.0.0.0/1", "128.0.0.0/1")]
    where = "default metric 50" if mode.name == "plain" else f"default table {TABLE}"
    return [(where, f"dev {mode.device}")]
