#!/usr/bin/env python3
"""What a real probe says of firewall rules that others made: none, gluetun's, one with a hole, and somebody who takes them away.

    ruleset_audit.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import unittest
from pathlib import Path

import netns
import suite
from lab import Lab
from network import SERVER, WEB
from watcher import Line, Watcher, watching

BUILD = Path()
ABSENT, CHANGED = "kill_switch_absent", "kill_switch_changed"

HELD = f"""table inet lab_held {{
chain output {{
type filter hook output priority 0; policy drop;
oifname {{ "lo", "tun0" }} accept
ip daddr {SERVER} accept
ct state established,related accept
}}
}}
"""


class RulesetAudit(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("openvpn")

    def setUp(self) -> None:
        self.addCleanup(self.nft, "flush ruleset")

    def nft(self, rules: str) -> None:
        netns.nft(self.lab.netns("vpn"), rules)

    def vpn(self, *argv: str) -> None:
        self.lab.exec("vpn", list(argv))

    def finding(self, line: Line, code: str) -> dict:
        return next(finding for finding in json.loads(line.evidence) if finding["code"] == code)

    def wait(self, watcher: Watcher, code: str, found: bool = True, seconds: float = 10) -> Line:
        line = watcher.wait_until(lambda line: (code in line.findings) == found, seconds)
        self.assertIsNotNone(line, f"{code} {'begins' if found else 'ends'}; last: {watcher.last}")
        return line

    def check(self, *more: str) -> dict:
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "check", "--json", "--offline", "--config", str(self.lab.folder / "empty.toml"),
            "--netns", f"name:{self.lab.netns('vpn')}", "--endpoint", self.lab.endpoint, *more,
        ]  # fmt: skip
        (self.lab.folder / "empty.toml").write_text("")
        report = json.loads(self.lab.exec("host", argv, timeout=30, check=False).stdout)
        return {finding["code"]: finding for finding in report["findings"]}

    def test_no_rules_are_information_and_change_no_state(self) -> None:
        findings = self.check()
        self.assertEqual(findings[ABSENT]["severity"], "information")
        self.assertEqual(findings[ABSENT]["evidence"]["verdict"], "lets_out")
        with watching(self.lab, BUILD / "vpn-sentinel-probe") as watcher:
            line = watcher.wait_until(lambda line: line.state == "secure", 15)
            self.assertIsNotNone(line, f"secure; last: {watcher.last}")
            self.assertIn(ABSENT, line.findings)

    def test_who_relies_on_rules_is_warned(self) -> None:
        self.assertEqual(self.check("--require-kill-switch", "true")[ABSENT]["severity"], "warning")

    def test_rules_that_hold_are_no_finding_and_a_hole_is_told(self) -> None:
        self.nft(HELD)
        self.assertNotIn(ABSENT, self.check())
        self.nft('insert rule inet lab_held output meta skuid 1000 tcp dport 22 accept comment "for the backup"')
        evidence = self.check()[ABSENT]["evidence"]
        self.assertEqual((evidence["verdict"], evidence["others"]), ("lets_out", "held back"))
        self.assertIn("TCP to port 22", evidence["reasons"][0])
        self.assertIn("user 1000", evidence["reasons"][0])
        self.assertIn("for the backup", evidence["reasons"][0])
        self.assertNotIn(ABSENT, self.check("--allow-uids", "1000"))

    def test_what_cannot_be_decided_is_said_to_be_undecided(self) -> None:
        self.nft(HELD)
        self.nft("insert rule inet lab_held output limit rate 1/minute accept")
        evidence = self.check()[ABSENT]["evidence"]
        self.assertEqual(evidence["verdict"], "undecided")
        self.assertIn("limit", evidence["reasons"][0])

    def test_gluetuns_rules_hold_and_who_takes_them_away_is_named(self) -> None:
        if shutil.which("iptables-nft") is None:
            self.skipTest("SKIPPED: iptables is not installed")
        for iptables in ("iptables-nft", "ip6tables-nft"):
            self.vpn(iptables, "-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT")
            self.vpn(iptables, "-A", "OUTPUT", "-o", "tun0", "-j", "ACCEPT")
            self.vpn(iptables, "-A", "OUTPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT")
        self.vpn("iptables-nft", "-A", "OUTPUT", "-d", SERVER, "-o", "eth0", "-j", "ACCEPT")
        for iptables in ("iptables-nft", "ip6tables-nft"):
            self.vpn(iptables, "-P", "OUTPUT", "DROP")
        with watching(self.lab, BUILD / "vpn-sentinel-probe") as watcher:
            line = watcher.wait_until(lambda line: line.state == "secure", 15)
            self.assertIsNotNone(line, f"secure; last: {watcher.last}")
            self.assertNotIn(ABSENT, line.findings)
            self.vpn("nft", "flush", "ruleset")
            line = self.wait(watcher, CHANGED)
            finding = self.finding(line, CHANGED)
            self.assertEqual((line.state, finding["severity"]), ("warning", "warning"))
            self.assertTrue(finding["evidence"]["changed_by"].startswith("nft (pid "), finding)
            self.assertIn("ip filter", finding["evidence"]["tables"])
            self.assertEqual(finding["evidence"]["verdict"], "lets_out")
            self.nft(HELD)
            line = watcher.wait_until(lambda line: line.state == "secure", 10)
            self.assertIsNotNone(line, f"secure again; last: {watcher.last}")

    def test_a_change_that_still_holds_is_only_information(self) -> None:
        self.nft(HELD)
        with watching(self.lab, BUILD / "vpn-sentinel-probe") as watcher:
            self.assertIsNotNone(watcher.wait_until(lambda line: line.state == "secure", 15), f"secure; last: {watcher.last}")
            self.nft("add table inet lab_more")
            finding = self.finding(self.wait(watcher, CHANGED), CHANGED)
            self.assertEqual(finding["severity"], "information")
            self.assertEqual(finding["evidence"]["tables"], "inet lab_more")

    def test_connections_outside_are_ended_when_it_turns_to_danger(self) -> None:
        """One is bound to the uplink, one goes by the tunnel: only the first ends."""

        def connect(device: bytes) -> socket.socket:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            connection.settimeout(5)
            connection.connect((WEB["v4"], 80))
            return connection

        space = self.lab.netns("vpn")
        # The meter would see the first of them leave, and name its program, before it is connected.
        options = ("--close-leaking-sockets", "true", "--leak-meter", "false")
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *options) as watcher:
            self.assertIsNotNone(watcher.wait_until(lambda line: line.state == "secure", 15), f"secure; last: {watcher.last}")
            outside, inside = (netns.call(space, connect, device) for device in (b"eth0", b"tun0"))
            self.lab.ip("vpn", "route del 0.0.0.0/1 dev tun0")
            try:
                line = self.wait(watcher, "connections_closed")
                self.assertEqual(line.state, "danger")
                self.assertEqual(self.finding(line, "connections_closed")["evidence"]["closed"], 1)
                with self.assertRaises(ConnectionAbortedError):
                    outside.recv(1)
                inside.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    inside.recv(1)
                # The tunnel's own socket lives: it carries again.
                self.lab.ip("vpn", f"route add 0.0.0.0/1 via {self.gateway()} dev tun0")
                self.assertIsNotNone(watcher.wait_until(lambda line: line.state == "secure", 15), f"secure; last: {watcher.last}")
            finally:
                outside.close()
                inside.close()

    def gateway(self) -> str:
        """Of the other half, which is still there."""
        route = self.lab.exec("vpn", ["ip", "route", "show", "128.0.0.0/1"]).stdout.split()
        return route[route.index("via") + 1]


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(RulesetAudit, given.tests)


if __name__ == "__main__":
    sys.exit(main())
