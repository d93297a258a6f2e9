#!/usr/bin/env python3
"""Hostile clients at each port of a hub that speaks TLS: half-open handshakes, slow and oversized requests inside TLS, plain HTTP where TLS
is spoken and TLS where it is not. Each connection must end in time; meanwhile a decent probe over TLS is acknowledged within a second.

    hub_hostile_tls.py --build FOLDER [--each N] [--seed N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from certificates import make_authority, make_server
from hostile_requests import AUTHORISED, HOST, MALFORMED
from hub_daemon import HubDaemon

# A handshake and all of the headers may take 10 s each; the hub looks once per second.
ENDED_WITHIN = 14.0
ANSWER_SECONDS = 5.0
# A fifth of what the slowest client is given; handshakes of two hundred others share the machine.
ACKNOWLEDGED_WITHIN = 3.0
PLAIN_GET = b"GET /api/v1/status HTTP/1.1\r\n" + HOST + AUTHORISED + b"\r\n"
POST = b"POST /api/v1/keepalive HTTP/1.1\r\n" + HOST + AUTHORISED
ENDLESS = {
    "headers": (POST, b"X-A: " + b"a" * 8000 + b"\r\n"),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + b" " * 8192 + b"\r\n"),
    "body": (POST + b"Content-Length: 1000000000\r\n\r\n", b" " * 8192),
}

_sources = itertools.cycle(f"127.0.2.{number}" for number in range(1, 255))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS, (next(_sources), 0))


def careless() -> ssl.SSLContext:
    """Attackers do not look whose certificate it is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def secure(port: int) -> ssl.SSLSocket:
    return careless().wrap_socket(connect(port))


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    session = careless().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def status_of(sock: socket.socket, request: bytes) -> int | None:
    """The status of the answer, 0: the connection ended without one, None: neither in time."""
    try:
        sock.settimeout(ANSWER_SECONDS)
        sock.sendall(request)
        head = sock.recv(65536)
    except TimeoutError:
        return None
    except OSError:
        return 0
    return int(head[9:12]) if head.startswith(b"HTTP/1.") else 0


def ended_after(sock: socket.socket, drip: bytes = b"") -> float | None:
    """Seconds until the hub ended the connection, reading what it says; `drip` is sent byte by byte, its last byte again and again. None:
    it did not."""
    begun = time.monotonic()
    more = itertools.chain(drip, itertools.repeat(drip[-1])) if drip else None
    sock.settimeout(0.2)
    while time.monotonic() - begun < ENDED_WITHIN:
        try:
            if more:
                sock.send(bytes([next(more)]))
            if not sock.recv(65536):
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - begun
    return None


class DecentProbe(threading.Thread):
    """Reports over TLS, each time by a connection of its own, and checks certificate and answer."""

    def __init__(self, hub: HubDaemon, authority: Path) -> None:
        super().__init__()
        self._port, self._context = hub.api_port, ssl.create_default_context(cafile=str(authority))
        self._over = threading.Event()
        self.reports, self.slowest, self.complaints = 0, 0.0, []

    def run(self) -> None:
        while not self._over.wait(0.05) or self.reports == 0:
            begun = time.monotonic()
            try:
                status = self._report()
            except OSError as error:
                status = repr(error)
            took = time.monotonic() - begun
            self.reports, self.slowest = self.reports + 1, max(self.slowest, took)
            if status != 200 or took > ACKNOWLEDGED_WITHIN:
                self.complaints.append(f"the decent probe was answered {status} after {took:.2f} s")

    def _report(self) -> int | None:
        body = json.dumps({"client_id": "decent", "boot_id": self.name, "seq": self.reports + 1, "schema": 2, "state": "secure", "findings": []})
        request = POST + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        with socket.create_connection(("127.0.0.1", self._port), ANSWER_SECONDS) as plain:
            with self._context.wrap_socket(plain, server_hostname="localhost") as sock:
                return status_of(sock, request)

    def end(self) -> None:
        self._over.set()
        self.join()


class Hostile:
    def __init__(self, hub: HubDaemon, each: int, dice: random.Random) -> None:
        self.hub, self.each, self.dice = hub, each, dice
        self.secure_ports = {"api": hub.api_port, "dashboard": hub.dashboard_port}
        self.ports = {**self.secure_ports, "health": hub.health_port}
        self.complaints: list[str] = []

    def slow(self) -> str:
        """All that takes long, at once."""
        hello = client_hello()
        kinds: dict[str, Callable[[int], float | None]] = {
            "not one byte": lambda port: self._watch(connect(port)),
            "the beginning of a handshake": lambda port: self._watch(connect(port), hello[: self.dice.randint(1, len(hello) - 1)]),
            "a handshake that drips": lambda port: self._watch(connect(port), drip=hello),
            "a handshake that is left after the first answer": lambda port: self._watch(connect(port), hello),
        }
        inside: dict[str, Callable[[int], float | None]] = {
            "not one byte inside TLS": lambda port: self._watch(secure(port)),
            "headers that drip inside TLS": lambda port: self._watch(secure(port), drip=b"GET /api/v1/status HTTP/1.1\r\nX-A: a"),
            "half a request inside TLS": lambda port: self._watch(secure(port), PLAIN_GET[:-2]),
            "a body that drips inside TLS": lambda port: self._watch(secure(port), POST + b"Content-Length: 50000\r\n\r\n", b" "),
        }
        cases = [(f"{where}: {kind}", port, do) for where, port in self.ports.items() for kind, do in kinds.items()]
        cases += [(f"{where}: {kind}", port, do) for where, port in self.secure_ports.items() for kind, do in inside.items()]
        cases *= self.each
        with ThreadPoolExecutor(len(cases)) as pool:
            took = list(pool.map(lambda case: case[2](case[1]), cases))
        left = sorted({name for (name, _, _), seconds in zip(cases, took, strict=True) if seconds is None})
        self.complaints += [f"{name}: not ended within {ENDED_WITHIN:g} s" for name in left]
        return f"{len(cases)} connections, the last ended after {max(filter(None, took), default=0):.1f} s"

    @staticmethod
    def _watch(sock: socket.socket, begin: bytes = b"", drip: bytes = b"") -> float | None:
        with sock:
            with suppress(OSError):
                sock.sendall(begin)
            return ended_after(sock, drip)

    def plain_at_tls(self) -> str:
        """Answered with 400 or more, or ended; nothing may be served in plain text."""
        for where, port in self.secure_ports.items():
            for name, request in {"a good request": PLAIN_GET, **MALFORMED}.items():
                with connect(port) as sock:
                    self._require_refused(f"{where}, plain: {name}", status_of(sock, request))
        return f"{len(MALFORMED) + 1} requests on {len(self.secure_ports)} ports"

    def malformed(self) -> str:
        """Oversized headers and bodies are among them."""
        for where, port in self.secure_ports.items():
            for name, request in MALFORMED.items():
                with secure(port) as sock:
                    self._require_refused(f"{where}: {name}", status_of(sock, request))
        return f"{len(MALFORMED)} requests on {len(self.secure_ports)} ports"

    def endless(self) -> str:
        cases = [(f"{where}: endless {kind}", port, *parts) for where, port in self.secure_ports.items() for kind, parts in ENDLESS.items()]
        with ThreadPoolExecutor(len(cases)) as pool:
            self.complaints += filter(None, pool.map(lambda case: self._push(*case), cases))
        return f"{len(cases)} connections"

    @staticmethod
    def _push(name: str, port: int, begin: bytes, more: bytes) -> str | None:
        deadline = time.monotonic() + ANSWER_SECONDS
        with secure(port) as sock:
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

    def broken_records(self) -> str:
        """Bytes that are no TLS, beneath a session that stands and in the place of a handshake."""
        hello = client_hello()
        count = 0
        for port in self.secure_ports.values():
            for _ in range(50):
                session = secure(port)
                with socket.socket(fileno=session.detach()) as sock:
                    self._require_ended(f"{port}: garbage inside a session", sock, self.dice.randbytes(self.dice.randint(64, 20_000)))
                changed = bytearray(hello)
                changed[self.dice.randrange(6, len(changed))] ^= 1 << self.dice.randrange(8)
                with connect(port) as sock:
                    # It may still be a good one; what follows it is none.
                    self._require_ended(f"{port}: a changed handshake", sock, bytes(changed) + self.dice.randbytes(20_000))
                count += 2
        return f"{count} connections"

    def _require_ended(self, name: str, sock: socket.socket, what: bytes) -> None:
        with suppress(OSError):
            sock.sendall(what)
        if ended_after(sock) is None:
            self.complaints.append(f"{name}: not ended within {ENDED_WITHIN:g} s")

    def _require_refused(self, name: str, status: int | None) -> None:
        if status is None or 0 < status < 400:
            self.complaints.append(f"{name}: {'no answer' if status is None else f'answered {status}'}")

    def run(self, authority: Path) -> None:
        for attack in (self.slow, self.plain_at_tls, self.malformed, self.endless, self.broken_records):
            begun = time.monotonic()
            decent = DecentProbe(self.hub, authority)
            decent.start()
            try:
                told = attack()
            finally:
                decent.end()
            self.complaints += [f"{attack.__name__}: {each}" for each in decent.complaints[:3]]
            if self.hub.process is None or self.hub.process.poll() is not None:
                raise AssertionError(f"the hub ended in '{attack.__name__}':\n{self.hub.log.read_text()[-3000:]}")
            took, slowest = time.monotonic() - begun, decent.slowest * 1000
            print(f"{attack.__name__:<15}{took:>5.1f} s  decent probe {decent.reports:>4} reports, slowest {slowest:>4.0f} ms  {told}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--each", type=int, default=10, help="connections of each slow kind at each port")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    with HubDaemon(given.build.resolve()) as hub:
        authority = make_authority(hub.folder)
        certificate = make_server(hub.folder, "hub", ["localhost"], ["127.0.0.1"])
        hub.start(VPN_SENTINEL_TLS_CERT_PATH=str(certificate), VPN_SENTINEL_TLS_KEY_PATH=str(certificate.with_suffix(".key")))
        assert hub.fetch("/health", hub.health_port)[0] == 200
        time.sleep(0.2)
        descriptors = hub.descriptors()
        hostile = Hostile(hub, given.each, random.Random(given.seed))
        hostile.run(authority)
        deadline = time.monotonic() + 15
        while hub.descriptors() > descriptors and time.monotonic() < deadline:
            time.sleep(0.1)
        complaints = hostile.complaints
        if hub.descriptors() > descriptors:
            complaints.append(f"{hub.descriptors()} descriptors are open, {descriptors} were before")
        if not hub.healthy():
            complaints.append(f"not healthy: {hub.fetch('/health', hub.health_port)}")
        code = hub.stop()
        complaints += [f"exit code {code}: {hub.log.read_text()[-2000:]}"] if code != 0 else []
    for complaint in complaints:
        print(complaint)
    if complaints:
        print(f"seed {given.seed}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
