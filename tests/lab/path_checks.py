#!/usr/bin/env python3
"""What a real probe says of the path itself: UDP, large packets, latency, a captive portal, and tunnels that end in the wrong place.

    path_checks.py --build FOLDER [TEST…]

coturn is the STUN server and dnsmasq the portal's DNS; tests that need one of them are skipped where it is missing.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import unittest
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import http_server
import netns
import resolvers
import suite
from certificates import make_peer
from lab import Lab
from network import DIRECT, DNS, EXIT, GATEWAY, UPLINK_TABLE, WEB
from process import wait_until
from watcher import Watcher, watching

BUILD = Path()
STUN = {"v4": "198.18.0.78", "v6": "2001:db8:78::78"}
PORTAL = "198.18.0.70"
MARK = "0x99"
TRACES = ["--trace-urls", "https://trace.lab.test/cdn-cgi/trace", "--trace-urls", "https://web.lab.test/cdn-cgi/trace"]
# Beside the traces one service of Mullvad's form, and one of plain HTTP, which a portal answers.
SERVICES = [
    "--mullvad-url", "https://web.lab.test/mullvad", "--mullvad-v6-url", "https://web.lab.test/mullvad", "--ipinfo-url", "",
    "--ipinfo-v6-url", "", "--ipwhois-url", "", "--ipwhois-app-url", "", "--ip-api-url", "http://web.lab.test/ip-api",
    "--geo-databases", "none", "--dns-compare-names", "none",
]  # fmt: skip


def table(name: str, *chains: str) -> str:
    """Of nftables; a chain is "NAME KIND; RULE; RULE…", and nft wants the end of each line."""
    lines = ("\n".join([f"chain {head} {{", *rules, "}"]) for head, *rules in ([part.strip() for part in c.split(";")] for c in chains))
    return "\n".join([f"table inet {name} {{", *lines, "}", ""])


# What sends UDP to STUN's port past the tunnel is no route: the firewall marks it, and a rule of the mark leads outside.
MARK_STUN = table(
    "lab_stun",
    f"marking; type route hook output priority mangle; udp dport 3478 meta mark set {MARK}",
    f'post; type nat hook postrouting priority srcnat; meta mark {MARK} oifname "eth0" masquerade',
)


def lossy(direction: str) -> str:
    """A tunnel that forgets large packets and tells nobody, as where ICMP is filtered; `direction`: iifname or oifname."""
    return table("lab_hole", f'hole; type filter hook forward priority 0; {direction} "wg0" meta length > 1000 drop')


class Login(http_server.Handler):
    def do_GET(self) -> None:
        self.reply(200, b"<!doctype html><title>Welcome</title><form>Room number</form>", "text/html")

    do_HEAD = do_GET


class PathChecks(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.ip("inet", *(f"addr add {address} dev lo" for address in (*STUN.values(), PORTAL)))
        cls.lab.start("wg-quick")
        (cls.lab.folder / "empty.toml").write_text("")
        cls.stun = shutil.which("turnserver") is not None
        if cls.stun:
            cls.start_coturn()
        servers = [STUN["v4"], f"[{STUN['v6']}]"] if cls.stun else ["none"]
        cls.services = [*SERVICES, *(word for server in servers for word in ("--stun-servers", server))]

    @classmethod
    def start_coturn(cls) -> None:
        folder = cls.lab.folder
        (folder / "coturn.conf").write_text("")
        argv = [
            "turnserver", "-c", str(folder / "coturn.conf"), "--stun-only", "--no-tls", "--no-dtls", "--no-cli", "--listening-port", "3478",
            *(word for address in STUN.values() for word in ("--listening-ip", address)), "--userdb", str(folder / "coturn.sqlite"),
            "--pidfile", str(folder / "coturn.pid"), "--log-file", "stdout",
        ]  # fmt: skip
        cls.lab.popen("inet", argv, "coturn", folder / "coturn.log")
        listening = ["ss", "-Hlnu", "sport", "=", ":3478"]
        wait_until(lambda: all(a in cls.lab.exec("inet", listening).stdout for a in STUN.values()), 10, "coturn listens", 0.05)

    def need_stun(self) -> None:
        if not self.stun:
            self.skipTest("SKIPPED: turnserver is not installed (package coturn)")

    # Asking the probe

    def run_check(self, *more: str) -> str:
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "check", "--config", str(self.lab.folder / "empty.toml"), "--client-id", "office",
            "--netns", f"name:{self.lab.netns('vpn')}", *TRACES, *self.services, "--resolvers", DNS["v4"], "--whoami-servers", DNS["v4"],
            "--liveness-server", DNS["v4"], "--ca-file", str(self.lab.ca_file), "--timeout", "5s", *more,
        ]  # fmt: skip
        return self.lab.exec("host", argv, timeout=30, check=False).stdout

    def check(self, *more: str) -> tuple[dict, dict[str, dict]]:
        """The report, and its findings by code without what is said of every lab."""
        return self.read(self.run_check("--json", *more))

    def check_and_text(self, *more: str) -> tuple[dict, dict[str, dict], str]:
        """The same, and what a user is told of it; both are asked at one time."""
        with ThreadPoolExecutor(2) as pool:
            report, text = (pool.submit(self.run_check, *more, *way) for way in (["--json"], []))
            return *self.read(report.result()), text.result()

    @staticmethod
    def read(text: str) -> tuple[dict, dict[str, dict]]:
        report = json.loads(text)
        usual = ("local_network_public", "kill_switch_absent")
        return report, {finding["code"]: finding for finding in report["findings"] if finding["code"] not in usual}

    def see(self, watcher: Watcher, code: str, found: bool, seconds: float = 12) -> str:
        """Waits until a finding is told, or is told no more; its evidence."""
        line = watcher.wait_until(lambda line: (code in line.findings) == found, seconds)
        self.assertIsNotNone(line, f"{code} {'begins' if found else 'ends'} within {seconds} s; last: {watcher.last}")
        return line.evidence

    @contextmanager
    def nft(self, space: str, rules: str) -> Iterator[None]:
        table = rules.split()[2]
        netns.nft(self.lab.netns(space), rules)
        try:
            yield
        finally:
            netns.nft(self.lab.netns(space), f"delete table inet {table}")

    @contextmanager
    def let_out(self, selector: str) -> Iterator[None]:
        """A rule that sends some packets by the uplink."""
        rule = f"{selector} lookup {UPLINK_TABLE} priority 90"
        self.lab.ip("vpn", f"route replace default via {GATEWAY['v4']} dev eth0 table {UPLINK_TABLE}", f"rule add {rule}")
        try:
            yield
        finally:
            self.lab.ip("vpn", f"rule del {rule}", f"route flush table {UPLINK_TABLE}")

    # Health

    def test_a_healthy_path_has_no_finding_and_udp_leaves_by_the_exit(self) -> None:
        self.need_stun()
        began = time.monotonic()
        report, findings = self.check()
        print(f"one full healthy check took {time.monotonic() - began:.2f} s ", file=sys.stderr, end="", flush=True)
        self.assertEqual((report["state"], findings), ("secure", {}))
        text = self.run_check()
        for address in EXIT.values():
            self.assertIn(f"leaves by {address}, as web traffic does", text)
        self.assertIn("large packets get through", text)

    # UDP

    def test_udp_alone_outside_is_danger_and_ends(self) -> None:
        self.need_stun()
        more = [*self.services, "--allow-marks", MARK, "--check-interval", "5s"]
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *more) as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 10), watcher.last)
            with self.nft("vpn", MARK_STUN), self.let_out(f"fwmark {MARK}"):
                line = watcher.wait("danger", ("udp_exit_outside",), 12)
                self.assertIsNotNone(line, watcher.last)
                self.assertIn(f'"uplink": "{DIRECT["v4"]}"', line.evidence)
                text = self.run_check("--allow-marks", MARK)
                self.assertIn(f"saw UDP come from {DIRECT['v4']}, your own line without the VPN, while web traffic leaves by", text)
            self.see(watcher, "udp_exit_outside", False)
            self.assertIsNotNone(watcher.last.state == "secure" or watcher.wait("secure", (), 10), watcher.last)

    # Large packets

    def test_large_requests_that_are_lost_are_a_black_hole_until_it_is_mended(self) -> None:
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *self.services, "--check-interval", "5s") as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 10), watcher.last)
            with self.nft("vpnsrv", lossy("iifname")):
                self.assertIn("large requests", self.see(watcher, "mtu_blackhole", True))
                self.assertEqual(watcher.last.state, "warning")
            self.see(watcher, "mtu_blackhole", False)

    def test_large_answers_that_are_lost_are_one_too(self) -> None:
        with self.nft("vpnsrv", lossy("oifname")):
            report, findings, text = self.check_and_text("--timeout", "3s")
            self.assertEqual(findings["mtu_blackhole"]["evidence"]["lost"], "large answers")
            self.assertEqual(report["state"], "warning")
            self.assertIn("large packets are lost on the way back", text)
            self.assertIn("certificates, which need several packets, never arrive", text)
        self.assertNotIn("mtu_blackhole", self.check()[1])

    # Latency

    def make_late(self, milliseconds: int) -> None:
        url = f"http://{WEB['v4']}/control/dns-lateness/{milliseconds}"
        self.lab.call("inet", lambda: urllib.request.urlopen(url, timeout=5).close())

    def test_answers_that_come_too_soon_have_come_past_the_tunnel(self) -> None:
        self.make_late(40)
        self.addCleanup(self.make_late, 0)
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *self.services, "--latency-interval", "1s") as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 10), watcher.last)
            told = {code for line in watcher.listen(6) for code in line.findings}
            self.assertEqual(told - {"local_network_public"}, set())
            with self.let_out("ipproto udp dport 53"):
                evidence = self.see(watcher, "latency_dropped", True)
                self.assertIn("tunnel_ms", evidence)
            self.see(watcher, "latency_dropped", False)

    # A captive portal

    @contextmanager
    def portal(self, https: bool) -> Iterator[None]:
        """Every name is the portal, every page its login; HTTPS is refused, or shows a certificate of its own."""
        name = resolvers.start_dnsmasq(self.lab, "inet", PORTAL, DNS["v4"], f"--address=/#/{PORTAL}")
        servers = [self.lab.call("inet", http_server.Server, (PORTAL, 80), Login)]
        if https:
            make_peer(self.lab.folder, "portal")
            tls = (self.lab.folder / "portal.crt", self.lab.folder / "portal.key")
            servers.append(self.lab.call("inet", http_server.Server, (PORTAL, 443), Login, tls))
        for server in servers:
            server.start()
        catch = table(
            "lab_portal",
            f'pre; type nat hook prerouting priority dstnat; iifname "wg0" tcp dport {{ 80, 443 }} dnat ip to {PORTAL};'
            f'iifname "wg0" meta l4proto {{ tcp, udp }} th dport 53 dnat ip to {PORTAL}',
            f'rest; type filter hook forward priority 0; iifname "wg0" ip daddr != {PORTAL} drop; iifname "wg0" meta nfproto ipv6 drop',
        )
        try:
            with self.nft("vpnsrv", catch):
                yield
        finally:
            self.lab.end(name)
            for server in servers:
                server.shutdown()
                server.server_close()

    def test_a_captive_portal_is_neither_secure_nor_danger(self) -> None:
        if resolvers.program("dnsmasq") is None:
            self.skipTest("SKIPPED: dnsmasq is not installed (package dnsmasq-base)")
        for https in (False, True):
            with self.subTest(https=https), self.portal(https):
                report, findings, text = self.check_and_text("--timeout", "3s")
                self.assertEqual(report["state"], "warning", report["findings"])
                self.assertIn("exit_unverifiable", findings)
                self.assertIn("dns_unverifiable", findings)
                self.assertNotIn("exit", report)
                self.assertIn("exit      could not be verified: ", text)
                # Of whom the last refusal came.
                self.assertRegex(text, "a login page on the way|certificate problem|[Cc]onnection refused")
                self.assertIn("log in first", text)

    # Tunnels that end in the wrong place

    def test_an_exit_that_is_the_hub_is_told_and_no_danger_on_the_vpn_server_itself(self) -> None:
        report, findings = self.check("--url", "http://hub-at-exit.lab.test:5000")
        self.assertEqual((report["state"], set(findings)), ("secure", {"hub_at_exit"}))
        self.assertEqual(findings["hub_at_exit"]["evidence"]["v4"]["address"], EXIT["v4"])
        report, findings = self.check("--url", "http://hub.lab.test:5000")
        self.assertEqual((report["state"], findings), ("secure", {}))

    def test_a_tunnel_that_ends_in_the_home_network_is_danger(self) -> None:
        # The VPN server gets a line into the home network, and what comes out of the tunnel leaves by that.
        server = self.lab.netns("vpnsrv")
        self.lab.ip("host", f"link add to-server type veth peer name home netns {server}", "addr add 198.18.51.1/24 dev to-server",
                    "link set to-server up")  # fmt: skip
        self.addCleanup(self.lab.ip, "host", "link del to-server")
        self.lab.ip("vpnsrv", "addr add 198.18.51.2/24 dev home", "link set home up", "route add default via 198.18.51.1 table 100",
                    "rule add iif wg0 lookup 100 priority 90")  # fmt: skip
        self.addCleanup(self.lab.ip, "vpnsrv", "rule del iif wg0 lookup 100 priority 90")
        post = "post; type nat hook postrouting priority srcnat; ip saddr {} masquerade"
        from_tunnel, from_server = (table("lab_home", post.format(net)) for net in ("198.19.0.0/24", "198.18.51.0/24"))
        with self.nft("vpnsrv", from_tunnel), self.nft("host", from_server):
            report, findings = self.check()
            self.assertEqual(report["state"], "danger")
            evidence = findings["exit_is_uplink"]["evidence"]["v4"]
            self.assertEqual((evidence["address"], evidence["uplink"]), (DIRECT["v4"], [DIRECT["v4"], DIRECT["v6"]]))

    def test_ipv6_beside_an_ipv4_tunnel_is_danger_in_plain_words(self) -> None:
        self.addCleanup(self.lab.start, "wg-quick", self.lab.ipv6)
        self.lab.start("wg-quick", "open")
        report, findings, text = self.check_and_text()
        self.assertEqual(report["state"], "danger")
        self.assertIn("ipv6_outside", findings)
        self.assertEqual((report["exit"]["v4"], report["exit"]["v6"]), (EXIT["v4"], DIRECT["v6"]))
        self.assertIn("IPv6 traffic leaves outside the tunnel.", text)
        self.assertIn(DIRECT["v6"], text)
        self.assertIn("→ Tunnel IPv6 too, or switch it off", text)


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(PathChecks, given.tests)


if __name__ == "__main__":
    sys.exit(main())
