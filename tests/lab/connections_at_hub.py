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
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import suite
from lab import Lab
from network import WEB
from stack import API, Stack, wait_for

BUILD = Path()
PORT = 4444
BYTES = 100_000
DATAGRAMS, DATAGRAM = 100, 1200
ETH_P_ALL, OUTGOING = 3, 4
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

# As QUIC sends: many large datagrams of a connected socket.
DATAGRAM_SENDER = """
import socket, sys, time
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.SOL_SOCKET, 25, b"eth0")
made.connect((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    try:
        made.send(b"x" * int(sys.argv[4]))
    except ConnectionRefusedError:
        pass
    time.sleep(0.005)
print("sent", flush=True)
sys.stdin.readline()
"""


class FarSide:
    """Counts what comes out of the protected namespace's uplink for one port, by a packet socket beyond it."""

    def __init__(self, lab: Lab, protocol: int, port: int) -> None:
        self.packets = self.bytes = 0
        self._what = protocol, port
        self._socket = lab.call("host", self._open)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        sock.bind(("to-vpn", ETH_P_ALL))
        sock.settimeout(0.1)
        return sock

    def _listen(self) -> None:
        while True:
            try:
                packet, sender = self._socket.recvfrom(64)
            except TimeoutError:
                continue
            except OSError:
                return
            start = (packet[0] & 15) * 4
            port = int.from_bytes(packet[start + 2 : start + 4], "big")
            if sender[2] != OUTGOING and packet[0] >> 4 == 4 and (packet[9], port) == self._what:
                self.packets += 1
                self.bytes += int.from_bytes(packet[2:4], "big")

    def close(self) -> None:
        self._socket.close()
        self._thread.join()


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
        name = more.get("VPN_SENTINEL_CLIENT_ID", "office")
        wait_for("the probe tells of connections", lambda: name in [one["client_id"] for one in self.clients()], 30)

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
    def connected(self, argv: list[str]) -> Iterator[subprocess.Popen]:
        """Ended afterwards, whatever it is doing."""
        process = self.lab.popen("vpn", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(process.stdout.readline(), "connected\n")
            yield process
        finally:
            process.kill()
            process.wait(5)
            process.stdin.close()
            process.stdout.close()

    def sending(self, protocol: int, port: int) -> AbstractContextManager[subprocess.Popen]:
        """Past the tunnel."""
        program = str(self.lab.folder / NAMES["outside"])
        if protocol == socket.IPPROTO_TCP:
            argv = [program, str(self.talker), WEB["v4"], str(port), "eth0", str(BYTES)]
        else:
            argv = [program, "-c", DATAGRAM_SENDER, WEB["v4"], str(port), str(DATAGRAMS), str(DATAGRAM)]
        return self.connected(argv)

    def talking(self, way: str) -> AbstractContextManager[subprocess.Popen]:
        device = "eth0" if way == "outside" else ""
        argv = [str(self.lab.folder / NAMES[way]), str(self.talker), WEB["v4"], str(PORT), device, str(BYTES)]
        return self.connected(argv)

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

    def far_side_agrees(self, source: str, protocol: int, port: int, largest: int) -> None:
        """What a source counts of a program, held against what was seen to leave: within one packet."""
        client = f"{source}-{port}"
        self.start_probe(VPN_SENTINEL_CONNECTIONS=source, VPN_SENTINEL_CLIENT_ID=client)
        far = FarSide(self.lab, protocol, port)
        self.addCleanup(far.close)

        def flows() -> list[dict]:
            told = [flow for flow in self.ask("history", "?limit=1000")["flows"] if (flow["client_id"], flow.get("port")) == (client, port)]
            names = {flow["program"] for flow in told if "program" in flow}
            self.assertLessEqual(names, {NAMES["outside"]}, told)
            return told

        def total() -> int:
            return sum(flow.get("bytes_out", 0) for flow in flows())

        with self.sending(protocol, port) as process:
            if source != "conntrack":
                wait_for("the connection is known", flows, 20)
            self.say(process)
        # While it is silent eBPF has not told the end of a burst; its close does.
        wait_for(f"{source} counts what left", lambda: far.packets and abs(far.bytes - total()) <= largest, 30)
        print(f"{source}: {total()} of {far.bytes} bytes, {far.packets} packets", file=sys.stderr)

    def test_bytes_are_those_that_the_far_side_saw_within_one_packet(self) -> None:
        self.lab.exec("vpn", ["sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1"])
        self.lab.exec("vpn", ["nft", "add table inet seen; add chain inet seen o { type filter hook output priority 0; }; "
                              "add rule inet seen o ct state new counter"])  # fmt: skip
        self.addCleanup(lambda: self.lab.exec("vpn", ["nft", "delete table inet seen"], check=False))
        for number, source in enumerate(("ebpf", "conntrack")):
            self.far_side_agrees(source, socket.IPPROTO_UDP, 6000 + number, DATAGRAM + 28)
            self.stack.kill_probe()

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
