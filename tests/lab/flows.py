"""Packets of one kind of process: with a mark, of a user, to a port, by one source address, or many flows at a time.

The far side says by which way they came: the services see DIRECT or EXIT as the caller's address.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import ask
from network import DIRECT, DNS, EXIT, NEIGHBOUR, UPLINK, WEB

SO_MARK = 36
MANY = 32
DNS_PORT = 5353


@dataclass(frozen=True)
class Flow:
    """`service` is http, https or dns. With `count` above one each question is a flow of its own, with its own port."""

    name: str
    service: str = "http"
    server: str = WEB["v4"]
    port: int = 80
    mark: int = 0
    uid: int | None = None
    source: str | None = None
    count: int = 1

    def prepare(self, sock: socket.socket) -> None:
        """Makes the socket one of the process that is meant."""
        if self.mark:
            sock.setsockopt(socket.SOL_SOCKET, SO_MARK, self.mark)
        if self.uid is not None:
            # sockfs_setattr() in the kernel's net/socket.c: packets belong to the owner of the socket's file.
            os.fchown(sock.fileno(), self.uid, -1)
        if self.source is not None:
            sock.bind((self.source, 0))

    def ask(self, timeout: float = 1.0) -> str:
        """`direct`, `tunnel`, `nothing`, or `mixed` when some flows go directly and others do not. In the namespace."""
        question = {"http": ask.ask_http, "https": ask.ask_https, "dns": ask.ask_dns}[self.service]
        family = "v6" if ":" in self.server else "v4"
        names = {DIRECT[family]: "direct", EXIT[family]: "tunnel"}
        # A flow by the wrong leg has the wrong source address and gets no answer: many questions need less patience.
        each = timeout if self.count == 1 else timeout / 10
        seen = {names.get(question(self.server, each, self.port, self.prepare) or "", "nothing") for _ in range(self.count)}
        if len(seen) == 1:
            return seen.pop()
        return "mixed" if "direct" in seen else "tunnel"


MARKED = Flow("fwmark 0x77", mark=0x77)
USER = Flow("uid 2000", uid=2000)
OTHER_USER = Flow("uid 3000", uid=3000)
UDP_PORT = Flow("udp dport 5353", "dns", DNS["v4"], DNS_PORT)
TCP_PORT = Flow("tcp dport 443", "https", WEB["v4"], 443)
FROM_UPLINK = Flow("from the uplink's address", source=UPLINK["v4"])
BESIDE_ENDPOINT = Flow("beside the endpoint", server=NEIGHBOUR)
MANY_FLOWS = Flow("many flows", "dns", DNS["v4"], 53, count=MANY)
