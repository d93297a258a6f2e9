#!/usr/bin/env python3
"""Which program leaks: what a real probe says of programs that go past a healthy tunnel, and what each source sees of their connections.

    process_outside.py --build FOLDER [TEST…]

A program is named rightly or not at all. The table of packaging/guides/programs.md is what the sources are good for: it is measured here,
and held against what is published.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import suite
from lab import Lab
from leaks import CONTAINER, LEAKS, PORT, Leakers
from network import WEB
from process import wait_until
from tracing import wait_joined
from watcher import Line, Watcher, watching

BUILD = Path()
QUIET = ["--check-interval", "300s", "--stun-servers", "none", "--large-packets", "false", "--latency-drop", "0", "--learn-uplink", "false"]

GUIDE = Path(__file__).resolve().parents[2] / "packaging" / "guides" / "programs.md"
SOURCES = ("ebpf", "sock_diag", "conntrack", "nflog")
HEADING = ["leak", "alert by ebpf", "alert by sock_diag", *(f"`connections` by {source}" for source in SOURCES)]


def row_text(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


class ProcessOutside(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("wg-quick")
        cls.leaks = Leakers(cls.lab)
        cls.addClassCleanup(cls.leaks.close)
        for address in WEB.values():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = cls.lab.call("inet", lambda family=family: socket.socket(family, socket.SOCK_STREAM))
            cls.addClassCleanup(listener.close)
            listener.bind((address, PORT))
            listener.listen()

    @contextmanager
    def watched(self, *more: str) -> Iterator[Watcher]:
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *QUIET, *more) as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 30), watcher.last)
            wait_until(lambda: "vpn-sentinel-" in self.lab.exec("vpn", ["nft", "list", "tables"]).stdout, 15, "the meter is in place", 0.01)
            if not {"sock_diag", "off"} & set(more):
                wait_joined(self.lab, "vpn")
            yield watcher

    @contextmanager
    def leaking(self, kind: str, address: str = WEB["v4"], port: int = PORT, seconds: float = 30) -> Iterator[subprocess.Popen]:
        with self.leaks.started(kind, address, port, seconds) as leak:
            leak.send()
            yield leak.process

    @staticmethod
    def evidence(watcher: Watcher, code: str) -> dict | None:
        return next((one["evidence"] for one in json.loads(watcher.last.evidence) if one["code"] == code), None)

    def named(self, kind: str, address: str) -> None:
        with self.watched() as watcher, self.leaking(kind, address) as process:
            sent = time.monotonic_ns()

            def is_named(line: Line) -> bool:
                if "process_outside" not in line.findings:
                    return False
                evidence = self.evidence(watcher, "process_outside")
                self.assertEqual((evidence["pid"], evidence["process"]), (process.pid, "hidden-leaker"), evidence)
                return line.state == "danger"

            line = watcher.wait_until(is_named, 20)
            self.assertIsNotNone(line, watcher.last)
            print(f"{kind} {address} named after {(line.received_ns - sent) / 1e6:.1f} ms ", file=sys.stderr, end="", flush=True)
            evidence = self.evidence(watcher, "process_outside")
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

    def test_by_sock_diag_udp_without_a_far_end_is_told_with_the_reason(self) -> None:
        with self.watched("--connections", "sock_diag") as watcher, self.leaking("sendto"):
            self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 20), watcher.last)
            self.assertIsNone(self.evidence(watcher, "process_outside"))
            self.assertIn("without connect", self.evidence(watcher, "packets_outside")["unattributed"][0])

    def test_short_lived_programs_are_named_rightly_or_not_at_all(self) -> None:
        right = nobody = 0
        # One that has the same destination by the tunnel, and is innocent.
        innocent = self.lab.call("vpn", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        innocent.connect((WEB["v4"], PORT))
        try:
            for round_number in range(6):
                with self.watched() as watcher, self.leaking("udp", seconds=0.002 * round_number) as process:
                    self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 20), watcher.last)
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
            self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 20), watcher.last)
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
                code, told = self.connections("--connections", "sock_diag")
                self.assertEqual(code, 2, told)
                # Connections of programs that ended a moment ago have no owner any more.
                ways = {one["peer"]: one for one in told["connections"] if "program" in one}
                leaked = ways[f"{WEB['v4']}:{PORT}"]
                self.assertEqual((leaked["way"], leaked["program"]["pid"], leaked["device"]), ("outside", process.pid, "eth0"))
                self.assertEqual(ways[f"{WEB['v4']}:9999"]["way"], "tunnel")
                self.assertTrue(told["not_seen"])
                code, told = self.connections("--outside", "--destinations", "prefix")
                self.assertEqual({one["way"] for one in told["connections"]}, {"outside"})
                self.assertNotIn(WEB["v4"] + ":", json.dumps(told["connections"][0]["peer"]))
        finally:
            inside.close()

    # The table

    def alert(self, kind: str, address: str, source: str, published: str) -> str:
        """Whom the alert of one leak names; a wrong name fails. What is published has time to come true."""
        with ExitStack() as stack:
            older = stack.enter_context(self.leaks.started(kind, address)) if kind == "older" else None
            watcher = stack.enter_context(self.watched("--connections", source))
            leak = older or stack.enter_context(self.leaks.started(kind, address))
            sent = leak.send()

            def names(line: Line) -> bool:
                return "process_outside" in line.findings

            self.assertIsNotNone(watcher.wait_until(lambda line: "packets_outside" in line.findings, 20), watcher.last)
            line = watcher.last if names(watcher.last) else watcher.wait_until(names, 20 if published == "named" else 2)
            if line is None:
                if kind == "packet":
                    # Nobody saw who sent; who may have is told, unless a loaded machine took too long to find out.
                    for told in self.evidence(watcher, "packets_outside").get("unattributed", []):
                        self.assertIn(f"hidden-leaker (pid {leak.sender})", told)
                return "unattributed"
            evidence = self.evidence(watcher, "process_outside")
            self.assertEqual((evidence["pid"], evidence["process"]), (leak.sender, "hidden-leaker"), (kind, source, evidence))
            self.assertIn(address, evidence["destination"])
            if kind == "container" and source == "ebpf":
                self.assertEqual(evidence["container"][:12], CONTAINER[:12])
            print(f"{kind} named by {source} after {(line.received_ns - sent) / 1e6:.1f} ms", file=sys.stderr)
            return "named"

    @contextmanager
    def listing(self, source: str) -> Iterator[Path]:
        """What the command prints of all that is new, in a file."""
        told = self.lab.folder / f"{source}.jsonl"
        (self.lab.folder / "empty.toml").write_text("")
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "connections", "--watch", "--json", "--config", str(self.lab.folder / "empty.toml"),
            "--netns", f"name:{self.lab.netns('vpn')}", "--client-id", "office", "--connections", source, "--nflog-group", "9",
        ]  # fmt: skip
        with told.open("w") as output:
            process = self.lab.popen("host", argv, stdout=output)
            try:
                wait_until(lambda: told.stat().st_size > 0, 10, f"{source} lists")
                time.sleep(0.6)
                yield told
            finally:
                process.terminate()
                process.wait(5)

    def seen(self, told: Path, source: str, kind: str, end: str, sender: int) -> str:
        flows = [json.loads(line) for line in told.read_text().rpartition("\n")[0].splitlines() if line.startswith('{"')]
        protocol = "icmp" if kind == "icmp" else "tcp" if kind == "tcp" else "udp"
        found = [one for one in flows if one.get("peer") == end and one["protocol"] == protocol]
        pids = {one["program"]["pid"] for one in found if "program" in one}
        self.assertLessEqual(pids, {sender}, (source, kind, found))
        return "not seen" if not found else "seen and named" if pids else "seen"

    def listed(self, published: dict[str, list[str]]) -> dict[str, list[str]]:
        """What each source lists of each leak."""
        cells: dict[str, list[str]] = {}
        with ExitStack() as stack:
            older = stack.enter_context(self.leaks.started("older", port=5000 + list(LEAKS).index("a socket that is older than the probe")))
            files = [stack.enter_context(self.listing(source)) for source in SOURCES]
            for number, (name, (kind, address)) in enumerate(LEAKS.items()):
                # Somebody listens for TCP: what is refused is closed at once.
                port = {"icmp": 0, "tcp": PORT}.get(kind, 5000 + number)
                leak = older if kind == "older" else stack.enter_context(self.leaks.started(kind, address, port))
                leak.send()
                time.sleep(1.2)  # so long may it take until all have looked
                end = address if port == 0 else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                deadline = time.monotonic() + 15
                while True:
                    seen = [self.seen(file, source, kind, end, leak.sender) for file, source in zip(files, SOURCES, strict=True)]
                    if seen == published[name][2:] or time.monotonic() >= deadline:
                        break
                    time.sleep(0.1)
                cells[name] = seen
        return cells

    def test_the_published_table_is_what_the_sources_see(self) -> None:
        self.lab.exec("vpn", ["nft", "add table inet seen; add chain inet seen o { type filter hook output priority 0; }; "
                              "add rule inet seen o ct state new counter; add rule inet seen o oifname eth0 ip daddr "
                              f"{WEB['v4']} log group 9; add rule inet seen o oifname eth0 ip6 daddr {WEB['v6']} log group 9"])  # fmt: skip
        self.addCleanup(lambda: self.lab.exec("vpn", ["nft", "delete table inet seen"], check=False))
        lines = [line for line in GUIDE.read_text().splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        published = {name: next((row[1:] for row in cells if row[0] == name), []) for name in LEAKS}
        listed = self.listed(published)
        rows = [row_text(HEADING), row_text(["---"] * len(HEADING))]
        for name, (kind, address) in LEAKS.items():
            told = published[name] or ["", ""]
            alerts = [self.alert(kind, address, source, told[number]) for number, source in enumerate(("ebpf", "sock_diag"))]
            rows.append(row_text([name, *alerts, *listed[name]]))
        print("\n" + "\n".join(rows), file=sys.stderr)
        self.assertEqual(lines[: len(rows)], rows, f"the first table of {GUIDE.name} must be the one above")


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(ProcessOutside, given.tests)


if __name__ == "__main__":
    sys.exit(main())
