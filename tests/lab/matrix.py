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
EVENT_WITHIN, SILENCE_WITHIN = 1.0, 8.0
STAYS_FOR = 0.4


@dataclass(frozen=True)
class Expected:
    state: str
    finding: str | None
    within: float = EVENT_WITHIN


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

    def settle(self, seconds: float) -> Line | None:
        """The last line after a moment in which changes may still come."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.last = self.lines.get(timeout=left)
            except queue.Empty:
                break
        return self.last

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
    "unreachable_default": "tunnel_missing",
}


def expected_of(mode: str, case: str, ipv6: str) -> Expected:
    """From what packets really do to what must be said about it."""
    if case == "restart":
        return Expected(SECURE, None, HEALTHY_WITHIN)
    ways = broken(mode, case, ipv6)
    if case == "server_dies":
        return Expected(WARNING, "tunnel_stalled", SILENCE_WITHIN)
    if "direct" in ways.values():
        return Expected(DANGER, "default_route_outside" if ways["v4"] == "direct" else "ipv6_outside")
    if "tunnel" in ways.values():
        return Expected(SECURE, None)
    return Expected(CONTAINED, FINDING_OF_CASE[case])


def describe(state: str, finding: str | None) -> str:
    return f"{state} {finding}" if finding else state


def make_row(scenario: str, mode: str, expected: Expected, line: Line | None, started_ns: int, note: str = "") -> Row:
    passed = line is not None and not note
    detected = (line.received_ns - started_ns) / 1e6 if line else None
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
    started = time.monotonic_ns()
    protected = "direct" not in healthy(mode, ipv6).values()
    expected = Expected(SECURE, None, HEALTHY_WITHIN) if protected else Expected(DANGER, "ipv6_outside", HEALTHY_WITHIN)
    line = watcher.wait(expected.state, expected.finding, expected.within)
    scenario = {"tunnelled": "healthy", "open": "v4 tunnelled, v6 open", "none": "v4 tunnelled, no v6"}[ipv6]
    return make_row(scenario, mode, expected, line, started)


def run_case(lab: Lab, watcher: Watcher, mode: str, case: str) -> Row:
    expected = expected_of(mode, case, lab.ipv6)
    quiet = expected.state == SECURE and case != "restart"
    started = lab.break_tunnel(case)
    if quiet:
        line, note = still_secure(watcher, started)
    else:
        line, note = told_in_time(watcher, expected)
    if not note and case not in ("restart", "server_dies") and lab.ways() != broken(mode, case, lab.ipv6):
        note = f"the lab disagrees with its own table: {lab.ways()}"
    row = make_row(case, mode, expected, line, started, note)
    lab.heal()
    if not quiet and case != "restart" and not watcher.wait(SECURE, None, HEALTHY_WITHIN):
        row = Row(**{**asdict(row), "passed": False, "note": f"{row.note} not secure again after mending: {watcher.last}".strip()})
    watcher.settle(STAYS_FOR)
    return row


def still_secure(watcher: Watcher, started: int) -> tuple[Line | None, str]:
    """A change that leaks nothing must raise no alarm."""
    line = watcher.settle(EVENT_WITHIN)
    if line is None or line.state != SECURE:
        return line, "false alarm"
    return Line(started, line.state, line.findings, line.cause), ""


def told_in_time(watcher: Watcher, expected: Expected) -> tuple[Line | None, str]:
    line = watcher.wait(expected.state, expected.finding, expected.within)
    if line is None:
        return None, f"last said: {watcher.last}"
    later = watcher.settle(STAYS_FOR)
    # OpenVPN gives up a silent server by itself; only then may a stalled tunnel turn into danger.
    if later is not None and later.state != expected.state:
        return line, f"then said {later.state} {' '.join(later.findings)}"
    return line, ""


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
