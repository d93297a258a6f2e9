"""Rows of the matrix that are more than one break: other settings, two tunnels, a probe that is restarted, a namespace that is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path

import netns
from breaks_rules import PRIORITY
from case import OUT
from expectations import CONTAINED, DANGER, HEALTHY_WITHIN, SECURE, WARNING, Expected, Row, make_row
from flows import OTHER_USER, USER
from lab import Lab
from network import UPLINK_TABLE
from tunnels import OTHER_TUNNEL
from watcher import Watcher, watching

# Longer than the probe's sweep, once a second.
QUIET_FOR = 1.3
_HOLD_TUN = """
import fcntl, signal, struct, sys
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x1001))
print("ready", flush=True)
signal.pause()
"""


def _refused(watcher: Watcher, expected: Expected, scenario: str, mode: str) -> Row | None:
    """A row for a probe that is not secure to begin with."""
    if watcher.wait(SECURE, (), HEALTHY_WITHIN):
        return None
    return make_row(scenario, mode, expected, None, None, f"not secure at first, last said: {watcher.last}")


def _alarm(watcher: Watcher) -> str:
    """What was said other than secure; empty when nothing was."""
    alarms = [line for line in watcher.listen(QUIET_FOR) if line.state != SECURE]
    return f"false alarm: {alarms[0]}" if alarms else ""


# Two tunnels


@contextmanager
def _second_tunnel(lab: Lab) -> Iterator[None]:
    """Up, with carrier and address, and without any route to the Internet, like a tunnel to an office."""
    holder = lab.popen("vpn", [sys.executable, "-c", _HOLD_TUN, OTHER_TUNNEL], "second-tunnel", stdout=-1, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "ready\n"
        lab.ip("vpn", f"addr add 198.18.9.1/24 dev {OTHER_TUNNEL}", f"link set {OTHER_TUNNEL} up")
        yield
    finally:
        lab.end("second-tunnel")


def _two_tunnels(lab: Lab, binary: Path, mode: str, rule: str, expected: Expected) -> Row:
    scenario = f"two_tunnels_{rule}"
    with (
        _second_tunnel(lab),
        watching(lab, binary, "--tunnel", lab.device, "--tunnel", OTHER_TUNNEL, "--tunnel-rule", rule) as watcher,
    ):
        if refused := _refused(watcher, expected, scenario, mode):
            return refused
        started = lab.ip("vpn", f"link set {OTHER_TUNNEL} down")
        if expected.state == SECURE:
            return make_row(scenario, mode, expected, watcher.last, None, _alarm(watcher))
        line = watcher.wait(expected.state, expected.findings, expected.within)
        lab.ip("vpn", f"link set {OTHER_TUNNEL} up")
        note = "" if watcher.wait(SECURE, (), HEALTHY_WITHIN) else f"not secure again: {watcher.last}"
        return make_row(scenario, mode, expected, line, started, note)


def two_tunnels_any(lab: Lab, binary: Path, mode: str) -> Row:
    """One of two is down, and one is enough."""
    return _two_tunnels(lab, binary, mode, "any", Expected(SECURE))


def two_tunnels_all(lab: Lab, binary: Path, mode: str) -> Row:
    """One of two is down, and both are wanted. Nothing leaks and nothing is dark, as the other one carries."""
    return _two_tunnels(lab, binary, mode, "all", Expected(WARNING, ("tunnel_down",)))


# Split tunnel


def _let_out(uids: str) -> str:
    return f"uidrange {uids} lookup {UPLINK_TABLE} priority {PRIORITY}"


def split_allowed(lab: Lab, binary: Path, mode: str) -> Row:
    """One user is outside on purpose."""
    expected = Expected(SECURE)
    with watching(lab, binary, "--allow-uids", "2000-2999") as watcher:
        if refused := _refused(watcher, expected, "split_allowed", mode):
            return refused
        lab.ip("vpn", f"route add default {OUT} table {UPLINK_TABLE}", f"rule add {_let_out('2000-2999')}")
        note = _alarm(watcher)
        if (way := lab.way_of(USER)) != "direct":
            note = f"the lab's allowed user goes {way}"
        lab.ip("vpn", f"rule del {_let_out('2000-2999')}", f"route del default table {UPLINK_TABLE}")
        return make_row("split_allowed", mode, expected, watcher.last, None, note)


def split_abused(lab: Lab, binary: Path, mode: str) -> Row:
    """One user is outside on purpose, and another one joins."""
    expected = Expected(DANGER, ("rule_changed",), evidence="3000")
    lab.ip("vpn", f"route add default {OUT} table {UPLINK_TABLE}", f"rule add {_let_out('2000-2999')}")
    try:
        with watching(lab, binary, "--allow-uids", "2000-2999") as watcher:
            if refused := _refused(watcher, expected, "split_abused", mode):
                return refused
            started = lab.ip("vpn", f"rule add {_let_out('3000-3000')}")
            line = watcher.wait(expected.state, expected.findings, expected.within)
            way = lab.way_of(OTHER_USER)
            note = "" if way == "direct" else f"the lab's other user goes {way}"
            if line and expected.evidence not in line.evidence:
                note = f"the evidence does not name {expected.evidence!r}: {line.evidence}"
            lab.ip("vpn", f"rule del {_let_out('3000-3000')}")
            if line and not watcher.wait(SECURE, (), HEALTHY_WITHIN):
                note = f"not secure again: {watcher.last}"
            return make_row("split_abused", mode, expected, line, started, note)
    finally:
        lab.ip("vpn", f"rule del {_let_out('2000-2999')}", f"route del default table {UPLINK_TABLE}")


# The probe and the namespace come and go


def probe_restarted(lab: Lab, binary: Path, mode: str) -> Row:
    """A probe that starts in the middle of a leak says danger with its first word."""
    expected = Expected(DANGER, ("default_route_outside",))
    with watching(lab, binary) as watcher:
        if refused := _refused(watcher, expected, "probe_restarted", mode):
            return refused
        lab.break_tunnel("default_replaced")
        before = watcher.wait(expected.state, expected.findings, expected.within)
    started = time.monotonic_ns()
    with watching(lab, binary) as watcher:
        said = watcher.listen(expected.within, most=1)
    lab.heal()
    line = said[0] if said and said[0].state == DANGER else None
    note = "" if before and line else f"before the restart: {before}, first word after it: {said}"
    return make_row("probe_restarted", mode, expected, line, started, note)


def namespace_anew(lab: Lab, binary: Path) -> Row:
    """The namespace is deleted and made again under its name."""
    expected = Expected(WARNING, ("namespace_gone",), by_event=False)
    name = lab.prefix + "anew"
    netns.create([name])
    try:
        with watching(lab, binary, netns=name) as watcher:
            attached = watcher.wait(CONTAINED, ("tunnel_missing",), HEALTHY_WITHIN)
            started = time.monotonic_ns()
            netns.delete([name])
            line = watcher.wait(expected.state, expected.findings, expected.within)
            netns.create([name])
            again = watcher.wait(CONTAINED, ("tunnel_missing",), expected.within)
        note = "" if attached and again else f"attached: {attached}, attached again: {again}"
        return make_row("namespace_anew", "none", expected, line, started, note)
    finally:
        netns.delete([name])


WITHOUT_VPN: dict[str, Callable[[Lab, Path], Row]] = {"namespace_anew": namespace_anew}
IN_ALL_MODES: dict[str, Callable[[Lab, Path, str], Row]] = {
    "two_tunnels_any": two_tunnels_any,
    "two_tunnels_all": two_tunnels_all,
    "split_allowed": split_allowed,
    "split_abused": split_abused,
    "probe_restarted": probe_restarted,
}
ALL = (*WITHOUT_VPN, *IN_ALL_MODES)
