"""A program that goes past the tunnel, for process_outside.py: everything it sends is bound to the uplink. Tells the process that sends, and
stays as long as it is told to.

    leaker.py KIND ADDRESS PORT SECONDS [PROGRAM or CGROUP]
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable

kind, address, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


def bound(kind_of_socket: int, protocol: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind_of_socket, protocol)
    made.setsockopt(socket.SOL_SOCKET, 25, b"eth0")
    return made


def packet() -> socket.socket:
    ends = socket.inet_aton("198.18.50.2") + socket.inet_aton(address)
    header = struct.pack("!BBHHHBBH8s", 0x45, 0, 32, 0, 0, 64, 17, 0, ends)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    made.sendto(header + struct.pack("!HHHH", 4321, port, 12, 0) + b"leak", ("eth0", 0x0800, 0, 0, b"\xff" * 6))
    return made


def in_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def send() -> socket.socket:
    made = bound(socket.SOCK_DGRAM)
    made.sendto(b"leak", (address, port))
    return made


sender = os.getpid()
if kind == "tcp":
    kept = bound(socket.SOCK_STREAM)
    kept.setblocking(False)
    kept.connect_ex((address, port))
elif kind in ("udp", "quic", "older", "handed"):
    kept = bound(socket.SOCK_DGRAM)
    kept.connect((address, port))
    if kind == "older":
        print("ready", flush=True)
        sys.stdin.readline()
    if kind == "handed":
        sender = in_child(lambda: (kept.send(b"leak"), time.sleep(seconds)))
    for _ in range({"quic": 100, "handed": 0}.get(kind, 1)):
        try:
            kept.send(b"x" * 1200 if kind == "quic" else b"leak")
        except ConnectionRefusedError:
            pass  # what the far end says to an earlier one
        time.sleep(0.01)
elif kind == "sendto":
    kept = send()
elif kind == "icmp":
    kept = bound(socket.SOCK_RAW, socket.IPPROTO_ICMP)
    kept.sendto(b"\x08\x00\xf7\xff\x00\x00\x00\x00", (address, 0))
elif kind == "packet":
    kept = packet()
elif kind == "short":
    sender = in_child(send)
    os.waitpid(sender, 0)
elif kind == "forked":
    again = [sys.executable, sys.argv[0], "sendto", address, str(port), str(seconds)]
    sender = in_child(lambda: (os.dup2(os.open("/dev/null", os.O_WRONLY), 1), os.execv(sys.argv[5], [sys.argv[5], *again[1:]])))
    time.sleep(0.3)
elif kind == "container":
    folder = sys.argv[5]
    with open(folder + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    kept = send()
print("sent", sender, flush=True)
ends = time.monotonic() + seconds
# Who has an older socket is found a moment after the probe began, and perhaps after the first packet.
while kind == "older" and time.monotonic() < ends:
    time.sleep(0.5)
    try:
        kept.send(b"more")
    except ConnectionRefusedError:
        pass
time.sleep(max(ends - time.monotonic(), 0))
