#!/usr/bin/env python3
"""What a real probe says of packets that leave beside a healthy tunnel, while every route is as it should be.

    packets_outside.py --build FOLDER [TEST…]

Each leak is confirmed by an observer beyond the uplink, who sees Ethernet frames and knows nothing of nf_tables.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import suite
from lab import Lab
from network import DNS, GATEWAY, SERVER, UPLINK, WEB
from process import wait_until
from watcher import Watcher, watching

BUILD = Path()
ETH_P_ALL, SOL_BINDTODEVICE = 3, 25
LEAKED_PORT = 4444
QUIET = ["--check-interval", "300s", "--stun-servers", "none", "--large-packets", "false", "--latency-drop", "0", "--learn-uplink", "false"]


def bound_socket(family: int = socket.AF_INET, device: str = "eth0") -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, SOL_BINDTODEVICE, device.encode())
    return made


def send_bound(address: str, port: int, device: str = "eth0") -> int:
    """By UDP from a socket that is bound to the uplink; when it was sent (CLOCK_MONOTONIC, ns)."""
    with bound_socket(socket.AF_INET6 if ":" in address else socket.AF_INET, device) as made:
        sent = time.monotonic_ns()
        made.sendto(b"leak", (address, port))
        return sent


def send_frame(destination: str, port: int) -> int:
    """By a packet socket, past all of IP."""
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, 17, 0, socket.inet_aton(UPLINK["v4"]), socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    packet = packet[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + packet[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as made:
        sent = time.monotonic_ns()
        made.sendto(packet + struct.pack("!HHHH", 4321, port, 12, 0) + b"leak", ("eth0", 0x0800, 0, 0, b"\xff" * 6))
        return sent


class Observer:
    """Counts frames that come out of the protected namespace's uplink, by a packet socket in `host`."""

    def __init__(self, lab: Lab) -> None:
        self.seen: list[tuple[str, int, int]] = []  # destination, protocol, port
        self._socket = lab.call("host", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        self._socket.settimeout(0.1)
        self._open = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self._open:
            try:
                frame, (_, kind, direction, *_) = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if kind == 0x0800 and frame[26:30] == socket.inet_aton(UPLINK["v4"]):
                start = 14 + (frame[14] & 15) * 4
                port = struct.unpack("!H", frame[start + 2 : start + 4])[0]
                self.seen.append((socket.inet_ntoa(frame[30:34]), frame[23], port))
            elif kind == 0x86DD and frame[22:38] == socket.inet_pton(socket.AF_INET6, UPLINK["v6"]):
                port = struct.unpack("!H", frame[56:58])[0]
                self.seen.append((socket.inet_ntop(socket.AF_INET6, frame[38:54]), frame[20], port))

    def saw(self, destination: str, port: int) -> bool:
        return any((address, number) == (destination, port) for address, _, number in self.seen)

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()


class PacketsOutside(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("wg-quick")

    def setUp(self) -> None:
        self.observer = Observer(self.lab)
        self.addCleanup(self.observer.close)

    @contextmanager
    def watched(self, *more: str) -> Iterator[Watcher]:
        with watching(self.lab, BUILD / "vpn-sentinel-probe", *QUIET, *more) as watcher:
            self.assertIsNotNone(watcher.wait("secure", (), 12), watcher.last)
            wait_until(lambda: self.tables(), 3, "the meter is in place", 0.01)
            yield watcher

    def tables(self, space: str = "vpn") -> list[str]:
        lines = self.lab.exec(space, ["nft", "list", "tables"]).stdout.splitlines()
        return [line for line in lines if "vpn-sentinel-" in line]

    def leak(self, watcher: Watcher, send: Callable[[], int], code: str, state: str) -> dict:
        """Sends, and awaits the finding; its evidence."""
        sent = self.lab.call("vpn", send)
        line = watcher.wait(state, (code,), 5)
        self.assertIsNotNone(line, watcher.last)
        print(f"{code} after {(line.received_ns - sent) / 1e6:.1f} ms ", file=sys.stderr, end="", flush=True)
        return next(finding["evidence"] for finding in json.loads(line.evidence) if finding["code"] == code)

    def quiet(self, watcher: Watcher, seconds: float = 2) -> None:
        """Nothing is told for a while."""
        told = [line for line in watcher.listen(seconds) if line.state != "secure"]
        self.assertEqual(told, [])

    def saw(self, destination: str, port: int) -> None:
        wait_until(lambda: self.observer.saw(destination, port), 3, f"the observer saw {destination} port {port}", 0.01)

    # Leaks

    def test_a_program_that_is_bound_to_the_uplink_is_danger_at_once(self) -> None:
        with self.watched() as watcher:
            evidence = self.leak(watcher, lambda: send_bound(WEB["v4"], LEAKED_PORT), "packets_outside", "danger")
            self.saw(WEB["v4"], LEAKED_PORT)
            self.assertTrue(evidence["destinations"][0].startswith(f"{WEB['v4']} UDP port {LEAKED_PORT}, uid 0: 1 packet"), evidence)
            self.assertIn("ipv4", evidence)

    def test_ipv6_that_is_bound_to_the_uplink_is_danger(self) -> None:
        with self.watched() as watcher:
            evidence = self.leak(watcher, lambda: send_bound(WEB["v6"], LEAKED_PORT), "packets_outside", "danger")
            self.saw(WEB["v6"], LEAKED_PORT)
            self.assertIn("ipv6", evidence)

    def test_dns_that_is_bound_to_the_uplink_is_a_warning(self) -> None:
        with self.watched() as watcher:
            evidence = self.leak(watcher, lambda: send_bound(DNS["v4"], 53), "dns_packets_outside", "warning")
            self.saw(DNS["v4"], 53)
            self.assertIn("UDP port 53", evidence["destinations"][0])

    def test_packet_sockets_are_seen(self) -> None:
        with self.watched() as watcher:
            self.leak(watcher, lambda: send_frame(WEB["v4"], LEAKED_PORT), "packets_outside", "danger")
            self.saw(WEB["v4"], LEAKED_PORT)
        with self.watched() as watcher:
            self.leak(watcher, lambda: send_frame(DNS["v4"], 53), "dns_packets_outside", "warning")
            self.saw(DNS["v4"], 53)

    def test_another_program_that_speaks_to_the_server_is_a_warning(self) -> None:
        with self.watched() as watcher:
            evidence = self.leak(watcher, lambda: send_bound(SERVER, 22), "packets_outside", "warning")
            self.saw(SERVER, 22)
            self.assertIn("to_vpn_server", evidence)

    def test_a_probe_that_starts_in_the_middle_of_a_leak_sees_it(self) -> None:
        stop = threading.Event()

        def leak_on() -> None:
            while not stop.wait(0.05):
                send_bound(WEB["v4"], LEAKED_PORT)

        leaking = threading.Thread(target=lambda: self.lab.call("vpn", leak_on))
        leaking.start()
        try:
            with watching(self.lab, BUILD / "vpn-sentinel-probe", *QUIET) as watcher:
                self.assertIsNotNone(watcher.wait("danger", ("packets_outside",), 5), watcher.last)
        finally:
            stop.set()
            leaking.join()

    # No leaks

    def test_what_belongs_to_the_link_or_stays_on_it_is_no_leak(self) -> None:
        def chat() -> None:
            for address in ("224.0.0.251", "239.255.255.250", "ff02::fb", "255.255.255.255", GATEWAY["v4"], "198.18.50.77"):
                with bound_socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as made:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                    made.sendto(b"hello", (address, 5353))
            for address in ("2001:db8:50::77", "fe80::77"):  # asks for a neighbour
                with bound_socket(socket.AF_INET6) as made:
                    made.sendto(b"hello", (address, 9))

        with self.watched() as watcher:
            self.lab.call("vpn", chat)
            self.lab.ip("vpn", "addr add 2001:db8:50::99/64 dev eth0", "addr del 2001:db8:50::99/64 dev eth0")
            self.quiet(watcher)

    def test_the_tunnels_own_packets_are_no_leak(self) -> None:
        for mode in ("openvpn", "wg-quick"):
            self.lab.start(mode)
            with self.subTest(mode), self.watched() as watcher:
                for _ in range(5):
                    self.assertEqual(self.lab.ways(), {"v4": "tunnel", "v6": "tunnel"})
                self.quiet(watcher)

    def test_a_restart_of_the_vpn_is_no_leak_of_its_own(self) -> None:
        with self.watched() as watcher:
            self.lab.start("wg-quick")
            watcher.wait("secure", (), 12)
            self.assertNotIn("packets_outside", watcher.last.findings, watcher.last.evidence)
            self.quiet(watcher, 3)

    def test_a_network_of_the_settings_may_be_reached(self) -> None:
        with self.watched("--local-network", f"{WEB['v4']}/32") as watcher:
            self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT)
            self.saw(WEB["v4"], LEAKED_PORT)
            self.quiet(watcher)

    def test_a_user_who_may_bypass_the_tunnel_is_no_leak_and_others_are(self) -> None:
        with self.watched("--allow-uids", "0") as watcher:
            self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT)
            self.quiet(watcher)
        with self.watched("--allow-uids", "4242") as watcher:
            self.leak(watcher, lambda: send_bound(WEB["v4"], LEAKED_PORT), "packets_outside", "danger")

    # Coming and going

    def start(self, name: str, client: str = "office") -> subprocess.Popen:
        folder = self.lab.folder / f"{name}-data"
        folder.mkdir(exist_ok=True)
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "run", "--config", str(self.lab.folder / "empty.toml"), "--netns",
            f"name:{self.lab.netns('vpn')}", "--client-id", client, "--data-dir", str(folder), "--url", "http://198.18.100.2:9", *QUIET,
            "--trace-urls", "", "--egress-names", "0", "--liveness-server", DNS["v4"], "--whoami-servers", DNS["v4"],
        ]  # fmt: skip
        (self.lab.folder / "empty.toml").write_text("")
        return self.lab.popen("host", argv, name, self.lab.folder / f"{name}.log")

    def test_tables_go_with_the_probe_and_are_replaced_after_a_kill(self) -> None:
        probe = self.start("one")
        wait_until(lambda: len(self.tables()) == 2, 10, "the tables are there", 0.02)
        before = self.tables()
        probe.kill()
        probe.wait(5)
        probe = self.start("one")
        wait_until(lambda: len(self.tables()) == 2, 10, "the tables are there again", 0.02)
        self.assertEqual(self.tables(), before)
        probe.send_signal(signal.SIGTERM)
        probe.wait(10)
        self.assertEqual(self.tables(), [])

    def test_two_probes_count_side_by_side(self) -> None:
        one, two = self.start("one"), self.start("two")
        try:
            wait_until(lambda: len(self.tables()) == 4, 10, "both have tables", 0.02)
            self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT)
            for name in ("one", "two"):
                log = self.lab.folder / f"{name}.log"
                wait_until(lambda log=log: "packets_outside" in log.read_text(), 5, f"{name} tells the leak", 0.02)
        finally:
            for probe in (one, two):
                probe.terminate()
                probe.wait(10)
        self.assertEqual(self.tables(), [])

    def test_check_tells_it_in_words(self) -> None:
        argv = [
            str(BUILD / "vpn-sentinel-probe"), "check", "--config", str(self.lab.folder / "empty.toml"), "--netns",
            f"name:{self.lab.netns('vpn')}", "--client-id", "office", *QUIET, "--trace-urls", "", "--egress-names", "0", "--resolvers",
            DNS["v4"], "--whoami-servers", DNS["v4"], "--liveness-server", DNS["v4"],
        ]  # fmt: skip
        (self.lab.folder / "empty.toml").write_text("")
        text = self.lab.exec("host", argv, timeout=30, check=False).stdout
        self.assertIn("none outside the tunnel within", text)
        self.assertEqual(self.tables(), [])


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(PacketsOutside, given.tests)


if __name__ == "__main__":
    sys.exit(main())
