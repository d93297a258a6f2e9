#!/usr/bin/env python3
"""Hostile clients against a hub, each listener in turn; meanwhile a decent probe must be acknowledged within a second, always.

    hub_hostile.py --build FOLDER [--idle N] [--readers N] [--pipelined N] [--seed N]

At the end the hub has to be healthy, to have given all descriptors back, to have stayed within its memory and to end in order.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import os
import random
import resource
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from hostile_requests import AUTHORISED, BAD_FRAMES, HOST, MALFORMED, random_requests
from hub_daemon import HubDaemon, Simulator, simulate

CLIENTS = 1000
MOST_IDLE = 10_000
MOST_MIB = 400
ACKNOWLEDGED_WITHIN_US = 1_000_000
ANSWER_SECONDS = 5.0
# All of the headers must be there within 10 s; the hub looks once per second.
DRIP_SECONDS = 14.0
STATUS = b"GET /api/v1/status HTTP/1.1\r\n" + HOST + AUTHORISED + b"\r\n"
UPGRADE = b"GET /api/v1/live HTTP/1.1\r\n" + HOST + AUTHORISED + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
UPGRADE += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"

_sources = itertools.cycle(f"127.0.2.{number}" for number in range(1, 255))


def connect(port: int) -> socket.socket:
    """From one of many addresses, so that limits per address do not hide what comes behind them."""
    return socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS, (next(_sources), 0))


def answer_to(sock: socket.socket, request: bytes) -> int | None:
    """The status of the first answer, 0 when the hub ends the connection without one, None when it does neither in time."""
    try:
        sock.settimeout(ANSWER_SECONDS)
        sock.sendall(request)
        head = sock.recv(65536)
    except TimeoutError:
        return None
    except OSError:
        return 0
    return int(head[9:12]) if head.startswith(b"HTTP/1.") else 0


def answer_to_pieces(sock: socket.socket, head: bytes, body: bytes) -> int | None:
    """The same, for a body that comes byte by byte."""
    try:
        sock.sendall(head)
        for byte in body[:-1]:
            time.sleep(0.005)
            sock.sendall(bytes([byte]))
    except OSError:
        return 0
    return answer_to(sock, body[-1:])


class Drip:
    """Many connections that send headers byte by byte for as long as the hub lets them."""

    def __init__(self, port: int, count: int) -> None:
        self.sockets = [connect(port) for _ in range(count)]
        for sock in self.sockets:
            sock.setblocking(False)
        self.cut_off: list[float] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        request = itertools.chain(b"GET /api/v1/status HTTP/1.1\r\nX-A: ", itertools.repeat(ord("a")))
        begun, left = time.monotonic(), list(self.sockets)
        while left and time.monotonic() - begun < DRIP_SECONDS:
            byte = bytes([next(request)])
            left = [sock for sock in left if self._alive(sock, byte)]
            self.cut_off += [time.monotonic() - begun] * (len(self.sockets) - len(self.cut_off) - len(left))
            time.sleep(0.05)

    @staticmethod
    def _alive(sock: socket.socket, byte: bytes) -> bool:
        try:
            sock.send(byte)
            return bool(sock.recv(4096)) and False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def complaints(self) -> list[str]:
        self._thread.join()
        for sock in self.sockets:
            sock.close()
        late = len(self.sockets) - len(self.cut_off)
        return [f"{late} of {len(self.sockets)} dripping connections were not cut off within {DRIP_SECONDS:g} s"] if late else []


class Hostile:
    def __init__(self, build: Path, hub: HubDaemon, given: argparse.Namespace) -> None:
        self.build, self.hub, self.dice = build, hub, random.Random(given.seed)
        self.idle, self.readers, self.pipelined = given.idle, given.readers, given.pipelined
        self.ports = {"api": hub.api_port, "dashboard": hub.dashboard_port, "health": hub.health_port}
        self.complaints: list[str] = []

    def run(self) -> None:
        with ExitStack() as at_end:
            drips = [Drip(port, 100) for port in self.ports.values()]
            for drip in drips:
                at_end.callback(lambda drip=drip: self.complaints.extend(drip.complaints()))
            for attack in (
                self.malformed,
                self.random_bytes,
                self.byte_by_byte,
                self.pipelines,
                self.bad_frames,
                self.half_requests,
                self.endless_requests,
                self.slow_readers,
                self.slow_live_pages,
                self.come_and_go,
                self.idle_connections,
            ):
                self._attack(attack)

    def _attack(self, attack: Callable[[], str]) -> None:
        begun = time.monotonic()
        with Simulator(self.build, self.hub.url, 60, probes=1, connections=1, rate=10, client_prefix="decent") as decent:
            time.sleep(0.3)
            try:
                told = attack()
            except OSError as error:
                told = f"ended by {error!r}"
                self.complaints.append(f"{attack.__name__}: {told}")
            time.sleep(0.3)
            served = decent.end()
        if served["max_us"] > ACKNOWLEDGED_WITHIN_US or set(served["statuses"]) != {"200"}:
            self.complaints.append(f"{attack.__name__}: the decent probe was not served as it should be: {served}")
        if served["lost"] or served["unanswered"] or served["refused"]:
            self.complaints.append(f"{attack.__name__}: the decent probe lost connections: {served}")
        if self.hub.process is None or self.hub.process.poll() is not None:
            raise AssertionError(f"the hub ended in '{attack.__name__}':\n{self.hub.log.read_text()[-3000:]}")
        took, slowest = time.monotonic() - begun, served["max_us"] / 1000
        print(f"{attack.__name__:<18}{took:>5.1f} s  hub {self.hub.memory_mib():>5.1f} MiB  decent probe {slowest:>5.0f} ms  {told}", flush=True)

    def malformed(self) -> str:
        for where, port in self.ports.items():
            for name, request in MALFORMED.items():
                with connect(port) as sock:
                    status = answer_to(sock, request)
                if status is None or 0 < status < 400:
                    self.complaints.append(f"{where}: {name}: {'no answer' if status is None else f'answered {status}'}")
        return f"{len(MALFORMED)} requests on {len(self.ports)} ports"

    def random_bytes(self) -> str:
        count = 0
        for request in random_requests(300, self.dice):
            port = self.dice.choice(list(self.ports.values()))
            with connect(port) as sock:
                sock.settimeout(0.02)  # some are the beginning of a request, for which the hub rightly waits
                try:
                    sock.sendall(request)
                    sock.recv(4096)
                except OSError:
                    pass
            count += 1
        return f"{count} requests"

    def byte_by_byte(self) -> str:
        """Good requests whose bodies come in chunks, each byte in a packet of its own."""
        head = b"GET /health HTTP/1.1\r\n" + HOST + AUTHORISED + b"Transfer-Encoding: chunked\r\n\r\n"
        bodies = (b"0\r\n\r\n", b'2\r\n{"\r\n1;a=b\r\n}\r\n0\r\n\r\n')
        for (where, port), body in itertools.product(self.ports.items(), bodies):
            with connect(port) as sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                status = answer_to_pieces(sock, head, body)
            if not status or status >= 500:
                self.complaints.append(f"{where}: a request byte by byte was answered {status}")
        return f"{len(bodies)} requests on {len(self.ports)} ports"

    def pipelines(self) -> str:
        """Many requests in one write; the answers are read only afterwards."""
        wanted = 2000
        with connect(self.hub.health_port) as sock:
            request = b"GET /health/startup HTTP/1.1\r\n" + HOST + b"\r\n"
            sender = threading.Thread(target=lambda: sock.sendall(request * wanted))
            sender.start()
            time.sleep(0.3)
            got, kept = 0, b""
            while got < wanted and (more := sock.recv(65536)):
                kept += more
                got += kept.count(b"HTTP/1.1 200")
                kept = kept[-11:] if b"HTTP/1.1 200" not in kept[-11:] else b""
            sender.join()
        if got != wanted:
            self.complaints.append(f"pipelines: {got} answers to {wanted} requests")
        return f"{wanted} requests in one connection"

    def bad_frames(self) -> str:
        for name, frame in BAD_FRAMES.items():
            with connect(self.hub.api_port) as sock:
                if answer_to(sock, UPGRADE) != 101:
                    self.complaints.append("no WebSocket was opened")
                    continue
                sock.sendall(frame)
                deadline = time.monotonic() + ANSWER_SECONDS
                try:
                    while sock.recv(65536):
                        if time.monotonic() > deadline:
                            self.complaints.append(f"WebSocket: a frame {name} did not end it")
                            break
                except OSError:
                    pass
        return f"{len(BAD_FRAMES)} frames"

    def half_requests(self) -> str:
        """Begun and left, closed or reset; what is left stays open until the end of this attack."""
        body = b'{"client_id":"half"'
        post = b"POST /api/v1/keepalive HTTP/1.1\r\n" + HOST + AUTHORISED + b"Content-Length: 50000\r\n\r\n" + body
        left: list[socket.socket] = []
        for number in range(600):
            sock = connect(self.hub.api_port)
            sock.sendall(post[: self.dice.randint(1, len(post))])
            if number % 3 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if number % 3 == 2:
                left.append(sock)
            else:
                sock.close()
        time.sleep(0.5)
        for sock in left:
            sock.close()
        return "600 connections"

    def endless_requests(self) -> str:
        """Headers and bodies that never stop: the hub must end the connection."""
        head = b"POST /api/v1/keepalive HTTP/1.1\r\n" + HOST + AUTHORISED
        kinds = {
            "headers": (head, b"X-A: " + b"a" * 8000 + b"\r\n"),
            "chunks": (head + b"Transfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + b" " * 8192 + b"\r\n"),
            "body": (head + b"Content-Length: 1000000000\r\n\r\n", b" " * 8192),
        }
        cases = [(f"{where}: endless {kind}", port, *parts) for where, port in self.ports.items() for kind, parts in kinds.items()]
        with ThreadPoolExecutor(len(cases)) as pool:
            self.complaints += filter(None, pool.map(lambda case: self._push(*case), cases))
        return f"{len(cases)} connections"

    @staticmethod
    def _push(name: str, port: int, begin: bytes, more: bytes) -> str | None:
        deadline = time.monotonic() + ANSWER_SECONDS
        with connect(port) as sock:
            try:
                sock.sendall(begin)
                while time.monotonic() < deadline:
                    sock.sendall(more)
                    time.sleep(0.001)
            except TimeoutError:
                return f"{name}: neither taken nor ended"
            except OSError:
                return None
        return f"{name}: not ended within {ANSWER_SECONDS:g} s"

    def _ask_and_not_read(self, request: bytes, pause: float) -> list[socket.socket]:
        sockets = []
        for _ in range(self.readers):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.bind((next(_sources), 0))
            sock.connect(("127.0.0.1", self.hub.api_port))
            sock.sendall(request)
            sockets.append(sock)
            time.sleep(pause)
        return sockets

    def slow_live_pages(self) -> str:
        """Open the live channel and read nothing, while half of all reports change a state."""
        pages = self._ask_and_not_read(UPGRADE, 0.1)
        changes = simulate(self.build, self.hub.url, 4, probes=CLIENTS, connections=8, rate=500, changes=0.5)["answers"]
        peak = self.hub.memory_mib("VmHWM")
        for sock in pages:
            sock.close()
        return f"{len(pages)} pages, {changes} reports, peak {peak:.0f} MiB"

    def slow_readers(self) -> str:
        """Ask for all clients and read nothing."""
        readers = self._ask_and_not_read(STATUS * self.pipelined, 0)
        time.sleep(3)
        peak = self.hub.memory_mib("VmHWM")
        for sock in readers:
            sock.close()
        return f"{self.readers} readers of {CLIENTS} clients, peak {peak:.0f} MiB"

    def come_and_go(self) -> str:
        for _ in range(3000):
            connect(self.hub.api_port).close()
        return "3000 connections"

    def idle_connections(self) -> str:
        idle: list[socket.socket] = []
        before = self.hub.memory_mib()
        for _ in range(self.idle):
            idle.append(connect(self.hub.api_port))
        time.sleep(1)
        with connect(self.hub.api_port) as newcomer:
            status = answer_to(newcomer, STATUS)
        if status != 200:
            self.complaints.append(f"beside {self.idle} idle connections a new one was answered {status}")
        grown = self.hub.memory_mib() - before
        for sock in idle:
            sock.close()
        return f"{self.idle} connections, {grown:.1f} MiB for them"


def most_idle(wanted: int) -> int:
    """As many as this process may have files open, and as a hub takes that shares its own among three listeners. Root may raise the limit,
    which the hub inherits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 3 * (wanted + 100) + 256
    if hard < needed:
        with suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
            hard = needed
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = max(50, (hard - 256) // 3 - 100)
    if possible < wanted:
        print(f"{possible} idle connections instead of {wanted}: no more files may be open (ulimit -Hn is {hard})")
    return min(wanted, possible)


def after_it(hub: HubDaemon, descriptors: int) -> list[str]:
    found = []
    deadline = time.monotonic() + 15
    while hub.descriptors() > descriptors and time.monotonic() < deadline:
        time.sleep(0.1)
    if hub.descriptors() > descriptors:
        found.append(f"{hub.descriptors()} descriptors are open, {descriptors} were before")
    if hub.memory_mib("VmHWM") > MOST_MIB:
        found.append(f"the hub took {hub.memory_mib('VmHWM'):.0f} MiB at its peak, more than {MOST_MIB}")
    if not hub.healthy():
        found.append(f"not healthy: {hub.fetch('/health', hub.health_port)}")
    peak = hub.memory_mib("VmHWM")
    code = hub.stop()
    print(f"the hub's peak: {peak:.0f} MiB")
    return found + ([f"exit code {code}: {hub.log.read_text()[-2000:]}"] if code != 0 else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--idle", type=int, default=MOST_IDLE)
    parser.add_argument("--readers", type=int, default=10, help="that ask for all clients or open the live channel, and do not read")
    parser.add_argument("--pipelined", type=int, default=1, help="questions that each of them asks at once")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    build = given.build.resolve()
    given.idle = most_idle(given.idle)
    with HubDaemon(build) as hub:
        hub.start()
        simulate(build, hub.url, 20, probes=CLIENTS, requests=CLIENTS)
        hub.fetch("/health", hub.health_port)
        time.sleep(0.2)
        descriptors = hub.descriptors()
        hostile = Hostile(build, hub, given)
        hostile.run()
        complaints = hostile.complaints + after_it(hub, descriptors)
    for complaint in complaints:
        print(complaint)
    if complaints:
        print(f"seed {given.seed}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
