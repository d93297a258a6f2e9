#!/usr/bin/env python3
"""A real probe, a real tunnel, and services that tell the truth about the exit address, lie, or want to be left alone.

    exit_address.py --build FOLDER [--mode MODE] [TEST…]
"""

from __future__ import annotations

import json
import sys
import unittest
import urllib.request
from pathlib import Path

import suite
from address_services import SERVICES
from lab import Lab
from network import DIRECT, DNS, EXIT, WEB
from watcher import watching

BUILD = Path()
MODE = "wg-quick"
BASE = "https://web.lab.test"
OTHER = "198.18.77.7"


def settings(lab: Lab) -> list[str]:
    """Every service is the lab's look-alike; the traces have one voice, Mullvad's another, ipinfo's a third. Only the exit is checked."""
    return [
        "--trace-urls", f"{BASE}/trace", "--mullvad-url", f"{BASE}/mullvad", "--mullvad-v6-url", f"{BASE}/mullvad",
        "--ipinfo-url", f"{BASE}/ipinfo", "--ipinfo-v6-url", f"{BASE}/ipinfo", "--ipwhois-url", "", "--ipwhois-app-url", "",
        "--ip-api-url", "", "--geo-databases", "none", "--resolvers", DNS["v4"], "--whoami-servers", "",
        "--egress-names", "0", "--stun-servers", "", "--large-packets", "false", "--latency-drop", "0",
        "--liveness-server", DNS["v4"], "--ca-file", str(lab.ca_file), "--timeout", "5s", "--netns", f"name:{lab.netns('vpn')}",
    ]  # fmt: skip


class ExitAddress(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start(MODE)
        (cls.lab.folder / "none.toml").write_text("")

    def setUp(self) -> None:
        for service in SERVICES:
            self.make(service, "ok")

    def make(self, service: str, mode: str) -> None:
        url = f"http://{WEB['v4']}/control/{service}/{mode}"
        self.lab.call("inet", lambda: urllib.request.urlopen(url, timeout=5).close())

    def run_check(self, *more: str) -> str:
        argv = [str(BUILD / "vpn-sentinel-probe"), "check", "--config", str(self.lab.folder / "none.toml"), *settings(self.lab), *more]
        return self.lab.exec("host", argv, timeout=30, check=False).stdout

    def check(self, *more: str) -> dict:
        return json.loads(self.run_check("--json", *more))

    @staticmethod
    def findings(report: dict) -> dict[str, dict]:
        """Without what is said of every lab: its networks have public addresses, and it has no kill switch."""
        usual = ("local_network_public", "kill_switch_absent")
        return {finding["code"]: finding for finding in report["findings"] if finding["code"] not in usual}

    def test_two_services_agree_and_the_report_says_where_the_exit_is(self) -> None:
        report = self.check()
        self.assertEqual((report["state"], self.findings(report)), ("secure", {}))
        exit_ = report["exit"]
        self.assertEqual((exit_["v4"], exit_["v6"]), (EXIT["v4"], EXIT["v6"]))
        self.assertEqual((exit_["country"], exit_["asn"], exit_["sources"]), ("RO", 64500, 2))
        self.assertEqual(report["public_ip"], EXIT["v4"])
        self.assertEqual(report["location"]["org"], "AS64500 Example VPN")
        self.assertEqual(report["location"]["city"], "Bucharest")

    def test_check_says_it_in_plain_words(self) -> None:
        text = self.run_check()
        self.assertIn(f"{EXIT['v4']}, Bucharest, RO, AS64500 Example VPN (2 services agree: web.lab.test, web.lab.test)", text)
        self.assertIn(f"the uplink, without the tunnel, shows {DIRECT['v4']}", text)

    def test_an_exit_that_is_the_uplink_is_danger(self) -> None:
        # The services see the line inside and outside: what a tunnel that ends in this very network would show.
        for service in SERVICES:
            self.make(service, DIRECT["v4"])
        report = self.check()
        self.assertEqual(report["state"], "danger")
        evidence = self.findings(report)["exit_is_uplink"]["evidence"]["v4"]
        self.assertEqual((evidence["address"], evidence["sources"], evidence["uplink"]), (DIRECT["v4"], 2, [DIRECT["v4"]]))
        # Nobody who is not asked outside knows the uplink; and who names the address himself wants it so.
        self.assertEqual(self.check("--learn-uplink", "false")["state"], "secure")
        # The services name an IPv4 address to IPv6, too, and are not believed.
        expected = {"exit_not_compared", "exit_family_silent"}
        self.assertEqual(set(self.findings(self.check("--expected-exits", DIRECT["v4"]))), expected)

    def test_an_exit_in_the_uplinks_own_24_is_neither_a_red_nor_a_silent_green(self) -> None:
        near = DIRECT["v4"].rsplit(".", 1)[0] + ".77"
        for service in ("mullvad", "ipinfo"):
            self.make(service, near)
        report = self.check()
        self.assertEqual(report["state"], "warning")
        evidence = self.findings(report)["exit_near_uplink"]["evidence"]["v4"]
        self.assertEqual((evidence["address"], evidence["uplink"][0]), (near, DIRECT["v4"]))
        self.assertEqual(self.check("--expected-exits", f"{near},{EXIT['v6']}")["state"], "secure")

    def test_one_service_that_lies_makes_neither_a_red_nor_a_green(self) -> None:
        self.make("mullvad", DIRECT["v4"])
        report = self.check()
        self.assertEqual((report["state"], set(self.findings(report))), ("warning", {"exit_disagrees"}))
        self.assertEqual(report["exit"]["v4"], EXIT["v4"])
        self.make("mullvad", OTHER)
        report = self.check()
        self.assertEqual((report["state"], report["exit"]["v4"], report["exit"]["sources"]), ("secure", EXIT["v4"], 2))
        self.assertEqual(self.findings(report)["exit_disagrees"]["severity"], "information")
        # He hides the leak, two others see it.
        for service in SERVICES:
            self.make(service, DIRECT["v4"])
        self.make("mullvad", EXIT["v4"])
        self.assertIn("exit_is_uplink", self.findings(self.check()))

    def test_when_one_service_is_left_its_word_counts_and_is_called_one(self) -> None:
        for service, mode in (("mullvad", "limited"), ("ipinfo", "failing")):
            self.make(service, mode)
        report = self.check()
        self.assertEqual((report["state"], report["exit"]["v4"], report["exit"]["sources"]), ("secure", EXIT["v4"], 1))

    def test_when_all_want_to_be_left_alone_that_is_said(self) -> None:
        for service in SERVICES:
            self.make(service, "limited")
        report = self.check()
        self.assertEqual(report["state"], "warning")
        self.assertIn("want no more questions", self.findings(report)["exit_unverifiable"]["evidence"]["error"])

    def test_no_failure_is_taken_for_an_address(self) -> None:
        for mode in ("failing", "page", "private", "forbidden"):
            for service in SERVICES:
                self.make(service, mode)
            report = self.check()
            self.assertEqual((report["state"], set(self.findings(report))), ("warning", {"exit_unverifiable"}), mode)
            self.assertNotIn("exit", report, mode)

    def test_the_users_rules_are_kept(self) -> None:
        self.assertEqual(self.check("--expected-exits", "RO,AS64501")["state"], "secure")
        self.assertIn("exit_unexpected", self.findings(self.check("--expected-exits", "DE")))
        never = self.check("--never-exits", "AS64500")
        self.assertEqual((never["state"], never["findings"][0]["code"]), ("danger", "exit_unexpected"))

    def test_a_changed_exit_is_told(self) -> None:
        more = [*settings(self.lab)[2:10], "--check-interval", "5s"]
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *more) as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 10))
            for service in SERVICES:
                self.make(service, OTHER)
            # Only the services pretend: DNS goes on showing the real exit, and that they differ is a warning.
            line = watcher.wait("warning", ("exit_changed",), 15)
            self.assertIsNotNone(line, watcher.last)
            self.assertIn(EXIT["v4"], line.evidence)


def main() -> int:
    global BUILD, MODE
    parser = suite.parser_of(__doc__)
    parser.add_argument("--mode", default=MODE, help="the tunnel, as of matrix.py")
    given = suite.arguments(parser)
    BUILD, MODE = given.build, given.mode
    return suite.run(ExitAddress, given.tests)


if __name__ == "__main__":
    sys.exit(main())
