"""What happens to the tunnel's interface and its program: ended behind a closed door, moved, renamed, enslaved, restarted softly."""

from __future__ import annotations

import signal
import subprocess
import time

import netns
from case import OUT, Case, Action, client, end_client, ip, prepare, undo
from network import GATEWAY, SERVER, Network
from tunnels import Mode

NEW_NAME = "old-vpn0"
_VRF = "lab-vrf"


def closed_default(kind: str) -> Action:
    """A kill switch made of routes: in place first, so nothing leaves at any moment; then the daemon is killed, and
    the last way out, the route to the server, is closed too."""

    def action(net: Network, mode: Mode) -> int:
        prepare(
            net,
            f"route replace {SERVER} {OUT}",
            f"route add {kind} default metric 900",
            f"-6 route add {kind} default metric 1900",
        )
        closed = [f"route del default {OUT}", f"-6 route del default via {GATEWAY['v6']} dev eth0"]
        netns.ip(net.name("vpn"), closed, force=True)
        started = end_client(net, signal.SIGKILL)
        netns.ip(net.name("vpn"), [f"route del {SERVER}"])
        return started

    return action


def _moved(net: Network, mode: Mode) -> int:
    return ip(net, f"link set {mode.device} netns {net.name('hub')}")


def _renamed(net: Network, mode: Mode) -> int:
    return ip(net, f"link set {mode.device} down", f"link set {mode.device} name {NEW_NAME}", f"link set {NEW_NAME} up")


def _replaced(net: Network, mode: Mode) -> int:
    """The tunnel goes, and something that is none takes its name."""
    started = ip(net, f"link del {mode.device}")
    prepare(
        net,
        f"link add {mode.device} type veth peer name lab-peer",
        "link set lab-peer up",
        f"addr add 198.19.0.2/32 dev {mode.device}",
        f"link set {mode.device} up",
    )
    return started


def _enslaved(net: Network, mode: Mode) -> int:
    prepare(net, f"link add {_VRF} type vrf table 1071", f"link set {_VRF} up")
    return ip(net, f"link set {mode.device} master {_VRF}")


def _mend_enslaved(net: Network, mode: Mode) -> None:
    netns.ip(net.name("vpn"), [f"link del {_VRF}"])


def _no_vrf() -> str | None:
    """A bridge would be another such master, but it takes no interface without Ethernet addresses, as tun is one."""
    argv = ["unshare", "--net", "ip", "link", "add", _VRF, "type", "vrf", "table", "1071"]
    return None if subprocess.run(argv, capture_output=True).returncode == 0 else "this kernel has no VRF devices"


def _soft_restart(net: Network, mode: Mode) -> int:
    """OpenVPN closes its interface and opens it again a second later."""
    process = client(net)
    started = time.monotonic_ns()
    process.send(signal.SIGUSR1)
    return started


CASES = (
    Case("unreachable_default", "a route kill switch (unreachable) holds and the client is killed", closed_default("unreachable")),
    Case("blackhole_default", "a route kill switch (blackhole) holds and the client is killed", closed_default("blackhole")),
    Case("prohibit_default", "a route kill switch (prohibit) holds and the client is killed", closed_default("prohibit")),
    Case("moved", "the tunnel interface is moved to another namespace", _moved),
    Case("renamed", "the tunnel interface is renamed", _renamed),
    Case("replaced", "another kind of interface takes the tunnel's name", _replaced),
    Case("enslaved", "the tunnel interface is enslaved to a VRF", _enslaved, possible=_no_vrf),
    Case("soft_restart", "OpenVPN restarts softly (SIGUSR1)", _soft_restart, frozenset({"openvpn"}), undo()),
)
