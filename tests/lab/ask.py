"""Asks the fake internet which address it sees: the lab's ground truth about where packets really go."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import netns
from network import DIRECT, DNS, EXIT, WEB

TXT, CHAOS = 16, 3


def dns_query(name: str, kind: int = TXT, space: int = CHAOS, identity: int | None = None) -> bytes:
    """A plain query with one question, recursion desired."""
    if identity is None:
        identity = int.from_bytes(os.urandom(2), "big")
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack("!HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, space)


Prepare = Callable[[socket.socket], None]


def _connect(kind: int, server: str, port: int, timeout: float, prepare: Prepare | None) -> socket.socket:
    """A connected socket, which `prepare` may have bound or marked before."""
    sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind)
    try:
        sock.settimeout(timeout)
        if prepare is not None:
            prepare(sock)
        sock.connect((server, port))
    except BaseException:
        sock.close()
        raise
    return sock


def ask_dns(server: str, timeout: float, port: int = 53, prepare: Prepare | None = None) -> str | None:
    """The address that a whoami.cloudflare query comes from, or None when no answer came."""
    query = dns_query("whoami.cloudflare")
    try:
        with _connect(socket.SOCK_DGRAM, server, port, timeout, prepare) as sock:
            sock.send(query)
            answer = sock.recv(1500)
    except OSError:
        return None
    # The record follows the question: pointer 2, type 2, class 2, TTL 4, length 2, then the string with its length.
    string = answer[len(query) + 12 :]
    if answer[:2] != query[:2] or not string:
        return None
    return _address(string[1 : 1 + string[0]])


def ask_http(server: str, timeout: float, port: int = 80, prepare: Prepare | None = None) -> str | None:
    """The address that an HTTP request comes from, or None when no answer came."""
    try:
        with _connect(socket.SOCK_STREAM, server, port, timeout, prepare) as sock:
            return _ask_connected(sock, server)
    except OSError:
        return None


def ask_https(server: str, timeout: float, port: int = 443, prepare: Prepare | None = None) -> str | None:
    """As ask_http with TLS. Who answers is not checked: only the way is asked for."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _connect(socket.SOCK_STREAM, server, port, timeout, prepare) as plain, context.wrap_socket(plain) as sock:
            return _ask_connected(sock, server)
    except OSError:
        return None


def _ask_connected(sock: socket.socket, server: str) -> str | None:
    host = f"[{server}]" if ":" in server else server
    sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    reply = b""
    while part := sock.recv(4096):
        reply += part
    return _address(reply.partition(b"\r\n\r\n")[2])


def ask_all(name: str, timeout: float) -> dict[str, str | None]:
    """Both services over both families from one namespace, at the same time."""
    questions = {
        "http4": (ask_http, WEB["v4"]),
        "dns4": (ask_dns, DNS["v4"]),
        "http6": (ask_http, WEB["v6"]),
        "dns6": (ask_dns, DNS["v6"]),
    }
    with ThreadPoolExecutor(len(questions)) as pool:
        running = {key: pool.submit(netns.call, name, ask, server, timeout) for key, (ask, server) in questions.items()}
        return {key: future.result() for key, future in running.items()}


def ways(answers: Mapping[str, str | None]) -> dict[str, str]:
    """What the answers mean for each family: `direct`, `tunnel`, `nothing`, or `mixed` when the services disagree."""
    found = {}
    for family in ("v4", "v6"):
        names = {DIRECT[family]: "direct", EXIT[family]: "tunnel", None: "nothing"}
        seen = {names.get(answers[service + family[1]], "elsewhere") for service in ("http", "dns")}
        found[family] = seen.pop() if len(seen) == 1 else "mixed"
    return found


def _address(text: bytes) -> str | None:
    try:
        return str(ipaddress.ip_address(text.decode().strip()))
    except ValueError:
        return None
