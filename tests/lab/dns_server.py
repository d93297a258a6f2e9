"""The lab's DNS server: a resolver to those who ask it, and the authority for the lab's own names."""

from __future__ import annotations

import ipaddress
import re
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass

from network import DNS, EXIT, HUB, PUBLIC_DNS, TELEGRAM, WEB

A, SOA, TXT, AAAA, OPT, ANY = 1, 6, 16, 28, 41, 255
IN, CHAOS = 1, 3
NOERROR, FORMERR, NXDOMAIN, NOTIMP, BADVERS = 0, 1, 3, 4, 16
NSID = 3
SITE = "LAB"

# Names with fixed addresses. A name with only one family answers the other with "no data".
HOSTS = {
    "trace.lab.test": (WEB["v4"], WEB["v6"]),
    "web.lab.test": (WEB["v4"], WEB["v6"]),
    "dns.lab.test": (DNS["v4"], DNS["v6"]),
    "telegram.lab.test": (TELEGRAM,),
    "hub.lab.test": (HUB["v4"], HUB["v6"]),
    "hub-at-exit.lab.test": (EXIT["v4"],),
}
# Seconds by which UDP answers to a caller are late, as if he were far away.
lateness: dict[str, float] = {}
# Of resolvers that everybody may use, as dnscheck.tools names their owners.
OWNERS = {PUBLIC_DNS: ("Amsterdam, North Holland, NL", "Quad9")}
_UNIQUE = re.compile(r"([0-9a-f]{1,8})\.test\.dnscheck\.tools")


@dataclass(frozen=True)
class Question:
    wire: bytes  # echoed byte for byte: the letters' case is the client's protection against forgeries
    name: str
    kind: int
    space: int


@dataclass(frozen=True)
class Extension:
    """What the query's OPT record asked for."""

    version: int
    size: int
    nsid: bool


class Malformed(ValueError):
    pass


def parse_question(query: bytes) -> Question:
    labels, at = [], 12
    while True:
        if at >= len(query):
            raise Malformed
        length = query[at]
        if length == 0:
            break
        if length > 63 or at + length >= len(query) or at + length > 12 + 254:
            raise Malformed
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1").lower())
        at += length + 1
    if at + 5 > len(query):
        raise Malformed
    kind, space = struct.unpack_from("!HH", query, at + 1)
    return Question(query[12 : at + 5], ".".join(labels), kind, space)


def parse_extension(query: bytes, at: int) -> Extension | None:
    """The OPT record, which must be the first after the question (clients put nothing else there)."""
    if at + 11 > len(query) or query[at] != 0:
        return None
    kind, size, _, version, _, length = struct.unpack_from("!HHBBHH", query, at + 1)
    if kind != OPT:
        return None
    options = query[at + 11 : at + 11 + length]
    nsid = False
    while len(options) >= 4:
        code, size_of = struct.unpack_from("!HH", options)
        nsid = nsid or code == NSID
        options = options[4 + size_of :]
    return Extension(version, max(size, 512), nsid)


def text_record(*strings: str) -> bytes:
    return b"".join(bytes([len(s.encode())]) + s.encode() for s in strings)


def _addresses(kind: int, addresses: tuple[str, ...]) -> list[bytes]:
    family = {A: 4, AAAA: 6}.get(kind)
    return [a.packed for a in map(ipaddress.ip_address, addresses) if a.version == family]


def _unique(label: str, caller: str, transport: str) -> list[bytes]:
    """The answer of dnscheck.tools, whose authority sees the resolver's address; here the caller is the resolver."""
    lines = (f"id: {int(label, 16)}", f"proto: {transport}", f"resolver: {caller}")
    place, owner = OWNERS.get(caller, ("", ""))
    more = (f"resolverGeo: {place}", f"resolverOrg: {owner}") if owner else ()
    return [text_record(line) for line in (*lines, *more)]


def look_up(question: Question, caller: str, transport: str) -> tuple[int, list[bytes]]:
    """Response code and record data for one question."""
    name, kind = question.name, question.kind
    if question.space == CHAOS:
        if kind == TXT and name == "whoami.cloudflare":
            return NOERROR, [text_record(caller)]
        if kind == TXT and name in ("id.server", "hostname.bind"):
            return NOERROR, [text_record(SITE)]
        return NOTIMP, []
    if question.space != IN or kind == ANY:
        return NOTIMP, []
    if name == "whoami.test":
        return NOERROR, [text_record(caller)] if kind == TXT else _addresses(kind, (caller,))
    if name in HOSTS:
        return NOERROR, _addresses(kind, HOSTS[name])
    if unique := _UNIQUE.fullmatch(name):
        return NOERROR, _unique(unique[1], caller, transport) if kind == TXT else []
    return NXDOMAIN, []


def _authority() -> bytes:
    """The root's SOA, which real servers send with "no such name" and "no data"."""
    names = b"\1a\x0croot-servers\3net\0" + b"\5nstld\x0cverisign-grs\3com\0"
    data = names + struct.pack("!IIIII", 2026010100, 1800, 900, 604800, 60)
    return b"\0" + struct.pack("!HHIH", SOA, IN, 60, len(data)) + data


def answer(query: bytes, caller: str, transport: str) -> bytes | None:
    """The answer to one message, or None for what a server drops: fragments of a header, and answers."""
    if len(query) < 12:
        return None
    identity, flags, questions, answers, authorities, _ = struct.unpack_from("!HHHHHH", query)
    if flags & 0x8000:
        return None
    opcode, desired = flags & 0x7800, flags & 0x0100
    base = 0x8080 | opcode | desired
    if opcode:
        return struct.pack("!HHHHHH", identity, base | NOTIMP, 0, 0, 0, 0)
    try:
        if questions != 1 or answers or authorities:
            raise Malformed
        question = parse_question(query)
    except Malformed:
        return struct.pack("!HHHHHH", identity, base | FORMERR, 0, 0, 0, 0)
    extension = parse_extension(query, 12 + len(question.wire))
    if extension is not None and extension.version:
        return _message(identity, base, question, extension, BADVERS, [], transport)
    return _message(identity, base, question, extension, *look_up(question, caller, transport), transport)


def _message(
    identity: int,
    flags: int,
    question: Question,
    extension: Extension | None,
    code: int,
    records: list[bytes],
    transport: str,
) -> bytes:
    """The whole answer, or over UDP its beginning with the truncation bit when it is larger than the client takes."""
    body = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", question.kind, question.space, 0, len(data)) + data for data in records
    )
    authority = b"" if records or code not in (NOERROR, NXDOMAIN) else _authority()
    tail = b"" if extension is None else _opt(extension, code)
    counts = (1, len(records), int(bool(authority)), int(bool(tail)))
    full = struct.pack("!HHHHHH", identity, flags | code & 15, *counts) + question.wire + body + authority + tail
    if transport == "UDP" and len(full) > (extension.size if extension else 512):
        head = struct.pack("!HHHHHH", identity, flags | 0x0200 | code & 15, 1, 0, 0, int(bool(tail)))
        return head + question.wire + tail
    return full


def _opt(extension: Extension, code: int) -> bytes:
    data = struct.pack("!HH", NSID, len(SITE)) + SITE.encode() if extension.nsid else b""
    return b"\0" + struct.pack("!HHBBHH", OPT, 1232, code >> 4, 0, 0, len(data)) + data


class _Udp(socketserver.UDPServer):
    allow_reuse_address = True
    max_packet_size = 4096

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is no fault of the server."""


class _UdpHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, sock = self.request
        reply = answer(query, self.client_address[0], "UDP")
        if reply is None:
            return
        if late := lateness.get(self.client_address[0]):
            threading.Timer(late, sock.sendto, (reply, self.client_address)).start()
        else:
            sock.sendto(reply, self.client_address)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """As above."""


class _TcpHandler(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            query = self.rfile.read(struct.unpack("!H", head)[0])
            reply = answer(query, self.client_address[0], "TCP")
            if reply is None:
                return
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


def start(address: str, port: int = 53) -> None:
    """Serves UDP and TCP of one address in background threads."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for server_class, handler in ((_Udp, _UdpHandler), (_Tcp, _TcpHandler)):
        bound = type(server_class.__name__, (server_class,), {"address_family": family})((address, port), handler)
        threading.Thread(target=bound.serve_forever, daemon=True).start()
