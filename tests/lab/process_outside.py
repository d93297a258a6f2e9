#!/usr/bin/env python3
"""Which program leaks: what a real probe says of programs that go past a healthy tunnel, and what each source sees of their connections.

    process_outside.py --build FOLDER [TEST…]

A program is named rightly or not at all; the table that `test_table` prints is what the sources are good for.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import suite
from lab import Lab
from network import WEB
from process import wait_until
from watcher import Watcher, watching

BUILD = Path()
LEAKED_PORT = 4444
QUIET = ["--check-interval", "300s", "--stun-servers", "none", "--large-packets", "false", "--latency-drop", "0", "--learn-uplink", "false"]

# Bound to the uplink, then: connected UDP, UDP by sendto, TCP that is taken and never spoken to. Sleeps unless it is told to end at once.
LEAKER = """
import socket, sys, time
kind, address, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
made = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
made.setsockopt(socket.SOL_SOCKET, 25, b"eth0")
if kind == "tcp":
    made.setblocking(False)
    made.connect_ex((address, port))
elif kind == "udp":
    made.connect((address, port))
    made.send(b"leak")
else:
    made.sendto(b"leak", (address, port))
print("sent", flush=True)
time.sleep(seconds)
"""


class ProcessOutside(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("wg-quick")
        cls.leaker = cls.lab.folder / "leaker.py"
        cls.leaker.write_text(LEAKER)
        # Its name is what the kernel tells, so that it must not be "python3".
        cls.program = cls.lab.folder / "hidden-leaker"
        cls.program.symlink_to(sys.executable)
        for address in WEB.values():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = cls.lab.call("inet", lambda family=family: socket.socket(family, socket.SOCK_STREAM))
            cls.addClassCleanup(listener.close)
            listener.bind((address, LEAKED_PORT))
            listener.listen()

    @contextmanager
    def watched(self, *more: str) -> Iterator[Watcher]:
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *QUIET, *more) as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 12), watcher.last)
            wait_until(lambda: "vpn-sentinel-" in self.lab.exec("vpn", ["nft", "list", "tables"]).stdout, 3, "the meter is in place", 0.01)
            yield watcher

    @contextmanager
    def leaking(self, kind: str, address: str = WEB["v4"], port: int = LEAKED_PORT, seconds: float = 30) -> Iterator[subprocess.Popen]:
        argv = [str(self.program), str(self.leaker), kind, address, str(port), str(seconds)]
        process = self.lab.popen("vpn", argv, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait(5)
            process.stdout.close()

    @staticmethod
    def evidence(watcher: Watcher, code: str) -> dict | None:
        return next((one["evidence"] for one in json.loads(watcher.last.evidence) if one["code"] == code), None)

    def named(self, kind: str, address: str) -> None:
        with self.watched() as watcher, self.leaking(kind, address) as process:
            process.stdout.readline()
            sent = time.monotonic_ns()
            line = watcher.wait("danger", ("process_outside", "packets_outside"), 5)
            self.assertIsNotNone(line, watcher.last)
            print(f"{kind} {address} named after {(line.received_ns - sent) / 1e6:.1f} ms ", file=sys.stderr, end="", flush=True)
            evidence = self.evidence(watcher, "process_outside")
            self.assertEqual((evidence["pid"], evidence["process"]), (process.pid, "hidden-leaker"), evidence)
            self.assertEqual(evidence["uid"], 0)
            self.assertIn(address, evidence["destination"])
            # The first word of it has the name already.
            self.assertEqual(json.loads(line.evidence)[0]["code"], "process_outside")

    def test_tcp_is_named(self) -> None:
        self.named("tcp", WEB["v4"])

    def test_tcp_over_ipv6_is_named(self) -> None:
        self.named("tcp", WEB["v6"])

    def test_udp_that_is_connected_is_named(self) -> None:
        self.named("udp", WEB["v4"])

    def test_udp_without_a_far_end_is_told_with_the_reason(self) -> None:
        with self.watched() as watcher, self.leaking("sendto"):
            self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 5), watcher.last)
            self.assertIsNone(self.evidence(watcher, "process_outside"))
            self.assertIn("without connect", self.evidence(watcher, "packets_outside")["unattributed"][0])

    def test_short_lived_programs_are_named_rightly_or_not_at_all(self) -> None:
        right = nobody = 0
        # One that has the same destination by the tunnel, and is innocent.
        innocent = self.lab.call("vpn", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        innocent.connect((WEB["v4"], LEAKED_PORT))
        try:
            for round_number in range(6):
                with self.watched() as watcher, self.leaking("udp", seconds=0.002 * round_number) as process:
                    self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 5), watcher.last)
                    evidence = self.evidence(watcher, "process_outside")
                    if evidence is None:
                        nobody += 1
                        continue
                    self.assertEqual(evidence["pid"], process.pid, evidence)
                    right += 1
        finally:
            innocent.close()
        print(f"{right} right, {nobody} unattributed, 0 wrong ", file=sys.stderr, end="", flush=True)

    def test_switched_off_nobody_is_named(self) -> None:
        with self.watched("--connections", "off") as watcher, self.leaking("tcp"):
            self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 5), watcher.last)
            self.assertIsNone(self.evidence(watcher, "process_outside"))

    # The command

    def connections(self, *more: str) -> tuple[int, dict]:
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "connections", "--json", "--config", str(self.lab.folder / "empty.toml"), "--netns",
            f"name:{self.lab.netns('vpn')}", "--client-id", "office", *more,
        ]  # fmt: skip
        (self.lab.folder / "empty.toml").write_text("")
        done = self.lab.exec("host", argv, timeout=20, check=False)
        return done.returncode, json.loads(done.stdout or "{}")

    def test_the_command_tells_way_and_program(self) -> None:
        inside = self.lab.call("vpn", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        inside.connect((WEB["v4"], 9999))
        try:
            with self.leaking("tcp") as process:
                process.stdout.readline()
                code, told = self.connections("--connections", "sock_diag")
                self.assertEqual(code, 2, told)
                # Connections of programs that ended a moment ago have no owner any more.
                ways = {one["peer"]: one for one in told["connections"] if "program" in one}
                leaked = ways[f"{WEB['v4']}:{LEAKED_PORT}"]
                self.assertEqual((leaked["way"], leaked["program"]["pid"], leaked["device"]), ("outside", process.pid, "eth0"))
                self.assertEqual(ways[f"{WEB['v4']}:9999"]["way"], "tunnel")
                self.assertTrue(told["not_seen"])
                code, told = self.connections("--outside", "--destinations", "prefix")
                self.assertEqual({one["way"] for one in told["connections"]}, {"outside"})
                self.assertNotIn(WEB["v4"] + ":", json.dumps(told["connections"][0]["peer"]))
        finally:
            inside.close()

    def test_table(self) -> None:
        """What each source sees of each kind of leak."""
        self.lab.exec("vpn", ["nft", "add table inet seen; add chain inet seen o { type filter hook output priority 0; }; "
                              "add rule inet seen o ct state new counter; add rule inet seen o oifname eth0 ip daddr "
                              f"{WEB['v4']} log group 9"])  # fmt: skip
        self.addCleanup(lambda: self.lab.exec("vpn", ["nft", "delete table inet seen"], check=False))
        rows = []
        for kind in ("tcp", "udp", "sendto"):
            port = LEAKED_PORT if kind == "tcp" else LEAKED_PORT + 1
            with self.leaking(kind, port=port) as process:
                process.stdout.readline()
                for source in ("sock_diag", "conntrack"):
                    _, told = self.connections("--connections", source)
                    found = [one for one in told["connections"] if one.get("peer") == f"{WEB['v4']}:{port}"]
                    pids = [one["program"]["pid"] for one in found if "program" in one]
                    self.assertIn(pids, ([], [process.pid]))
                    what = "not seen" if not found else "seen and named" if pids else "seen"
                    rows.append(f"{kind:<8} {source:<10} {what:<15} way {found[0]['way'] if found else '-'}")
        print("\n" + "\n".join(rows), file=sys.stderr)
        self.assertIn("tcp      sock_diag  seen and named  way outside", rows)
        self.assertIn("udp      sock_diag  seen and named  way outside", rows)
        self.assertIn("sendto   sock_diag  not seen        way -", rows)
        self.assertTrue(any(row.startswith("sendto   conntrack  seen ") for row in rows), rows)


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(ProcessOutside, given.tests)


if __name__ == "__main__":
    sys.exit(main())
