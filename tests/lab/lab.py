#!/usr/bin/env python3
"""A VPN laboratory: five network namespaces with a fake Internet and a real tunnel, made by the tests themselves.

    lab.py [--prefix P] up [--ipv6 tunnelled|open|none] [--owner PID]
    lab.py [--prefix P] start openvpn|wg-quick|gluetun|plain|none [--ipv6 ...]
    lab.py [--prefix P] stop | ask | status | break CASE | heal | exec SPACE COMMAND... | down
    lab.py sweep [--all]

A lab made by the command line stays until `down`, or until the process given by --owner is gone and somebody sweeps.
In Python it belongs to the process, and a lab whose owner was killed is swept by the next one:

    with Lab() as lab:
        lab.start("wg-quick")
        lab.popen("host", ["vpn-sentinel-probe", "--netns", f"name:{lab.netns('vpn')}"])
        broken_at = lab.break_tunnel("kill")

Needs root and the programs ip, nft, nsenter, unshare, setpriv, openssl, openvpn, wireguard-go and wg. network.py shows
the topology, tunnels.py the modes, breaks.py the ways to break a tunnel, truth.py what is true after each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from breaks import CASES
from laboratory import Lab, sweep
from network import IPV6_CHOICES, SPACES
from process import LabError
from record import all_records
from tunnels import MODES

__all__ = ["Lab", "LabError", "sweep"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefix", default="vs-", help="what the namespaces' names begin with (vs-)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make the namespaces and the fake Internet")
    up.add_argument("--ipv6", choices=IPV6_CHOICES, default="tunnelled")
    up.add_argument("--owner", type=int, help="the process whose end makes the lab garbage")
    start = commands.add_parser("start", help="build a healthy tunnel")
    start.add_argument("mode", choices=[*MODES, "none"])
    start.add_argument("--ipv6", choices=IPV6_CHOICES)
    breaking = commands.add_parser("break", help="break the tunnel; prints the CLOCK_MONOTONIC time before it, in ns")
    breaking.add_argument("case", choices=CASES)
    inside = commands.add_parser("exec", help="run a program in a namespace")
    inside.add_argument("space", choices=SPACES)
    inside.add_argument("argv", nargs=argparse.REMAINDER)
    sweeping = commands.add_parser("sweep", help="remove the labs of dead owners")
    sweeping.add_argument("--all", action="store_true", help="also those that nobody owns")
    for name, text in (
        ("stop", "end the tunnel"),
        ("heal", "bring the tunnel back"),
        ("ask", "which addresses HTTP and DNS see from vpn"),
        ("status", "all labs of this machine"),
        ("down", "remove the lab"),
    ):
        commands.add_parser(name, help=text)
    return parser.parse_args()


def _status() -> list[dict[str, object]]:
    return [
        {
            "prefix": record.prefix,
            "mode": record.mode,
            "ipv6": record.ipv6,
            "owner": record.owner.pid if record.owner else None,
            "orphaned": record.orphaned(),
            "running": {name: process.pid for name, process in record.processes.items() if process.alive()},
            "folder": str(record.folder),
        }
        for record in all_records()
    ]


def _carry_out(given: argparse.Namespace) -> int:
    if given.command == "up":
        lab = Lab(given.prefix, given.ipv6, keep=True)
        lab.up()
        lab.hand_over(given.owner)
        return 0
    if given.command == "sweep":
        print("\n".join(sweep(given.all)))
        return 0
    if given.command == "status":
        print(json.dumps(_status(), indent=1))
        return 0
    lab = Lab.attach(given.prefix)
    if given.command == "start":
        lab.start(given.mode, given.ipv6)
    elif given.command == "break":
        print(lab.break_tunnel(given.case))
    elif given.command == "exec":
        return lab.exec(given.space, given.argv, timeout=None, check=False, capture_output=False).returncode
    elif given.command == "ask":
        print(json.dumps(lab.ask()))
    else:
        {"stop": lab.stop, "heal": lab.heal, "down": lab.down}[given.command]()
    return 0


def main() -> int:
    try:
        return _carry_out(_arguments())
    except (LabError, subprocess.SubprocessError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
