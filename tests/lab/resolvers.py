"""Real resolvers for the lab, and a model of Docker's: dnsmasq, unbound, systemd-resolved."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dns_server
import netns
from lab import Lab
from network import DNS, PUBLIC_DNS
from process import wait_until

TUNNEL_DNS = "198.19.0.1"  # the VPN server's end of the tunnel
ROUTER_DNS = "198.18.50.1"  # the router of the protected namespace
_RESOLVED = ("/usr/lib/systemd/systemd-resolved", "/lib/systemd/systemd-resolved")


def program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def resolved_program() -> str | None:
    """systemd-resolved itself; VPN_SENTINEL_SYSTEMD_RESOLVED names one that is unpacked (dpkg -x) and not installed.

    The lab's packages do not contain it: it takes over the machine's /etc/resolv.conf.
    """
    candidates = (os.environ.get("VPN_SENTINEL_SYSTEMD_RESOLVED", ""), *_RESOLVED)
    return next((path for path in candidates if path and os.access(path, os.X_OK)), None)


def _answers(address: str) -> bool:
    """Any datagram is an answer; the question is for the root's name servers."""
    query = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\0\0\2\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.3)
        try:
            asker.sendto(query, (address, 53))
            return bool(asker.recv(512))
        except OSError:
            return False


def _wait(lab: Lab, space: str, address: str) -> None:
    wait_until(lambda: lab.call(space, _answers, address), 10, f"{address} in {space} answers", 0.05)


def start_dnsmasq(lab: Lab, space: str, address: str, upstream: str = DNS["v4"], *more: str) -> str:
    """Returns the name by which the lab ends it; `more` are its last arguments."""
    name = f"dnsmasq-{address}"
    argv = [
        program("dnsmasq") or "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=root", "--no-resolv",
        "--no-hosts", "--cache-size=0", f"--listen-address={address}", "--bind-interfaces", "--pid-file=", f"--server={upstream}", *more,
    ]  # fmt: skip
    lab.popen(space, argv, name, lab.folder / f"{name}.log")
    _wait(lab, space, address)
    return name


def start_unbound(lab: Lab, space: str = "inet", address: str = PUBLIC_DNS, upstream: str = DNS["v4"]) -> str:
    """As given by default the public resolver, which asks the authority from its own address. Returns the name by which the lab ends it."""
    name = f"unbound-{address}"
    conf = lab.folder / f"{name}.conf"
    outgoing = f" outgoing-interface: {address}\n" if space == "inet" else ""
    conf.write_text(
        f"server:\n interface: {address}\n{outgoing} access-control: 0.0.0.0/0 allow\n do-daemonize: no\n"
        ' username: ""\n chroot: ""\n directory: "/"\n pidfile: ""\n use-syslog: no\n module-config: "iterator"\n do-ip6: no\n'
        ' do-not-query-localhost: no\n val-permissive-mode: yes\n local-zone: "test." nodefault\n'
        f'forward-zone:\n name: "."\n forward-addr: {upstream}\nremote-control:\n control-enable: no\n'
    )
    lab.popen(space, [program("unbound") or "unbound", "-d", "-c", str(conf)], name, lab.folder / f"{name}.log")
    _wait(lab, space, address)
    return name


def _questions(listener: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    """Until the socket is shut down, after which recvfrom() gives nothing at once."""
    while True:
        query, asker = listener.recvfrom(4096)
        if not query:
            return
        yield query, asker


def _close_listener(listener: socket.socket, server: threading.Thread) -> None:
    """recvfrom() in the other thread ends with the socket's shutdown only, and as long as it runs the address stays in use."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    server.join()
    listener.close()


class DockerModel:
    """Docker's embedded resolver: it listens on 127.0.0.11 in the container's namespace and asks from another one.

    Behaviour from moby's daemon/libnetwork/resolver.go: the message goes on unchanged.
    """

    def __init__(self, lab: Lab, asks_from: str, server: str) -> None:
        self._asks_from = lab.netns(asks_from)
        self._server = server
        self._listener = netns.call(lab.netns("vpn"), self._listen)
        self._server_thread = threading.Thread(target=self._serve, daemon=True)
        self._server_thread.start()

    @staticmethod
    def _listen() -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.11", 53))
        return listener

    def _serve(self) -> None:
        for query, asker in _questions(self._listener):
            threading.Thread(target=self._forward, args=(query, asker), daemon=True).start()

    def _forward(self, query: bytes, asker: tuple[str, int]) -> None:
        upstream = netns.call(self._asks_from, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        with upstream:
            upstream.settimeout(3)
            try:
                upstream.sendto(query, (self._server, 53))
                self._listener.sendto(upstream.recv(4096), asker)
            except OSError:
                return

    def close(self) -> None:
        _close_listener(self._listener, self._server_thread)


class Forger:
    """A resolver behind which somebody sits who is faster: before each true answer come three that a client must not take.

    They have the number of another question, ask about another name, and spell the name in letters of one case; each says that the
    resolver asks from `lie`.
    """

    def __init__(self, lab: Lab, space: str, address: str, lie: str) -> None:
        self._lie = lie
        self._netns = lab.netns(space)
        self.forged = 0
        self._listener = netns.call(self._netns, self._listen, address)
        self._server_thread = threading.Thread(target=self._serve, daemon=True)
        self._server_thread.start()

    @staticmethod
    def _listen(address: str) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((address, 53))
        return listener

    def _serve(self) -> None:
        for query, asker in _questions(self._listener):
            with contextlib.suppress(OSError):
                true = netns.call(self._netns, self._ask, query)
                for message in (*self._forge(query), true):
                    self._listener.sendto(message, asker)

    @staticmethod
    def _ask(query: bytes) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(3)
            upstream.sendto(query, (DNS["v4"], 53))
            return upstream.recv(4096)

    def _forge(self, query: bytes) -> list[bytes]:
        question = dns_server.parse_question(query).wire
        name, kind = question[:-4], question[-4:]
        data = dns_server.text_record(f"resolver: {self._lie}")
        record = b"\xc0\x0c" + struct.pack("!HHIH", dns_server.TXT, dns_server.IN, 1, len(data)) + data

        def message(identity: bytes, about: bytes) -> bytes:
            return identity + struct.pack("!HHHHH", 0x8580, 1, 1, 0, 0) + about + kind + record

        other_identity = bytes([query[0] ^ 1, query[1]])
        other_name = name[:1] + bytes([name[1] ^ 1]) + name[2:]
        self.forged += 3
        return [message(other_identity, name), message(query[:2], other_name), message(query[:2], name.swapcase())]

    def close(self) -> None:
        _close_listener(self._listener, self._server_thread)


_RESOLVED_SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run/systemd 2>/dev/null || { mkdir -p /run/systemd; mount -t tmpfs tmpfs /run/systemd; }
mkdir -p /run/systemd/netif/links /run/systemd/resolve
printf 'OPER_STATE=routable\\nADMIN_STATE=configured\\n' > /run/systemd/netif/state
for file in "$FOLDER"/links/*; do cp "$file" /run/systemd/netif/links/; done
mount --bind "$FOLDER/passwd" /etc/passwd
mount --bind "$FOLDER/group" /etc/group
mkdir -p /etc/systemd
mount -t tmpfs tmpfs /etc/systemd
cp "$FOLDER/resolved.conf" /etc/systemd/resolved.conf
chown 991:991 /run/systemd/resolve
mount --bind "$FOLDER/stub" /etc/resolv.conf
exec "$RESOLVED"
"""


class Resolved:
    """systemd-resolved in the protected namespace, with a mount namespace and links of its own; `pid` sees what its programs see."""

    def __init__(self, lab: Lab, tunnel: str, router: str) -> None:
        """`tunnel` and `router` are the state of those links as systemd-networkd writes it, such as "DNS=192.0.2.1"."""
        self._lab = lab
        folder = lab.folder / "resolved"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "links").mkdir(parents=True)
        state = "ADMIN_STATE=configured\nOPER_STATE=routable\nCARRIER_STATE=carrier\nADDRESS_STATE=routable\nIPV4_ADDRESS_STATE=routable\n"
        for device, text in ((lab.device, tunnel), ("eth0", router)):
            index = lab.call("vpn", socket.if_nametoindex, device)
            (folder / "links" / str(index)).write_text(state + text + "\n")
        (folder / "resolved.conf").write_text(
            f"[Resolve]\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nFallbackDNS={DNS['v4']}\nDNSStubListener=yes\nCache=no\n"
        )
        (folder / "stub").write_text("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        if "systemd-resolve:" not in passwd:
            passwd += "systemd-resolve:x:991:991::/:/usr/sbin/nologin\n"
            group += "systemd-resolve:x:991:\n"
        (folder / "passwd").write_text(passwd)
        (folder / "group").write_text(group)
        environment = {**os.environ, "FOLDER": str(folder), "RESOLVED": resolved_program() or ""}
        argv = ["unshare", "--mount", "--", "bash", "-c", _RESOLVED_SCRIPT]
        self.pid = lab.popen("vpn", argv, "resolved", lab.folder / "resolved.log", env=environment).pid
        _wait(lab, "vpn", "127.0.0.53")

    def close(self) -> None:
        self._lab.end("resolved")


if __name__ == "__main__":
    sys.exit("a module of the lab's tests; run dns_leaks.py")
