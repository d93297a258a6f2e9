#!/usr/bin/env python3
"""Checks the laboratory itself: can it see a leak, is a healthy tunnel healthy, is each broken one broken as stated?

    selfcheck.py [--quick]

Prints a table of what IPv4 and IPv6 really did in each mode and case. Takes about 90 seconds, with --quick 30.
Needs root. Everything happens in namespaces that are removed at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import netns
import record
import selfcheck_services
from breaks import CASES
from lab import Lab, sweep
from lab_requirements import skip_unless_possible
from process import Identity, wait_until
from case import Case
from truth import broken, broken_later, flow_in_health, flow_way, healthy
from tunnels import MODES

QUICK_CASES = ("kill", "link_down", "lower_metric", "server_dies", "unreachable_default", "quarters", "leg", "rule_uids", "local_network")
QUICK_MODES = ("openvpn", "wg-quick")

quick = False
table: list[tuple[str, ...]] = []


def settled(lab: Lab) -> dict[str, str]:
    """What is true now, once two looks in a row agree: right after a break the kernel may not have finished."""
    before = lab.ways(0.5)
    for _ in range(10):
        now = lab.ways(0.5)
        if now == before:
            break
        before = now
    return before


class Truth(unittest.TestCase):
    """The matrix: every way to break every mode, with each kind of IPv6."""

    def matrix(self, ipv6: str, modes: list[str], cases: list[str]) -> None:
        with Lab(ipv6=ipv6) as lab:
            self.control(lab)
            for mode in modes:
                started = time.monotonic()
                lab.start(mode)
                self.row(ipv6, mode, "(healthy)", lab, healthy(mode, ipv6), time.monotonic() - started)
                for case in (CASES[name] for name in cases if CASES[name].applies(mode)):
                    if case.ipv6 in ("any", ipv6):
                        self.case(lab, mode, case)

    def case(self, lab: Lab, mode: str, case: Case) -> None:
        if reason := case.possible():
            table.append((lab.ipv6, mode, case.name, "", "", "", f"SKIPPED: {reason}"))
            return
        if case.flow is not None:
            self.flow_row(mode, case, lab, flow_in_health(case.name))
        broken_at = lab.break_tunnel(case.name)
        took = (time.monotonic_ns() - broken_at) / 1e9
        expected = broken(mode, case.name, lab.ipv6)
        if expected is not None:
            self.row(lab.ipv6, mode, case.name, lab, expected, took)
        if case.flow is not None:
            self.flow_row(mode, case, lab, flow_way(case.name))
        lab.mend(case.name)

    def flow_row(self, mode: str, case: Case, lab: Lab, expected: str) -> None:
        assert case.flow is not None
        with self.subTest(ipv6=lab.ipv6, mode=mode, case=case.name, flow=case.flow.name):
            found = lab.way_of(case.flow)
            verdict = "" if found == expected else f"EXPECTED {expected}"
            table.append((lab.ipv6, mode, f"{case.name}: {case.flow.name}", found, "", "", verdict))
            self.assertEqual(found, expected)

    def control(self, lab: Lab) -> None:
        """Without a VPN the lab must see everything leave directly, or no later result means anything."""
        self.row(lab.ipv6, "none", "(control)", lab, healthy("none", lab.ipv6), 0)
        answers = lab.ask()
        self.assertEqual(answers["http4"], "203.0.113.10", "the control cannot see the leak")
        if lab.ipv6 != "none":
            self.assertEqual(answers["http6"], "2001:db8:10::10", "the control cannot see the leak")

    def row(self, ipv6: str, mode: str, case: str, lab: Lab, expected: dict[str, str], took: float) -> None:
        with self.subTest(ipv6=ipv6, mode=mode, case=case):
            found = settled(lab)
            verdict = "" if found == expected else f"EXPECTED {expected['v4']} {expected['v6']}"
            table.append((ipv6, mode, case, found["v4"], found["v6"], f"{took * 1000:.1f} ms", verdict))
            self.assertEqual(found, expected)

    def test_with_ipv6_tunnelled(self) -> None:
        modes = [mode for mode in MODES if not quick or mode in QUICK_MODES]
        self.matrix("tunnelled", modes, [case for case in CASES if not quick or case in QUICK_CASES])

    def test_with_ipv6_open(self) -> None:
        self.matrix("open", ["wg-quick"] if quick else list(MODES), ["kill"] if quick else list(CASES))

    def test_with_ipv6_none(self) -> None:
        self.matrix("none", ["gluetun"] if quick else list(MODES), ["ipv6_open", "router_advertisement"] if quick else list(CASES))

    def test_openvpn_leaks_when_it_gives_up_a_silent_server(self) -> None:
        mode, case = "openvpn", "server_dies"
        with Lab() as lab:
            lab.start(mode, ping_restart=3)
            broken_at = lab.break_tunnel(case)
            self.assertEqual(lab.ways(0.5), broken(mode, case, "tunnelled"))
            later = broken_later(mode, case, "tunnelled")
            wait_until(lambda: lab.ways(0.3) == later, 15, "OpenVPN gives up", 0.05)
            took = (time.monotonic_ns() - broken_at) / 1e9
            table.append(("tunnelled", mode, f"{case}, later", later["v4"], later["v6"], f"{took:.1f} s", ""))


class Life(unittest.TestCase):
    """Labs come, stand side by side, and go without a trace."""

    def assert_gone(self, lab: Lab) -> None:
        names = [lab.netns(space) for space in ("inet", "vpnsrv", "host", "vpn", "hub")]
        self.assertEqual([name for name in names if netns.path(name).exists()], [])
        self.assertFalse(lab.folder.exists())

    def test_two_labs_do_not_touch_each_other(self) -> None:
        with Lab() as one, Lab() as two:
            for mode in ("gluetun", "openvpn"):
                one.start(mode)
                two.start("plain")  # the same interface name, and for gluetun the same daemon
                one.break_tunnel("kill")
                self.assertEqual(settled(one), broken(mode, "kill", "tunnelled"))
                self.assertEqual(settled(two), healthy("plain", "tunnelled"))
        self.assert_gone(one)
        self.assert_gone(two)

    def test_a_restart_gives_the_interface_a_new_index(self) -> None:
        with Lab() as lab:
            lab.start("wg-quick")
            before = self.index(lab)
            lab.break_tunnel("restart")
            self.assertNotEqual(self.index(lab), before)

    def index(self, lab: Lab) -> str:
        return lab.exec("vpn", ["ip", "-o", "link", "show", lab.device]).stdout.partition(":")[0]

    def test_there_is_no_way_out_of_the_lab(self) -> None:
        with Lab() as lab:
            for family in ("-4", "-6"):
                self.assertEqual(lab.exec("inet", ["ip", family, "route", "show", "default"]).stdout, "")
            links = lab.exec("inet", ["ip", "-o", "link"]).stdout
            self.assertEqual(len(links.splitlines()), 4, links)  # lo, host, vpnsrv, hub

    def test_a_lab_whose_owner_was_killed_is_swept(self) -> None:
        prefix = f"dead{os.getpid()}-"
        owner = subprocess.Popen(
            [sys.executable, __file__, "--own", prefix], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
        )
        self.assertEqual(owner.stdout.readline(), "up\n")
        processes = netns.processes_in([prefix + space for space in ("inet", "vpnsrv", "vpn", "hub")])
        self.assertGreaterEqual(len(processes), 5)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
        recorded = record.load(prefix).processes.values()
        wait_until(lambda: not any(process.alive() for process in recorded), 2, "they die with their owner")
        self.assertIn(prefix, sweep())
        self.assertFalse(any(process.alive() for process in processes))
        self.assertFalse(netns.path(prefix + "vpn").exists())
        self.assertFalse((record.ROOT / prefix).exists())

    def test_a_recycled_pid_is_not_taken_for_the_recorded_process(self) -> None:
        here = Identity.of(os.getpid())
        assert here is not None
        self.assertFalse(Identity(here.pid, here.start - 1).send(signal.SIGKILL))


def own(prefix: str) -> None:
    """The part of the sweep's test that is killed: owns a lab with a tunnel and a program that ignores SIGTERM."""
    lab = Lab(prefix)
    lab.up()
    lab.start("wg-quick")
    # Its child is in no record, and does not die with the owner either.
    lab.popen("hub", ["sh", "-c", "trap '' TERM; sleep 300 & wait"])
    wait_until(lambda: len(netns.processes_in([prefix + "hub"])) >= 2, 5, "the program and its child stand in the namespace")
    print("up", flush=True)
    time.sleep(300)


def print_table() -> None:
    head = ("ipv6", "mode", "case", "v4", "v6", "break or start took", "")
    widths = [max(len(row[i]) for row in [head, *table]) for i in range(len(head))]
    for row in [head, *table]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main() -> int:
    global quick
    skip_unless_possible()
    if sys.argv[1:2] == ["--own"]:
        own(sys.argv[2])
        return 0
    quick = "--quick" in sys.argv[1:]
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(
        loader.loadTestsFromModule(module) for module in (sys.modules[__name__], selfcheck_services)
    )
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    print_table()
    unsuccessful = {id(case) for case, _ in (*result.failures, *result.errors)}
    print(f"{max(result.testsRun - len(unsuccessful), 0)} passed, {len(unsuccessful)} failed")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
