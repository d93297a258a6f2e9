#!/usr/bin/env python3
"""What the hub knows of connections: a real probe, programs that go by the tunnel and past it, and the hub's answers.

    connections_at_hub.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import suite
from lab import Lab
from network import WEB
from stack import API, Stack, wait_for

BUILD = Path()
PORT = 4444
BYTES = 100_000
NAMES = {"tunnel": "honest-program", "outside": "hidden-leaker"}

# Sends so many bytes when it is told to, and stays connected.
TALKER = """
import socket, struct, sys
address, port, device, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
# Without a minute of TIME_WAIT, in which a connection is still listed.
made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
if device:
    made.setsockopt(socket.SOL_SOCKET, 25, device.encode())
made.connect((address, port))
print("connected", flush=True)
sys.stdin.readline()
made.sendall(b"x" * count)
print("sent", flush=True)
sys.stdin.readline()
"""


class ConnectionsAtHub(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("wg-quick")
        cls.talker = cls.lab.folder / "talker.py"
        cls.talker.write_text(TALKER)
        for name in NAMES.values():
            (cls.lab.folder / name).symlink_to(sys.executable)
        listener = cls.lab.call("inet", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        cls.addClassCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((WEB["v4"], PORT))
        listener.listen()
        threading.Thread(target=cls.take_all, args=(listener,), daemon=True).start()

    @classmethod
    def take_all(cls, listener: socket.socket) -> None:
        """Whoever connects is read until he goes."""

        def read(peer: socket.socket) -> None:
            with suppress(ConnectionResetError):
                while peer.recv(65536):
                    continue

        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=read, args=(peer,), daemon=True).start()

    def setUp(self) -> None:
        self.stack = Stack(self.lab, BUILD)
        self.addCleanup(self.stack.stop)
        self.stack.start_hub()

    def start_probe(self, **more: str) -> None:
        self.stack.start_probe(VPN_SENTINEL_CONNECTIONS_INTERVAL="1s", VPN_SENTINEL_STUN_SERVERS="none", **more)
        wait_for("the probe tells of connections", self.clients, 15)

    def clients(self) -> list[dict]:
        """None while the hub opens its file of flows, which it does beside all else."""
        status, value = self.stack.fetch(f"{API}/api/v1/connections/active")
        self.assertIn(status, (200, 503), value)
        return value["clients"] if status == 200 else []

    def ask(self, leaf: str, parameters: str = "") -> dict:
        status, value = self.stack.fetch(f"{API}/api/v1/connections/{leaf}{parameters}")
        self.assertEqual(status, 200, value)
        return value

    def flow(self, leaf: str, program: str, client: str = "office") -> dict | None:
        flows = self.ask(leaf, "?limit=1000")["flows"]
        return next((flow for flow in flows if (flow.get("program"), flow["client_id"]) == (program, client)), None)

    @contextmanager
    def talking(self, way: str) -> Iterator[subprocess.Popen]:
        device = "eth0" if way == "outside" else ""
        argv = [str(self.lab.folder / NAMES[way]), str(self.talker), WEB["v4"], str(PORT), device, str(BYTES)]
        process = self.lab.popen("vpn", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(process.stdout.readline(), "connected\n")
            yield process
        finally:
            process.kill()
            process.wait(5)
            process.stdin.close()
            process.stdout.close()

    def say(self, process: subprocess.Popen) -> None:
        process.stdin.write("go\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "sent\n")

    def test_program_destination_way_and_bytes_of_connections_are_known(self) -> None:
        self.start_probe()
        with self.talking("tunnel") as honest, self.talking("outside") as hidden:
            for way, name in NAMES.items():
                flow = wait_for(f"{name} is active", lambda name=name: self.flow("active", name))
                self.assertEqual((flow["way"], flow["destination"], flow["port"], flow["protocol"]), (way, WEB["v4"], PORT, "tcp"), flow)
                self.assertEqual((flow["uid"], flow["open"], flow["direction"]), (0, 1, "out"), flow)
            self.assertEqual(self.flow("active", NAMES["outside"])["interface"], "eth0")
            active = self.ask("active", "?outside=true")
            self.assertEqual([flow["program"] for flow in active["flows"]], [NAMES["outside"]])
            for process in (honest, hidden):
                self.say(process)

            def counted(name: str) -> dict | None:
                flow = self.flow("history", name)
                return flow if flow and flow.get("bytes_out", 0) >= BYTES else None

            for name in NAMES.values():
                flow = wait_for(f"the bytes of {name} are stored", lambda name=name: counted(name), 20)
                # Of the stream alone, or with headers where packets are tracked: the handshake and one in ten more at most.
                self.assertLess(flow["bytes_out"], BYTES * 1.2, flow)
                self.assertEqual(flow["opened"], 1, flow)
        wait_for("its end is told", lambda: (self.flow("history", NAMES["outside"]) or {}).get("closed") == 1, 20)
        wait_for("it is not active any more", lambda: self.flow("active", NAMES["outside"]) is None)
        stats = self.ask("stats", "?hours=1")
        self.assertGreaterEqual(stats["totals"]["outside"]["bytes_out"], BYTES)
        self.assertIn(NAMES["outside"], [one["program"] for one in stats["top_processes"]])
        self.assertEqual(self.stack.fetch(f"{API}/api/v1/connections/stats?client=nobody")[0], 404)

    def test_a_user_who_wants_to_tell_less_tells_less(self) -> None:
        self.start_probe(VPN_SENTINEL_DESTINATIONS="prefix", VPN_SENTINEL_CLIENT_ID="shy")
        with self.talking("outside"):
            flow = wait_for("the prefix is told", lambda: self.flow("active", NAMES["outside"], "shy"))
            self.assertEqual(flow["destination"], "198.18.0.0/24")
            source = next(one for one in self.ask("active")["clients"] if one["client_id"] == "shy")
            self.assertEqual((source["destinations"], source["countries"]), ("prefix", False), source)
        self.stack.kill_probe()
        self.start_probe(VPN_SENTINEL_DESTINATIONS="none", VPN_SENTINEL_CLIENT_ID="silent")
        with self.talking("outside"):
            flow = wait_for("only the program is told", lambda: self.flow("active", NAMES["outside"], "silent"))
            self.assertFalse({"destination", "port", "country"} & flow.keys(), flow)

    def test_a_dead_hub_costs_batches_that_are_counted_and_never_a_report(self) -> None:
        self.start_probe(VPN_SENTINEL_CLIENT_ID="patient")
        self.stack.kill_hub()
        with self.talking("tunnel"):
            self.stack.start_hub()
            wait_for("the hub takes connections again", self.clients, 30)
            wait_for("the probe tells of connections again", lambda: self.flow("active", NAMES["tunnel"], "patient"), 30)
            self.assertEqual(self.stack.state("patient"), "secure")


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(ConnectionsAtHub, given.tests)


if __name__ == "__main__":
    sys.exit(main())
