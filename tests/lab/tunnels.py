"""The VPNs of the lab: real OpenVPN and real WireGuard (wireguard-go), with the routing that common clients build.

    openvpn   tun0, redirect-gateway def1: two /1 routes over the default route, a host route to the server
    wg-quick  wg0, default in table 51820, rules "not fwmark 51820 table 51820" and "table main suppress_prefixlength 0"
    gluetun   tun0 (WireGuard), default in table 51820, rule 101 "not fwmark 51820"; main keeps its default
    plain     tun0 (WireGuard), main's default replaced (metric 50, as NetworkManager does), a host route to the server
    none      no VPN at all: the control, which must show the leak
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netns
from certificates import make_peer, make_wireguard_key
from network import GATEWAY, SERVER, TABLE, Network
from process import Identity, LabError, run, wait_until

OPENVPN_PORT, WIREGUARD_PORT = 1194, 51820
CLIENT, SERVICE = "vpn-client", "vpn-server"  # names in the lab's record
OTHER_TUNNEL = "office0"  # beside the VPN's own, for the breaks that need one
_V4, _V6 = "198.19.0.2/32", "2001:db8:ff::2/128"


def _families(net: Network) -> tuple[str, ...]:
    return ("-4", "-6") if net.record.ipv6 == "tunnelled" else ("-4",)


# Routing


def _route_wg_quick(net: Network, device: str) -> list[str]:
    lines = []
    for family in _families(net):
        lines += [
            f"{family} route add default dev {device} table {TABLE}",
            f"{family} rule add not fwmark {TABLE} table {TABLE}",
            f"{family} rule add table main suppress_prefixlength 0",
        ]
    return lines


def _route_gluetun(net: Network, device: str) -> list[str]:
    lines = []
    for family in _families(net):
        lines.append(f"{family} route add default dev {device} table {TABLE}")
        lines.append(f"{family} rule add not fwmark {TABLE} table {TABLE} priority 101")
    return lines


def _route_plain(net: Network, device: str) -> list[str]:
    lines = [
        f"route add {SERVER} via {GATEWAY['v4']} dev eth0",
        f"route add default dev {device} metric 50",
        f"route del default via {GATEWAY['v4']} dev eth0",
    ]
    if "-6" in _families(net):
        lines.append(f"-6 route add default dev {device} metric 50")
        lines.append(f"-6 route del default via {GATEWAY['v6']} dev eth0")
    return lines


@dataclass(frozen=True)
class Mode:
    """`routes` is None where the daemon makes its routes itself."""

    name: str
    device: str
    port: int
    routes: Callable[[Network, str], list[str]] | None = None

    @property
    def openvpn(self) -> bool:
        return self.port == OPENVPN_PORT


MODES = {
    mode.name: mode
    for mode in (
        Mode("openvpn", "tun0", OPENVPN_PORT),
        Mode("wg-quick", "wg0", WIREGUARD_PORT, _route_wg_quick),
        Mode("gluetun", "tun0", WIREGUARD_PORT, _route_gluetun),
        Mode("plain", "tun0", WIREGUARD_PORT, _route_plain),
    )
}


# OpenVPN

_OPENVPN_COMMON = (
    "openvpn --dev tun0 --disable-dco --dh none --data-ciphers AES-256-GCM --auth-nocache --verb 4"
    " --suppress-timestamps"
).split()


def _openvpn(net: Network, space: str, name: str, own: str, other: str, more: str) -> None:
    """Starts one side and waits until it says that it is ready."""
    log = net.folder / f"{name}.log"
    log.unlink(missing_ok=True)
    fingerprint = make_peer(net.folder, other)
    make_peer(net.folder, own)
    identity = ["--cert", str(net.folder / f"{own}.crt"), "--key", str(net.folder / f"{own}.key")]
    argv = [*_OPENVPN_COMMON, *identity, "--peer-fingerprint", fingerprint, *more.split()]
    child = net.popen(space, argv, name, log)

    def ready() -> bool:
        if child.poll() is not None:
            raise LabError(f"{name} ended:\n{log.read_text()[-2000:]}")
        return "Initialization Sequence Completed" in log.read_text(errors="replace")

    try:
        wait_until(ready, 20, f"{name} is ready")
    except LabError as error:
        raise LabError(f"{error}:\n{log.read_text()[-2000:]}") from None


def _start_openvpn(net: Network, ping_restart: int) -> None:
    if net.process(SERVICE) is None:
        server = "--mode server --tls-server --topology subnet --server 198.19.0.0 255.255.255.0"
        # OpenVPN wants the patience to be at least twice the interval; with 10 s it is the usual 2 s.
        server += f" --server-ipv6 2001:db8:ff::/64 --keepalive {max(1, ping_restart // 5)} {ping_restart}"
        server += " --duplicate-cn"
        _openvpn(net, "vpnsrv", SERVICE, "openvpn-server", "openvpn-client", server)
    redirect = "def1 ipv6" if "-6" in _families(net) else "def1"
    client = f"--client --remote {SERVER} {OPENVPN_PORT} udp4 --nobind --redirect-gateway {redirect}"
    client += f" --management {net.folder}/openvpn.sock unix --connect-retry 1 2"
    _openvpn(net, "vpn", CLIENT, "openvpn-client", "openvpn-server", client)


# WireGuard

# Each daemon has /var/run/wireguard for itself: its control socket is named after the interface only, so two daemons
# with a "wg0" in different network namespaces would otherwise share one path.
_PRIVATE = "mkdir -p /var/run/wireguard && mount -t tmpfs tmpfs /var/run/wireguard && exec wireguard-go -f "


def _wireguard_daemon(net: Network, space: str, name: str, device: str) -> None:
    log = net.folder / f"{name}.log"
    log.unlink(missing_ok=True)
    environment = {**os.environ, "LOG_LEVEL": "error", "WG_PROCESS_FOREGROUND": "1"}
    argv = ["unshare", "--mount", "--", "sh", "-c", _PRIVATE + device]
    child = net.popen(space, argv, name, log, env=environment)
    socket = Path(f"/proc/{child.pid}/root/run/wireguard/{device}.sock")

    def ready() -> bool:
        if child.poll() is not None:
            raise LabError(f"{name} ended:\n{log.read_text()[-2000:]}")
        return socket.exists()

    wait_until(ready, 10, f"{name} is ready (see {log})", 0.005)


def wg(net: Network, space: str, process: Identity, arguments: list[str]) -> str:
    """Runs `wg` where it sees the daemon's control socket."""
    inside = ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt", "--", "wg", *arguments]
    return run(netns.enter(net.name(space), inside))


def _configure(net: Network, space: str, name: str, device: str, arguments: list[str], lines: list[str]) -> None:
    process = net.process(name)
    if process is None:
        raise LabError(f"{name} ended (see {net.folder / name}.log)")
    netns.ip(net.name(space), lines[:-1])
    wg(net, space, process, ["set", device, *arguments])
    netns.ip(net.name(space), lines[-1:])


def _start_wireguard(net: Network, mode: Mode) -> None:
    server_key, client_key = (make_wireguard_key(net.folder, side) for side in ("server", "client"))
    if net.process(SERVICE) is None:
        _wireguard_daemon(net, "vpnsrv", SERVICE, "wg0")
        arguments = ["private-key", str(net.folder / "server.wgkey"), "listen-port", str(WIREGUARD_PORT)]
        arguments += ["peer", client_key, "allowed-ips", f"{_V4},{_V6}"]
        lines = ["addr add 198.19.0.1/24 dev wg0", "addr add 2001:db8:ff::1/64 dev wg0 nodad"]
        _configure(net, "vpnsrv", SERVICE, "wg0", arguments, [*lines, "link set mtu 1380 up dev wg0"])
    _wireguard_daemon(net, "vpn", CLIENT, mode.device)
    ipv6 = "-6" in _families(net)
    arguments = ["private-key", str(net.folder / "client.wgkey"), "fwmark", str(TABLE), "peer", server_key]
    arguments += ["endpoint", f"{SERVER}:{WIREGUARD_PORT}", "persistent-keepalive", "5"]
    arguments += ["allowed-ips", "0.0.0.0/0,::/0" if ipv6 else "0.0.0.0/0"]
    lines = [f"addr add {_V4} dev {mode.device}"]
    if ipv6:
        lines.append(f"addr add {_V6} dev {mode.device} nodad")
    _configure(net, "vpn", CLIENT, mode.device, arguments, [*lines, f"link set mtu 1380 up dev {mode.device}"])
    assert mode.routes is not None
    netns.ip(net.name("vpn"), mode.routes(net, mode.device))


# Both


def start(net: Network, mode: Mode, ping_restart: int = 10) -> None:
    """Starts server and client; the server is left alone when it already runs."""
    if mode.openvpn:
        _start_openvpn(net, ping_restart)
    else:
        _start_wireguard(net, mode)


def stop_client(net: Network) -> None:
    """Ends the client and takes everything away that it, or a break, may have left in `vpn`."""
    net.end(CLIENT)
    for device in {OTHER_TUNNEL, *(mode.device for mode in MODES.values())}:
        if _has_device(net, device):
            netns.ip(net.name("vpn"), [f"link del {device}"], force=True)
    net.restore_vpn()


def stop_server(net: Network) -> None:
    net.end(SERVICE)


def _has_device(net: Network, device: str) -> bool:
    links = run(["ip", "-n", net.name("vpn"), "-o", "link", "show"])
    return f" {device}: " in links or f" {device}@" in links
