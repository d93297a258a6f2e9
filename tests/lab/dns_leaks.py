#!/usr/bin/env python3
"""Which resolver programs use, by which way, and what the probe says about it: real resolvers inside and outside a real tunnel.

    dns_leaks.py --build FOLDER [--mode MODE] [TEST…]

Set-ups S1 to S6 of the decision table (probe/checks/dns_verdict.hpp), systemd-resolved with two links, and resolv.conf rewritten three
ways. Needs dnsmasq and unbound; systemd-resolved is skipped when it is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import resolvers
from lab import Lab
from lab_requirements import skip_unless_possible
from network import DNS, EXIT, GATEWAY, PUBLIC_DNS
from resolvers import ROUTER_DNS, TUNNEL_DNS, DockerModel, Forger, Resolved
from watcher import Watcher, watching

BUILD = Path()
MODE = "plain"
PATIENCE = 12.0
FORGED_DNS = "198.19.0.53"


LAB = Lab()


def setUpModule() -> None:  # noqa: N802 - unittest's name
    unittest.addModuleCleanup(LAB.down)
    LAB.up()
    LAB.start(MODE)
    resolvers.start_dnsmasq(LAB, "vpnsrv", TUNNEL_DNS)
    resolvers.start_dnsmasq(LAB, "host", ROUTER_DNS)
    resolvers.start_unbound(LAB)


class Checking(unittest.TestCase):
    lab = LAB

    def resolv_conf(self, text: str) -> None:
        self.lab.resolv_conf_of("vpn").write_text(text)

    def check(self, *more: str, netns: str | None = None, as_json: bool = True) -> subprocess.CompletedProcess:
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "check", *(["--json"] if as_json else []),
            "--config", str(self.lab.folder / "empty.toml"), "--netns", netns or f"name:{self.lab.netns('vpn')}", "--client-id", "dns",
            "--trace-urls", "https://trace.lab.test/cdn-cgi/trace", "--resolvers", DNS["v4"], "--whoami-servers", DNS["v4"],
            "--liveness-server", DNS["v4"], "--ca-file", str(self.lab.ca_file), "--timeout", "3s", *more,
        ]  # fmt: skip
        (self.lab.folder / "empty.toml").write_text("")
        return self.lab.exec("host", argv, timeout=30, check=False)

    def verdict(self, *more: str, netns: str | None = None) -> tuple[dict, dict[str, dict]]:
        """The report's `dns`, and by their codes those findings that are more than information."""
        done = self.check(*more, netns=netns)
        report = json.loads(done.stdout)
        self.assertIn("dns", report, done.stdout)
        return report["dns"], {
            finding["code"]: finding for finding in report["findings"] if finding["severity"] != "information"
        }


class DnsLeaks(Checking):
    def test_s1_the_vpn_s_resolver_in_the_tunnel_is_fine(self) -> None:
        self.resolv_conf(f"nameserver {TUNNEL_DNS}\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "EGRESS_IS_EXIT"))
        self.assertEqual(dns["egress"], [EXIT["v4"]])
        self.assertEqual(dns["resolvers"], [{"address": TUNNEL_DNS, "route": "tunnel"}])
        self.assertEqual(findings, {})

    def test_s2_the_router_s_resolver_is_a_leak_that_is_told_in_plain_words(self) -> None:
        self.resolv_conf(f"nameserver {ROUTER_DNS}\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("leak", "EGRESS_IS_UPLINK"))
        self.assertEqual(dns["egress"], ["203.0.113.10"])
        self.assertEqual(dns["resolvers"], [{"address": ROUTER_DNS, "route": "outside"}])
        self.assertEqual(findings["dns_resolver_outside"]["severity"], "warning")
        self.assertEqual(findings["dns_egress_is_uplink"]["severity"], "warning")
        text = self.check(as_json=False).stdout
        for words in (f"programs ask {ROUTER_DNS}, outside the tunnel (eth0)", "asked from 203.0.113.10", "→ Take the resolver"):
            self.assertIn(words, text)

    def test_s2_the_router_s_resolver_may_be_allowed(self) -> None:
        self.resolv_conf(f"nameserver {ROUTER_DNS}\n")
        dns, findings = self.verdict("--dns-accept", ROUTER_DNS, "--dns-accept", "203.0.113.10")
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "EGRESS_ACCEPTED"))
        self.assertEqual(findings, {})

    def test_s2_a_router_as_second_server_is_a_leak_too(self) -> None:
        self.resolv_conf(f"nameserver {TUNNEL_DNS}\nnameserver {ROUTER_DNS}\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("leak", "EGRESS_IS_UPLINK"))
        self.assertIn("dns_resolver_outside", findings)

    def test_s3_a_public_resolver_through_the_tunnel_is_no_alarm(self) -> None:
        self.resolv_conf(f"nameserver {PUBLIC_DNS}\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "PUBLIC_RESOLVER_VIA_TUNNEL"))
        self.assertEqual(dns["egress"], [PUBLIC_DNS])
        self.assertEqual(findings, {})

    def test_s4_docker_that_asks_from_the_host_cannot_be_verified(self) -> None:
        self.resolv_conf(f"nameserver 127.0.0.11\n# ExtServers: [host({PUBLIC_DNS})]\n")
        model = DockerModel(self.lab, "host", PUBLIC_DNS)
        self.addCleanup(model.close)
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("unverifiable", "U_DOCKER_HOST_FORWARD"))
        self.assertEqual(findings["dns_unverifiable"]["evidence"]["reason"], "U_DOCKER_HOST_FORWARD")

    def test_s4b_the_host_s_own_forwarder_behind_docker_asks_from_the_uplink(self) -> None:
        self.resolv_conf(f"nameserver 127.0.0.11\n# ExtServers: [host({ROUTER_DNS})]\n")
        model = DockerModel(self.lab, "host", ROUTER_DNS)
        self.addCleanup(model.close)
        dns, findings = self.verdict()
        self.assertEqual(dns["egress"], ["203.0.113.10"])
        self.assertEqual((dns["verdict"], dns["reason"]), ("leak", "EGRESS_IS_UPLINK"))
        self.assertIn("dns_egress_is_uplink", findings)
        # Where the uplink's address is not known nobody can tell a leak, and it is not fine either.
        dns, findings = self.verdict("--learn-uplink", "false")
        self.assertEqual(dns["verdict"], "unverifiable")
        self.assertIn("dns_unverifiable", findings)

    def test_s5_docker_with_a_server_of_the_container_is_fine(self) -> None:
        self.resolv_conf(f"nameserver 127.0.0.11\n# ExtServers: [{TUNNEL_DNS}]\n# Overrides: [nameservers]\n")
        model = DockerModel(self.lab, "vpn", TUNNEL_DNS)
        self.addCleanup(model.close)
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "EGRESS_IS_EXIT"))
        self.assertEqual(findings, {})

    def test_s6_a_pushed_route_takes_the_public_resolver_outside(self) -> None:
        self.resolv_conf(f"nameserver {PUBLIC_DNS}\n")
        route = f"{PUBLIC_DNS} via {GATEWAY['v4']} dev eth0 proto dhcp"
        self.lab.ip("vpn", f"route add {route}")
        self.addCleanup(self.lab.ip, "vpn", f"route del {route}")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("leak", "RESOLVER_ROUTE_OUTSIDE_TUNNEL"))
        self.assertIn("dns_resolver_outside", findings)

    def test_a_resolver_that_is_not_there_is_not_fine(self) -> None:
        self.resolv_conf("# nothing\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("unverifiable", "U_NO_EGRESS_ANSWER"))
        self.assertIn("dns_unverifiable", findings)

    def test_dnsmasq_on_loopback_that_asks_through_the_tunnel_is_fine(self) -> None:
        name = resolvers.start_dnsmasq(self.lab, "vpn", "127.0.0.1", TUNNEL_DNS)
        self.addCleanup(self.lab.end, name)
        self.resolv_conf("nameserver 127.0.0.1\n")
        dns, findings = self.verdict()
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "EGRESS_IS_EXIT"))
        self.assertEqual(findings, {})
        self.assertRegex(self.check(as_json=False).stdout, r"programs ask 127\.0\.0\.1, in this namespace: dnsmasq \(pid \d+\)")

    def test_unbound_on_loopback_is_named_and_one_that_forwards_to_the_router_is_never_fine(self) -> None:
        name = resolvers.start_unbound(self.lab, "vpn", "127.0.0.1", ROUTER_DNS)
        self.addCleanup(self.lab.end, name)
        self.resolv_conf("nameserver 127.0.0.1\n")
        dns, findings = self.verdict()
        self.assertNotEqual(dns["verdict"], "no_leak")
        self.assertEqual(dns["egress"], ["203.0.113.10"])
        self.assertRegex(findings["dns_egress_is_uplink"]["evidence"]["stub"], r"unbound \(pid \d+\)")

    def test_dnsmasq_on_loopback_that_asks_the_router_is_never_fine(self) -> None:
        name = resolvers.start_dnsmasq(self.lab, "vpn", "127.0.0.1", ROUTER_DNS)
        self.addCleanup(self.lab.end, name)
        self.resolv_conf("nameserver 127.0.0.1\n")
        dns, findings = self.verdict()
        self.assertNotEqual(dns["verdict"], "no_leak")
        self.assertEqual(dns["egress"], ["203.0.113.10"])
        self.assertTrue(findings)

    def test_forged_answers_that_come_first_are_not_believed(self) -> None:
        self.lab.ip("vpnsrv", f"addr add {FORGED_DNS} dev lo")
        self.addCleanup(self.lab.ip, "vpnsrv", f"addr del {FORGED_DNS} dev lo")
        forger = Forger(self.lab, "vpnsrv", FORGED_DNS, "203.0.113.10")
        self.addCleanup(forger.close)
        self.resolv_conf(f"nameserver {FORGED_DNS}\n")
        dns, findings = self.verdict()
        self.assertGreaterEqual(forger.forged, 18)
        self.assertEqual((dns["verdict"], dns["reason"], dns["egress"]), ("no_leak", "EGRESS_IS_EXIT", [EXIT["v4"]]))
        self.assertEqual(findings, {})

    def test_a_resolver_that_redirects_names_is_told_and_a_filter_may_be_left_out(self) -> None:
        redirect = "--address=/trace.lab.test/192.168.9.9"
        name = resolvers.start_dnsmasq(self.lab, "vpn", "127.0.0.1", TUNNEL_DNS, redirect)
        self.addCleanup(self.lab.end, name)
        self.resolv_conf("nameserver 127.0.0.1\n")
        names = ("--dns-compare-names", "trace.lab.test,web.lab.test")
        _, findings = self.verdict(*names)
        self.assertEqual(set(findings), {"dns_answers_differ"})
        (difference,) = findings["dns_answers_differ"]["evidence"]["names"]
        self.assertIn("trace.lab.test: 192.168.9.9 by the resolver of programs", difference)
        self.assertIn("Somebody may be redirecting names", self.check(*names, as_json=False).stdout)
        _, findings = self.verdict("--dns-compare-names", "web.lab.test")
        self.assertEqual(findings, {})

    def test_a_change_is_told_however_the_file_is_rewritten(self) -> None:
        file = self.lab.resolv_conf_of("vpn")
        good, bad = f"nameserver {TUNNEL_DNS}\n", f"nameserver {ROUTER_DNS}\n"
        other = file.with_name("other")
        self.addCleanup(other.unlink, missing_ok=True)

        def rename_over(text: str) -> None:
            other.write_text(text)
            os.rename(other, file)

        def bind(text: str) -> None:
            other.write_text(text)
            subprocess.run(["mount", "--bind", str(other), str(file)], check=True)
            self.addCleanup(subprocess.run, ["umount", str(file)], check=False, stderr=subprocess.DEVNULL)

        file.write_text(good)
        with watching(self.lab, BUILD / "vpn-sentinel-probe") as watcher:
            self.await_state(watcher, "secure", ())
            file.write_text(bad)
            self.await_state(watcher, "warning", ("dns_resolver_outside",))
            rename_over(good)
            self.await_state(watcher, "secure", ())
            bind(bad)
            self.await_state(watcher, "warning", ("dns_resolver_outside",))
            subprocess.run(["umount", str(file)], check=True)
            self.await_state(watcher, "secure", ())

    def await_state(self, watcher: Watcher, state: str, findings: tuple[str, ...]) -> None:
        line = watcher.wait(state, findings, PATIENCE)
        self.assertIsNotNone(line, f"{state} {findings} was not told; last was {watcher.last}")


class SystemdResolved(Checking):
    """Real systemd-resolved, which sends every name to all links that volunteer for it."""

    @classmethod
    def setUpClass(cls) -> None:
        if resolvers.resolved_program() is None:
            raise unittest.SkipTest("SKIPPED: systemd-resolved is not installed (VPN_SENTINEL_SYSTEMD_RESOLVED)")

    def verdict_of(self, tunnel: str, router: str) -> tuple[dict, dict[str, dict]]:
        resolved = Resolved(self.lab, tunnel, router)
        self.addCleanup(resolved.close)
        return self.verdict(netns=f"pid:{resolved.pid}")

    def test_two_links_are_a_leak(self) -> None:
        dns, findings = self.verdict_of(f"DNS={TUNNEL_DNS}", f"DNS={ROUTER_DNS}")
        self.assertEqual(dns["verdict"], "leak")
        # The first answer wins: whether the router's is ever the first one, chance decides.
        self.assertIn(dns["reason"], ("STUB_MULTI_LINK", "EGRESS_IS_UPLINK"))
        self.assertIn("dns_resolver_outside", findings)

    def test_a_public_server_of_the_router_s_link_leaks_although_its_route_says_tunnel(self) -> None:
        dns, _ = self.verdict_of(f"DNS={TUNNEL_DNS}", f"DNS={PUBLIC_DNS}")
        self.assertEqual((dns["verdict"], dns["reason"]), ("leak", "STUB_MULTI_LINK"))

    def test_a_tunnel_that_claims_every_name_is_fine(self) -> None:
        dns, findings = self.verdict_of(f"DNS={TUNNEL_DNS}\nROUTE_DOMAINS=.", f"DNS={ROUTER_DNS}")
        self.assertEqual((dns["verdict"], dns["reason"]), ("no_leak", "EGRESS_IS_EXIT"))
        self.assertEqual(findings, {})


def main() -> None:
    global BUILD, MODE
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, required=True)
    options.add_argument("--mode", default=MODE, help="the tunnel, as of matrix.py")
    given, rest = options.parse_known_args()
    BUILD, MODE = given.build.resolve(), given.mode
    skip_unless_possible()
    missing = [name for name in ("dnsmasq", "unbound") if resolvers.program(name) is None]
    if missing:
        print(f"SKIPPED: not installed: {', '.join(missing)} (packaging/packages-test.txt)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
