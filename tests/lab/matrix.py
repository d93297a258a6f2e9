#!/usr/bin/env python3
"""The truth matrix: every way to lose a tunnel, in every kind of routing, against what the probe says.

    matrix.py --build FOLDER [--mode MODE…] [--case CASE…] [--scenario NAME…] [--repeat N] [--json FILE]

Prints `scenario | mode | expected | got | finding | detected after` and fails on any difference. What is expected follows from
truth.py, which is measured by really sending packets; the control run proves that the lab can see a leak at all. A scenario passes
when the probe publishes the expected state with the expected finding in time, still says so a moment later, and turns secure again
after the tunnel is mended.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import scenarios
from breaks import CASES
from expectations import DANGER, HEALTHY_WITHIN, RESTARTS, SECURE, Expected, Row, expected_of, make_row
from lab import Lab
from lab_requirements import skip_unless_possible
from network import IPV6_CHOICES
from truth import broken, flow_way, healthy
from tunnels import MODES
from watcher import Line, Watcher, watching

# Kernel events are told at once.
EVENT_WITHIN = 0.25
# Later than that a line must name a kernel event: the probe's sweep, once a second, finds every break too.
TIMED_CAUSES = ("periodic look", "check", "start")
# The sweep may come in the very moment of the break and be first by chance.
CHANCE_WITHIN = 0.05
STAYS_FOR = 0.4
# Longer than the sweep's second: a false alarm of the sweep counts too.
QUIET_FOR = 1.3
# Breaks after which the truth changes by itself.
PASSING = (*RESTARTS, "server_dies", "soft_restart")


def run_control(lab: Lab, binary: Path) -> Row:
    """Without a VPN the lab must see the leak with real packets, and the probe must say danger."""
    lab.start("none")
    ways = lab.ways()
    note = "" if ways == {"v4": "direct", "v6": "direct"} else f"the lab cannot see a leak: {ways}"
    started = time.monotonic_ns()
    expected = Expected(DANGER, ("default_route_outside",))
    with watching(lab, binary) as watcher:
        line = watcher.wait(expected.state, expected.findings, expected.within)
    return make_row("control: no VPN", "none", expected, line, started, note)


def run_healthy(lab: Lab, watcher: Watcher, mode: str, ipv6: str) -> Row:
    protected = "direct" not in healthy(mode, ipv6).values()
    expected = Expected(SECURE, (), HEALTHY_WITHIN) if protected else Expected(DANGER, ("ipv6_outside",), HEALTHY_WITHIN)
    line = watcher.wait(expected.state, expected.findings, expected.within)
    scenario = {"tunnelled": "healthy", "open": "v4 tunnelled, v6 open", "none": "v4 tunnelled, no v6"}[ipv6]
    return make_row(scenario, mode, expected, line, None)


def run_case(lab: Lab, watcher: Watcher, mode: str, case: str) -> Row:
    if reason := CASES[case].possible():
        return Row(case, mode, f"SKIPPED: {reason}", "", "", None, True)
    expected = expected_of(mode, case, lab.ipv6)
    quiet = expected.state == SECURE and case not in RESTARTS
    started = lab.break_tunnel(case)
    if quiet:
        line, note = still_secure(watcher)
    else:
        line, note = told_in_time(watcher, expected, started)
    row = make_row(case, mode, expected, line, None if quiet else started, note or disagreement(lab, mode, case))
    lab.mend(case)
    if watcher.last is None or (watcher.last.state != SECURE and not watcher.wait(SECURE, (), HEALTHY_WITHIN)):
        row = replace(row, passed=False, note=f"{row.note} not secure again after mending: {watcher.last}".strip())
    watcher.listen(STAYS_FOR)
    return row


def disagreement(lab: Lab, mode: str, case: str) -> str:
    """What packets do now, unless it is what the table says."""
    if case in PASSING:
        return ""
    flow = CASES[case].flow
    if flow is not None and (way := lab.way_of(flow)) != flow_way(case):
        return f"the lab disagrees with its own table: {flow.name} goes {way}"
    ordinary = broken(mode, case, lab.ipv6)
    if ordinary is not None and (ways := lab.ways()) != ordinary:
        return f"the lab disagrees with its own table: {ways}"
    return ""


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
    line = watcher.wait(expected.state, expected.findings, expected.within)
    if line is None:
        return None, f"last said: {watcher.last}"
    if expected.evidence not in line.evidence:
        return line, f"the evidence does not name {expected.evidence!r}: {line.evidence}"
    heard = watcher.listen(STAYS_FOR)
    # OpenVPN gives up a silent server by itself; only then may a stalled tunnel turn into danger.
    if heard and heard[-1].state != expected.state:
        return line, f"then said {heard[-1].state} {' '.join(heard[-1].findings)}"
    return line, late(line, expected, started_ns)


def run_cases(lab: Lab, watcher: Watcher, mode: str, cases: list[str]) -> Iterator[Row]:
    """Those that make sense here. What needs a certain kind of IPv6 is run with it only, everything else with `tunnelled`."""
    for case in (CASES[name] for name in cases if CASES[name].applies(mode)):
        if lab.ipv6 == ("tunnelled" if case.ipv6 == "any" else case.ipv6):
            yield run_case(lab, watcher, mode, case.name)


def run_mode(lab: Lab, binary: Path, mode: str, cases: list[str], chosen: list[str]) -> Iterator[Row]:
    for ipv6 in IPV6_CHOICES:
        lab.start(mode, ipv6)
        with watching(lab, binary) as watcher:
            yield run_healthy(lab, watcher, mode, ipv6)
            yield from run_cases(lab, watcher, mode, cases)
        if ipv6 == "tunnelled":
            yield from (scenarios.IN_ALL_MODES[name](lab, binary, mode) for name in chosen if name in scenarios.IN_ALL_MODES)


HEADER = ("scenario", "mode", "expected", "got", "finding", "detected after")


def print_row(cells: tuple[str, ...]) -> None:
    widths = (24, 9, 44, 10, 52, 14)
    print(" | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip(), flush=True)


def show(row: Row) -> None:
    after = f"{row.detected_ms:.1f} ms" if row.detected_ms is not None else "-"
    print_row((row.scenario, row.mode, row.expected, row.got, row.finding, after + ("" if row.passed else f"  FAILED: {row.note or 'see got'}")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with vpn-sentinel-probe")
    parser.add_argument("--mode", nargs="*", choices=list(MODES), default=list(MODES))
    parser.add_argument("--case", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--scenario", nargs="*", choices=list(scenarios.ALL), default=list(scenarios.ALL))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    return parser.parse_args()


def run_all(lab: Lab, binary: Path, given: argparse.Namespace) -> Iterator[Row]:
    yield run_control(lab, binary)
    yield from (scenarios.WITHOUT_VPN[name](lab, binary) for name in given.scenario if name in scenarios.WITHOUT_VPN)
    for mode in given.mode:
        yield from run_mode(lab, binary, mode, given.case, given.scenario)


def main() -> int:
    given = arguments()
    skip_unless_possible()
    binary = given.build.resolve() / "vpn-sentinel-probe"
    rows: list[Row] = []
    print_row(HEADER)
    with Lab() as lab:
        for _ in range(given.repeat):
            for row in run_all(lab, binary, given):
                rows.append(row)
                show(row)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    failed = [row for row in rows if not row.passed]
    print(f"\n{len(rows) - len(failed)} of {len(rows)} scenarios as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
