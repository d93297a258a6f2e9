"""What leaves `vpn` by its uplink, seen by a packet socket at the uplink's far end: it knows nothing of the probe, of nftables or of
counters in `vpn`. And a program that tries every way out."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

from lab import Lab
from network import DNS, GATEWAY, SERVER, UPLINK, WEB

_ETH_P_ALL, _PACKET_OUTGOING = 3, 4
_IPV4, _IPV6 = 0x0800, 0x86DD
_LOCAL = [
    ipaddress.ip_network(text)
    for text in (
        "198.18.50.0/24", "2001:db8:50::/64", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
        "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8", "fc00::/7",
    )
]  # fmt: skip
_DNS_PORTS = (53, 853)
_MARKER_PORT = 7777
_BIND_DEVICE, _MARK = 25, 36


def _read(frame: bytes) -> tuple[str, int, int] | None:
    """Destination, protocol and destination port of an IP packet; None for anything else."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _IPV4 and len(frame) >= 34:
        address, protocol, payload = ipaddress.ip_address(frame[30:34]), frame[23], 14 + 4 * (frame[14] & 15)
    elif kind == _IPV6 and len(frame) >= 54:
        address, protocol, payload = ipaddress.ip_address(frame[38:54]), frame[20], 54
    else:
        return None
    has_port = protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP) and len(frame) >= payload + 4
    return str(address), protocol, int.from_bytes(frame[payload + 2 : payload + 4], "big") if has_port else 0


class Observer:
    """Counts what is neither for the VPN server's port (or the kernel's word to it that nobody listens there) nor for a local network; DNS
    counts wherever it goes."""

    def __init__(self, lab: Lab, endpoint_port: int) -> None:
        self._lab, self._port = lab, endpoint_port
        self._outside: list[str] = []
        self._local = 0
        self._marker = threading.Event()
        self._ends, self._end = os.pipe()
        self._socket = lab.call("host", self._open)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        sock.bind(("to-vpn", _ETH_P_ALL))
        return sock

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._ends], [], [])
            if self._ends in ready:
                return
            frame, sender = self._socket.recvfrom(2048)
            packet = _read(frame)
            if sender[2] != _PACKET_OUTGOING and packet is not None:
                self._take(*packet)

    def _take(self, address: str, protocol: int, port: int) -> None:
        if port == _MARKER_PORT:
            self._marker.set()
        elif port not in _DNS_PORTS and any(ipaddress.ip_address(address) in network for network in _LOCAL):
            self._local += 1
        elif (address, protocol, port) not in ((SERVER, socket.IPPROTO_UDP, self._port), (SERVER, socket.IPPROTO_ICMP, 0)):
            self._outside.append(f"{address} protocol {protocol} port {port}")

    def outside(self) -> list[str]:
        """What left since the last call. Waits for a packet to the gateway, behind which nothing is on its way any more."""
        for _ in range(20):
            self._marker.clear()
            with contextlib.suppress(OSError):
                self._lab.call("vpn", lambda: send_udp(GATEWAY["v4"], _MARKER_PORT, "eth0"))
            if self._marker.wait(0.25):
                break
        seen, self._outside = self._outside, []
        return seen

    def local(self) -> int:
        seen, self._local = self._local, 0
        return seen

    def close(self) -> None:
        os.write(self._end, b"x")
        self._thread.join()
        for descriptor in (self._ends, self._end):
            os.close(descriptor)
        self._socket.close()


@contextlib.contextmanager
def observing(lab: Lab, endpoint_port: int) -> Iterator[Observer]:
    observer = Observer(lab, endpoint_port)
    try:
        yield observer
    finally:
        observer.close()


# Ways out


def send_udp(address: str, port: int, device: str = "", mark: int = 0, uid: int | None = None, source: str = "") -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if device:
            sock.setsockopt(socket.SOL_SOCKET, _BIND_DEVICE, device.encode())
        if mark:
            sock.setsockopt(socket.SOL_SOCKET, _MARK, mark)
        if uid is not None:
            os.fchown(sock.fileno(), uid, -1)
        if source:
            sock.bind((source, 0))
        sock.sendto(b"lab", (address, port))


def _tcp(address: str, port: int, device: str = "") -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, _BIND_DEVICE, device.encode())
        sock.connect((address, port))


def _udp_header(port: int) -> bytes:
    return struct.pack("!HHHH", 40000, port, 11, 0) + b"lab"


def _raw(address: str, protocol: int, payload: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _BIND_DEVICE, b"eth0")
        sock.sendto(payload, (address, 0))


def _packet(address: str, port: int) -> None:
    """Handed to the device itself: no route, no hook of IP."""
    payload = _udp_header(port)
    ends = socket.inet_aton(UPLINK["v4"]) + socket.inet_aton(address)
    header = struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0, ends)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4)) as sock:
        sock.sendto(header + payload, ("eth0", _IPV4, 0, 0, b"\xff" * 6))


WAYS_OUT: dict[str, Callable[[], None]] = {
    "udp": lambda: send_udp(WEB["v4"], 4444),
    "udp6": lambda: send_udp(WEB["v6"], 4444),
    "tcp": lambda: _tcp(WEB["v4"], 80),
    "tcp6": lambda: _tcp(WEB["v6"], 80),
    "dns": lambda: send_udp(DNS["v4"], 53),
    "dns6": lambda: send_udp(DNS["v6"], 53),
    "marked": lambda: send_udp(WEB["v4"], 4444, mark=0x77),
    "user": lambda: send_udp(WEB["v4"], 4444, uid=2000),
    "uplink's address": lambda: send_udp(WEB["v4"], 4444, source=UPLINK["v4"]),
    "bound": lambda: send_udp(WEB["v4"], 4444, "eth0"),
    "bound6": lambda: send_udp(WEB["v6"], 4444, "eth0"),
    "bound tcp": lambda: _tcp(WEB["v4"], 80, "eth0"),
    "bound dns": lambda: send_udp(DNS["v4"], 53, "eth0"),
    "router's dns": lambda: send_udp(GATEWAY["v4"], 53, "eth0"),
    "server's address": lambda: send_udp(SERVER, 9999, "eth0"),
    "server's address, tcp": lambda: _tcp(SERVER, 443, "eth0"),
    "raw udp": lambda: _raw(DNS["v4"], socket.IPPROTO_UDP, _udp_header(53)),
    "raw icmp": lambda: _raw(WEB["v4"], socket.IPPROTO_ICMP, b"\x08\x00\xf7\xff\x00\x00\x00\x00"),
    "packet socket": lambda: _packet(DNS["v4"], 53),
}


def try_to_leave(lab: Lab) -> None:
    def go() -> None:
        for way in WAYS_OUT.values():
            with contextlib.suppress(OSError):
                way()

    lab.call("vpn", go)


def ways_that_leave(lab: Lab, observer: Observer) -> set[str]:
    found = set()
    for name, way in WAYS_OUT.items():
        observer.outside()
        with contextlib.suppress(OSError):
            lab.call("vpn", way)
        if observer.outside():
            found.add(name)
    return found


def flood(lab: Lab, seconds: float, stop: threading.Event) -> int:
    """Sends bound to the uplink until `stop`; how many the kernel took."""

    def go() -> int:
        taken = 0
        deadline = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, _BIND_DEVICE, b"eth0")
            while time.monotonic() < deadline and not stop.is_set():
                with contextlib.suppress(OSError):
                    sock.sendto(b"lab", (WEB["v4"], 4444))
                    taken += 1
                time.sleep(0.0001)
        return taken

    return lab.call("vpn", go)
