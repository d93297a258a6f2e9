#!/usr/bin/env python3
"""200,000 route changes at a time in the watched namespace, a leak made or mended among them: is the verdict right in the end, and when?

    flood.py --build FOLDER [--routes N]

Prints how long the kernel took for the changes and when the right verdict came, counted from the last of them (negative: before).
The changes are far more than the receive buffer of a netlink socket holds, so messages are lost and everything must be read anew.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import netns
from case import OUT
from expectations import DANGER, HEALTHY_WITHIN, SECURE
from lab import Lab
from lab_requirements import skip_unless_possible
from netlink_routes import change_requests, lost_messages, send
from watcher import Watcher, watching

# From the last change on. Routes are right after a second (a second look comes at the latest with the sweep, and a full table is read in
# 0.1 s); that the exit was seen outside ends only when its services have answered anew, which a busy machine takes its time for.
RIGHT_WITHIN = 20.0
STAYS_FOR = 2.5
ROUTES = 100_000
_LEAK = f"default {OUT} metric 10"
_PREFIX = f"198.18.0.0/24 {OUT}"


@dataclass(frozen=True)
class Flood:
    """`first` and `last` are the changes before and after `among`, which makes or mends a leak."""

    name: str
    first: list[bytes]
    among: str
    last: list[bytes]
    state: str


def floods(index: int, routes: int) -> Sequence[Flood]:
    """Of host routes into the tunnel, which let nothing out."""
    add, remove = (change_requests(adds, index, routes) for adds in (True, False))
    return (
        Flood("a default by the uplink appears", add, f"route add {_LEAK}", remove, DANGER),
        Flood("it disappears", add, f"route del {_LEAK}", remove, SECURE),
        Flood("a /24 by the uplink appears, the table stays full", add + remove, f"route add {_PREFIX}", add, DANGER),
        Flood("it disappears from the full table", remove, f"route del {_PREFIX}", add, SECURE),
    )


def carry_out(lab: Lab, flood: Flood) -> tuple[int, int]:
    """The CLOCK_MONOTONIC times (ns) before the first and after the last change."""
    among = netns.ReadyIp(lab.netns("vpn"))
    started = time.monotonic_ns()
    lab.call("vpn", send, flood.first)
    among.run([flood.among])
    lab.call("vpn", send, flood.last)
    return started, time.monotonic_ns()


def right_since(watcher: Watcher, state: str, deadline: float) -> int | None:
    """When the last line came that says `state` with no other after it for STAYS_FOR; None when the last line says something else."""
    since = None
    started = time.monotonic()
    while (now := time.monotonic()) < deadline and watcher.process.poll() is None:
        if since is not None and now - max(since / 1e9, started) >= STAYS_FOR:
            break
        for line in watcher.listen(min(STAYS_FOR, deadline - now)):
            if line.state != state:
                since = None
            elif since is None:
                since = line.received_ns
    return since


def show(lab: Lab, watcher: Watcher, flood: Flood) -> bool:
    lost = lab.call("vpn", lost_messages)
    started, ended = carry_out(lab, flood)
    since = right_since(watcher, flood.state, time.monotonic() + RIGHT_WITHIN)
    expected = {DANGER: "direct", SECURE: "tunnel"}[flood.state]
    way = lab.ways()["v4"]
    after = (since - ended) / 1e9 if since else None
    passed = way == expected and after is not None
    lost = lab.call("vpn", lost_messages) - lost
    told = f"{after:+.3f} s" if after is not None else f"never, last said {watcher.last}"
    text = f"{flood.name}: {(ended - started) / 1e9:.2f} s of changes, {lost} messages lost, {flood.state} {told}"
    print(text if passed else f"{text}  FAILED: packets go {way}", flush=True)
    return passed


def index_of(lab: Lab) -> int:
    return lab.call("vpn", socket.if_nametoindex, lab.device)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with vpn-sentinel-probe")
    parser.add_argument("--routes", type=int, default=ROUTES, help="half of the changes of a flood")
    given = parser.parse_args()
    skip_unless_possible()
    with Lab() as lab:
        lab.start("plain")
        with watching(lab, given.build.resolve() / "vpn-sentinel-probe") as watcher:
            if watcher.wait(SECURE, (), HEALTHY_WITHIN) is None:
                print(f"not secure to begin with: {watcher.last}")
                return 1
            passed = [show(lab, watcher, flood) for flood in floods(index_of(lab), given.routes)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
