#!/usr/bin/env python3
"""The truth matrix: every way to lose a tunnel, in every kind of routing, against what the probe says.

    matrix.py --build FOLDER [--mode MODE…] [--case CASE…] [--repeat N] [--json FILE]

Prints `scenario | mode | expected | got | finding | detected after` and fails on any difference. What is expected follows from
truth.py, which is measured by really sending packets; the control run proves that the lab can see a leak at all. A scenario passes
when the probe publishes the expected state with the expected finding in time, still says so a moment later, and turns secure again
after the tunnel is mended.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from breaks import CASES
from lab import Lab
from network import DNS
from lab_requirements import skip_unless_possible
from truth import broken, healthy
from tunnels import MODES

SECURE, WARNING, CONTAINED, DANGER = "secure", "warning", "contained", "danger"
HEALTHY_WITHIN = 15.0
# Kernel events are told at once; what only an unanswered question shows takes liveness_interval x liveness_failures.
EVENT_WITHIN, SILENCE_WITHIN = 0.25, 8.0
# A slow machine may take longer, but then the line must name a kernel event: the probe's sweep, once a second, finds every break too.
SLOW_EVENT_WITHIN = 5.0
TIMED_CAUSES = ("periodic look", "check", "start")
# The sweep may come in the very moment of the break and be first by chance.
CHANCE_WITHIN = 0.05
STAYS_FOR = 0.4
# Longer than the sweep's second: a false alarm of the sweep counts too.
QUIET_FOR = 1.3


@dataclass(frozen=True)
class Expected:
    state: str
    finding: str | None
    within: float = SLOW_EVENT_WITHIN
    by_event: bool = True


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


@dataclass(frozen=True)
class Line:
    received_ns: int
    state: str
    findings: tuple[str, ...]
    cause: str


class Watcher:
    """`vpn-sentinel-probe watch --json` in `host`, as a user would run it, with the lab's services as its settings."""

    def __init__(self, lab: Lab, binary: Path) -> None:
        argv = [
            str(binary), "watch", "--json", "--config", str(lab.folder / "empty.toml"),
            "--netns", f"name:{lab.netns('vpn')}", "--client-id", "matrix",
            "--trace-urls", "https://trace.lab.test/cdn-cgi/trace", "--resolvers", DNS["v4"], "--whoami-servers", DNS["v4"],
            "--liveness-server", DNS["v4"], "--ca-file", str(lab.ca_file), "--timeout", "3s",
        ]  # fmt: skip
        (lab.folder / "empty.toml").write_text("")
        self.process = lab.popen("host", argv, "watch", stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines: queue.Queue[Line] = queue.Queue()
        self.last: Line | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self.process.stdout:
            received = time.monotonic_ns()
            value = json.loads(text)
            codes = tuple(finding["code"] for finding in value["findings"])
            self.lines.put(Line(received, value["state"], codes, value["cause"]))

    def wait(self, state: str, finding: str | None, seconds: float) -> Line | None:
        """The first line that says so; None when the time is over."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.last = self.lines.get(timeout=left)
            except queue.Empty:
                return None
            if self.last.state == state and (finding is None or finding in self.last.findings):
                return self.last
        return None

    def listen(self, seconds: float) -> list[Line]:
        """Every line of a moment in which changes may come."""
        heard = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.last = self.lines.get(timeout=left)
            except queue.Empty:
                break
            heard.append(self.last)
        return heard

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(5)


@contextmanager
def watching(lab: Lab, binary: Path) -> Iterator[Watcher]:
    watcher = Watcher(lab, binary)
    try:
        yield watcher
    finally:
        watcher.close()


FINDING_OF_CASE = {
    "kill": "tunnel_missing",
    "term": "tunnel_missing",
    "link_down": "tunnel_down",
    "link_del": "tunnel_missing",
    "address_removed": "tunnel_no_address",
    "uplink_down": "uplink_lost",
    "owner_dies": "tunnel_down",
    "unreachable_default": "tunnel_missing",
}
RESTARTS = ("restart", "restart_beside")


def expected_of(mode: str, case: str, ipv6: str) -> Expected:
    """From what packets really do to what must be said about it."""
    if case in RESTARTS:
        return Expected(SECURE, None, HEALTHY_WITHIN, by_event=False)
    ways = broken(mode, case, ipv6)
    if case == "server_dies":
        return Expected(WARNING, "tunnel_stalled", SILENCE_WITHIN, by_event=False)
    if "direct" in ways.values():
        return Expected(DANGER, "default_route_outside" if ways["v4"] == "direct" else "ipv6_outside")
    if "tunnel" in ways.values():
        return Expected(SECURE, None)
    return Expected(CONTAINED, FINDING_OF_CASE[case])


def describe(state: str, finding: str | None) -> str:
    return f"{state} {finding}" if finding else state


def make_row(scenario: str, mode: str, expected: Expected, line: Line | None, started_ns: int | None, note: str = "") -> Row:
    """`started_ns` is None where nothing was broken, so there is nothing to detect."""
    passed = line is not None and not note
    detected = (line.received_ns - started_ns) / 1e6 if line and started_ns else None
    got = line.state if line else "nothing in time"
    return Row(scenario, mode, describe(expected.state, expected.finding), got, " ".join(line.findings) if line else "", detected, passed, note)


def run_control(lab: Lab, binary: Path) -> Row:
    """Without a VPN the lab must see the leak with real packets, and the probe must say danger."""
    lab.start("none")
    ways = lab.ways()
    note = "" if ways == {"v4": "direct", "v6": "direct"} else f"the lab cannot see a leak: {ways}"
    started = time.monotonic_ns()
    expected = Expected(DANGER, "default_route_outside", 5.0)
    with watching(lab, binary) as watcher:
        line = watcher.wait(expected.state, expected.finding, expected.within)
    return make_row("control: no VPN", "none", expected, line, started, note)


def run_healthy(lab: Lab, watcher: Watcher, mode: str, ipv6: str) -> Row:
    protected = "direct" not in healthy(mode, ipv6).values()
    expected = Expected(SECURE, None, HEALTHY_WITHIN) if protected else Expected(DANGER, "ipv6_outside", HEALTHY_WITHIN)
    line = watcher.wait(expected.state, expected.finding, expected.within)
    scenario = {"tunnelled": "healthy", "open": "v4 tunnelled, v6 open", "none": "v4 tunnelled, no v6"}[ipv6]
    return make_row(scenario, mode, expected, line, None)


def run_case(lab: Lab, watcher: Watcher, mode: str, case: str) -> Row:
    expected = expected_of(mode, case, lab.ipv6)
    quiet = expected.state == SECURE and case not in RESTARTS
    started = lab.break_tunnel(case)
    if quiet:
        line, note = still_secure(watcher)
    else:
        line, note = told_in_time(watcher, expected, started)
    if not note and case not in (*RESTARTS, "server_dies") and lab.ways() != broken(mode, case, lab.ipv6):
        note = f"the lab disagrees with its own table: {lab.ways()}"
    row = make_row(case, mode, expected, line, None if quiet else started, note)
    lab.heal()
    if not quiet and case not in RESTARTS and not watcher.wait(SECURE, None, HEALTHY_WITHIN):
        row = Row(**{**asdict(row), "passed": False, "note": f"{row.note} not secure again after mending: {watcher.last}".strip()})
    watcher.listen(STAYS_FOR)
    return row


def still_secure(watcher: Watcher) -> tuple[Line | None, str]:
    """A change that leaks nothing must raise no alarm, not even for a moment."""
    alarms = [line for line in watcher.listen(QUIET_FOR) if line.state != SECURE]
    if alarms:
        return alarms[0], f"false alarm, cause: {alarms[0].cause}"
    return watcher.last, ""


def late(line: Line, expected: Expected, started_ns: int) -> str:
    """Why the line does not count as told by the kernel's event; empty when it does."""
    seconds = (line.received_ns - started_ns) / 1e9
    if expected.by_event and line.cause in TIMED_CAUSES and seconds > CHANCE_WITHIN:
        return f"found by {line.cause!r}, the kernel's event was not heard"
    if expected.by_event and seconds > EVENT_WITHIN:
        print(f"  slow: {seconds:.3f} s after the break, cause: {line.cause}", flush=True)
    return ""


def told_in_time(watcher: Watcher, expected: Expected, started_ns: int) -> tuple[Line | None, str]:
    line = watcher.wait(expected.state, expected.finding, expected.within)
    if line is None:
        return None, f"last said: {watcher.last}"
    heard = watcher.listen(STAYS_FOR)
    # OpenVPN gives up a silent server by itself; only then may a stalled tunnel turn into danger.
    if heard and heard[-1].state != expected.state:
        return line, f"then said {heard[-1].state} {' '.join(heard[-1].findings)}"
    return line, late(line, expected, started_ns)


def run_mode(lab: Lab, binary: Path, mode: str, cases: list[str]) -> Iterator[Row]:
    lab.start(mode, "tunnelled")
    with watching(lab, binary) as watcher:
        yield run_healthy(lab, watcher, mode, "tunnelled")
        for case in cases:
            if CASES[case].applies(mode):
                yield run_case(lab, watcher, mode, case)
    for ipv6 in ("open", "none"):
        lab.start(mode, ipv6)
        with watching(lab, binary) as watcher:
            yield run_healthy(lab, watcher, mode, ipv6)


HEADER = ("scenario", "mode", "expected", "got", "finding", "detected after")


def print_row(cells: tuple[str, ...]) -> None:
    widths = (22, 9, 36, 10, 52, 14)
    print(" | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip(), flush=True)


def show(row: Row) -> None:
    after = f"{row.detected_ms:.1f} ms" if row.detected_ms is not None else "-"
    print_row((row.scenario, row.mode, row.expected, row.got, row.finding, after + ("" if row.passed else f"  FAILED: {row.note or 'see got'}")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with vpn-sentinel-probe")
    parser.add_argument("--mode", nargs="*", choices=list(MODES), default=list(MODES))
    parser.add_argument("--case", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    skip_unless_possible()
    binary = given.build.resolve() / "vpn-sentinel-probe"
    rows: list[Row] = []
    print_row(HEADER)
    with Lab() as lab:
        for _ in range(given.repeat):
            rows.append(run_control(lab, binary))
            show(rows[-1])
            for mode in given.mode:
                for row in run_mode(lab, binary, mode, given.case):
                    rows.append(row)
                    show(row)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    failed = [row for row in rows if not row.passed]
    print(f"\n{len(rows) - len(failed)} of {len(rows)} scenarios as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
