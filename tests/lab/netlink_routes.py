"""Host routes by the hundred thousand, as bytes for a netlink socket: `ip -batch` would need five times as long (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_RTM_NEWROUTE, _RTM_DELROUTE = 24, 25
_REQUEST, _CREATE = 0x1, 0x400
_RTA_DST, _RTA_OIF = 1, 4
_MAIN, _BOOT, _LINK_SCOPE, _UNICAST = 254, 3, 253, 1
_MESSAGES_AT_ONCE = 500


def _message(adds: bool, index: int, number: int) -> bytes:
    """The route 20.x.y.z/32 dev INDEX, where x.y.z is the number."""
    kind, flags = (_RTM_NEWROUTE, _REQUEST | _CREATE) if adds else (_RTM_DELROUTE, _REQUEST)
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, _MAIN, _BOOT, _LINK_SCOPE, _UNICAST, 0)
    body += struct.pack("=HH4s", 8, _RTA_DST, (20 << 24 | number).to_bytes(4, "big"))
    body += struct.pack("=HHI", 8, _RTA_OIF, index)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, number, 0) + body


def change_requests(adds: bool, index: int, routes: int) -> list[bytes]:
    """Datagrams of many requests each."""
    messages = [_message(adds, index, number) for number in range(routes)]
    return [b"".join(messages[at : at + _MESSAGES_AT_ONCE]) for at in range(0, routes, _MESSAGES_AT_ONCE)]


def send(requests: list[bytes]) -> None:
    """In the namespace. The kernel carries a datagram out before it takes the next; a refusal is an error."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.setblocking(False)
        for request in requests:
            sock.send(request)
        try:
            answer = sock.recv(4096)
        except BlockingIOError:
            return
        raise OSError(-struct.unpack_from("=i", answer, 16)[0], "the kernel refused a route")


def _lost() -> Iterator[int]:
    # Columns: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    for line in Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]:
        yield int(line.split()[8])


def lost_messages() -> int:
    """How often a listener in the namespace missed a message since it opened its socket."""
    return sum(_lost())
