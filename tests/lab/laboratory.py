"""The class Lab: what tests use. See lab.py for an overview."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import ask
import breaks
import netns
import tunnels
from certificates import make_authority, make_server
from flows import Flow
from network import DIRECT, DNS, EXIT, HUB, IPV6_CHOICES, SERVER, TELEGRAM, WEB, Network
from process import Identity, LabError, wait_until
from record import Record, all_records, load
from truth import healthy

Value = TypeVar("Value")
_HERE = Path(__file__).resolve().parent
_number = itertools.count(1)

TELEGRAM_TOKEN = "42:lab-token"
TELEGRAM_PORT, TELEGRAM_CONTROL_PORT = 8081, 8082


def _own_prefix() -> str:
    number = next(_number)
    return f"vs{os.getpid()}-" if number == 1 else f"vs{os.getpid()}-{number}-"


class Lab:
    """One lab. As a context manager it sweeps dead labs, comes up, and goes down at the end whatever happens."""

    direct, exit, hub = DIRECT, EXIT, HUB  # {"v4": address, "v6": address}
    telegram_url = f"http://{TELEGRAM}:{TELEGRAM_PORT}"
    telegram_control_url = f"http://{TELEGRAM}:{TELEGRAM_CONTROL_PORT}"
    telegram_token = TELEGRAM_TOKEN

    def __init__(self, prefix: str | None = None, ipv6: str = "tunnelled", keep: bool = False) -> None:
        """`keep` lets the lab's processes outlive this one; follow `up` with `hand_over`."""
        if ipv6 not in IPV6_CHOICES:
            raise LabError(f"ipv6 is one of {', '.join(IPV6_CHOICES)}, not {ipv6!r}")
        record = Record(prefix or _own_prefix(), Identity.of(os.getpid()), ipv6)
        self._net = Network(record, die_with_owner=not keep)

    @classmethod
    def attach(cls, prefix: str) -> Lab:
        """A lab that another process made; what is started here does not die with this process."""
        lab = cls.__new__(cls)
        lab._net = Network(load(prefix), die_with_owner=False)
        return lab

    def __enter__(self) -> Lab:
        sweep()
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    # What tests need to know

    @property
    def prefix(self) -> str:
        return self._net.record.prefix

    @property
    def folder(self) -> Path:
        """Logs, keys, certificates and sockets of this lab; removed with it."""
        return self._net.folder

    @property
    def mode(self) -> str:
        return self._net.record.mode

    @property
    def ipv6(self) -> str:
        return self._net.record.ipv6

    @property
    def ca_file(self) -> Path:
        """The authority that signed the certificate of the HTTPS service."""
        return self.folder / "ca.crt"

    @property
    def resolv_conf(self) -> Path:
        """A resolv.conf that names the lab's resolver, for tests that mount it."""
        return self.folder / "resolv.conf"

    def resolv_conf_of(self, space: str) -> Path:
        """Which resolver the probe takes programs of a namespace to use."""
        return self._net.resolv_conf(space)

    @property
    def telegram_log(self) -> Path:
        return self.folder / "telegram.jsonl"

    @property
    def device(self) -> str:
        """The tunnel's interface in the current mode."""
        return self._mode().device

    @property
    def endpoint(self) -> str:
        """The VPN server as ADDRESS:PORT/PROTOCOL."""
        return f"{SERVER}:{self._mode().port}/udp"

    def netns(self, space: str) -> str:
        """The name (below /run/netns) of inet, vpnsrv, host, vpn or hub."""
        return self._net.name(space)

    def process(self, name: str) -> Identity | None:
        """A recorded process that still runs: vpn-client, vpn-server, services, telegram, or a name given to popen."""
        return self._net.process(name)

    # Coming and going

    def up(self) -> None:
        self._net.reserve()
        try:
            self._net.build()
            self._start_services()
        except BaseException:
            self.down()
            raise

    def hand_over(self, owner: int | None) -> None:
        """Makes another process the owner; with None the lab stays until it is taken down."""
        identity = None if owner is None else Identity.of(owner)
        if owner is not None and identity is None:
            raise LabError(f"there is no process {owner}")
        self._net.record.owner = identity
        self._net.record.save()

    def down(self) -> None:
        self._net.destroy()

    def start(self, mode: str, ipv6: str | None = None, ping_restart: int = 10) -> None:
        """Builds a healthy tunnel, or with `none` no tunnel, in place of whatever there was.

        `ping_restart` is after how many seconds of silence OpenVPN gives up (and lets everything leak).
        """
        if mode != "none" and mode not in tunnels.MODES:
            raise LabError(f"mode is none or one of {', '.join(tunnels.MODES)}, not {mode!r}")
        self.stop()
        self._net.record.ipv6 = ipv6 or self.ipv6
        self._net.record.mode = mode
        self._net.record.save()
        self._net.restore_vpn()
        if mode != "none":
            tunnels.start(self._net, tunnels.MODES[mode], ping_restart)
        self._wait_healthy()

    def stop(self) -> None:
        """Back to no VPN: the control state, where everything leaves directly."""
        breaks.mend_server(self._net)
        tunnels.stop_client(self._net)
        tunnels.stop_server(self._net)
        self._net.record.mode = "none"
        self._net.record.save()

    def break_tunnel(self, case: str) -> int:
        """Breaks the tunnel; returns the CLOCK_MONOTONIC time (ns) taken immediately before the breaking command."""
        if case not in breaks.CASES:
            raise LabError(f"no case {case!r}; there are {', '.join(breaks.CASES)}")
        if not breaks.CASES[case].applies(self.mode):
            raise LabError(f"{case} makes no sense in mode {self.mode}")
        return breaks.CASES[case].action(self._net, self._mode())

    def heal(self) -> None:
        """A healthy tunnel again, in the same mode; the server, unless it died, goes on."""
        breaks.mend_server(self._net)
        tunnels.stop_client(self._net)
        if self.mode != "none":
            tunnels.start(self._net, self._mode())
        self._wait_healthy()

    def mend(self, case: str) -> None:
        """Takes one break back, by the shortest way: what it did is undone, or the client is restarted."""
        mend = breaks.CASES[case].mend
        if mend is None:
            return self.heal()
        mend(self._net, self._mode())
        self._wait_healthy()

    # Doing things inside

    def exec(
        self, space: str, argv: Sequence[str], timeout: float = 10, check: bool = True, **options: object
    ) -> subprocess.CompletedProcess:
        """Runs a program in a namespace and waits for it; text in and out unless options say otherwise."""
        options = {"capture_output": True, "text": True, **options}
        return subprocess.run(netns.enter(self.netns(space), argv), timeout=timeout, check=check, **options)

    def popen(
        self, space: str, argv: Sequence[str], name: str | None = None, log: Path | None = None, **options: object
    ) -> subprocess.Popen:
        """Starts a program in a namespace; the lab ends it when it goes down, or when the owner dies."""
        return self._net.popen(space, argv, name or f"{Path(argv[0]).name}-{next(_number)}", log, **options)

    def end(self, name: str, grace: float = 2.0) -> None:
        """Ends a program that `popen` was given a name for."""
        self._net.end(name, grace=grace)

    def call(self, space: str, function: Callable[..., Value], *args: object) -> Value:
        """Calls a Python function in a namespace; sockets that it makes stay there."""
        return netns.call(self.netns(space), function, *args)

    def ip(self, space: str, *lines: str) -> int:
        """Runs `ip` commands in a namespace; returns the CLOCK_MONOTONIC time (ns) just before the first."""
        return netns.ReadyIp(self.netns(space)).run(lines)

    def ask(self, space: str = "vpn", timeout: float = 1.0) -> dict[str, str | None]:
        """The addresses that HTTP and DNS see from a namespace: http4, dns4, http6, dns6; None is no answer."""
        return ask.ask_all(self.netns(space), timeout)

    def ways(self, timeout: float = 1.0) -> dict[str, str]:
        """Where v4 and v6 of the protected namespace go: direct, tunnel or nothing."""
        return ask.ways(self.ask("vpn", timeout))

    def way_of(self, flow: Flow, timeout: float = 1.0) -> str:
        """Where the packets of one kind of process in `vpn` go: direct, tunnel, nothing, or mixed when only some leak."""
        return self.call("vpn", flow.ask, timeout)

    # Parts

    def _mode(self) -> tunnels.Mode:
        if self.mode not in tunnels.MODES:
            raise LabError("there is no tunnel; start one first")
        return tunnels.MODES[self.mode]

    def _wait_healthy(self) -> None:
        expected = healthy(self.mode, self.ipv6)
        wait_until(lambda: self.ways(0.5) == expected, 15, f"mode {self.mode} works as {expected}", 0.02)

    def _start_services(self) -> None:
        make_authority(self.folder)
        # As large as a real server's, whose certificates do not fit into one packet.
        names = ["trace.lab.test", "web.lab.test", *(f"other-customer-{number}.lab.test" for number in range(60))]
        certificate = make_server(self.folder, "web", names, list(WEB.values()))
        self.resolv_conf.write_text(f"nameserver {DNS['v4']}\n")
        key = str(certificate.with_suffix(".key"))
        argv = [sys.executable, str(_HERE / "services.py"), "--certificate", str(certificate), "--key", key]
        self._net.popen("inet", argv, "services", self.folder / "services.log")
        argv = [sys.executable, str(_HERE / "telegram_server.py"), "--token", TELEGRAM_TOKEN]
        argv += ["--listen", f"{TELEGRAM}:{TELEGRAM_PORT}", "--control", f"{TELEGRAM}:{TELEGRAM_CONTROL_PORT}"]
        argv += ["--log", str(self.telegram_log)]
        self._net.popen("inet", argv, "telegram", self.folder / "telegram.log")
        wait_until(lambda: None not in self.ask("inet", 0.5).values(), 15, "the services answer", 0.02)
        wait_until(self._telegram_listens, 15, "the Telegram server listens", 0.02)

    def _telegram_listens(self) -> bool:
        for port in (TELEGRAM_PORT, TELEGRAM_CONTROL_PORT):
            try:
                self.call("inet", socket.create_connection, (TELEGRAM, port), 1.0).close()
            except OSError:
                return False
        return True


def sweep(everything: bool = False) -> list[str]:
    """Removes the labs whose owner is dead; `everything` also those that nobody owns. Returns their prefixes."""
    gone = []
    for record in all_records():
        if record.orphaned() or (everything and record.owner is None):
            Network(record, die_with_owner=False).destroy()
            gone.append(record.prefix)
    return gone
