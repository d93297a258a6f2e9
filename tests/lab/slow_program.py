#!/usr/bin/env python3
"""The VPN's program tells late which packets are its own, because others that hang are asked before it: its packets are no leak meanwhile, and
nobody says that all is well either.

    slow_program.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import suite
import tunnels
from lab import Lab
from network import DNS, WEB
from packets_outside import send_bound
from process import wait_until

BUILD = Path()
# Each is waited for half a second.
HANGING = 8
# The VPN has something to send all the time: a minute of it at most.
TALK = f"""
import socket, time
for _ in range(3000):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
        talker.sendto(b"through the tunnel", ("{WEB['v4']}", 9))
    time.sleep(0.02)
"""


class SlowProgram(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("wg-quick")
        for number in range(HANGING):
            tunnels._wireguard_daemon(cls.lab._net, "inet", f"hanging{number}", f"h{number}")
            process = cls.lab.process(f"hanging{number}")
            os.kill(process.pid, signal.SIGSTOP)
            cls.addClassCleanup(os.kill, process.pid, signal.SIGCONT)

    @contextmanager
    def probe(self) -> Iterator[tuple[subprocess.Popen, Path]]:
        settings, log = self.lab.folder / "slow.toml", self.lab.folder / "slow.log"
        targets = [f'[[target]]\nnetns = "name:{self.lab.netns("inet")}"\ntunnel = "h{i}"\nclient_id = "hanging{i}"\n' for i in range(HANGING)]
        targets.append(f'[[target]]\nnetns = "name:{self.lab.netns("vpn")}"\nclient_id = "office"\n')
        settings.write_text("".join(targets))
        environment = {
            "VPN_SENTINEL_URL": "http://127.0.0.1:9",
            "VPN_SENTINEL_TRACE_URLS": "",
            "VPN_SENTINEL_WHOAMI_SERVERS": "none",
            "VPN_SENTINEL_STUN_SERVERS": "none",
            "VPN_SENTINEL_EGRESS_ZONE": "",
            "VPN_SENTINEL_LIVENESS_SERVER": DNS["v4"],
            "VPN_SENTINEL_DATA_DIR": str(self.lab.folder / "slow-data"),
            "VPN_SENTINEL_CONNECTIONS": "off",
            "PATH": "/usr/bin:/bin",
        }
        argv = [str(BUILD / "vpn-sentinel-probe"), "run", "--config", str(settings)]
        log.unlink(missing_ok=True)
        talker = self.lab.popen("vpn", [sys.executable, "-c", TALK], None, None)
        process = self.lab.popen("host", argv, None, log, env=environment)
        try:
            yield process, log
        finally:
            for one in (process, talker):
                one.kill()
                one.wait(15)

    @staticmethod
    def verdicts(log: Path) -> list[tuple[str, list[str]]]:
        """Of the target whose program answers: state and findings of each change that was told."""
        told = re.findall(r"event=verdict client_id=office state=(\S+) findings=(\S+)", log.read_text())
        return [(state, findings.split(",")) for state, findings in told]

    def wait_verdict(self, probe: subprocess.Popen, log: Path, what: str, fits: Callable[[str, list[str]], bool], after: int = 0) -> int:
        """One verdict of those told so far is enough, since some last for milliseconds. Returns how many had been told with it; `after`: so
        many are not looked at."""
        found = 0

        def one_fits() -> bool:
            nonlocal found
            self.assertIsNone(probe.poll(), log.read_text()[-2000:])
            found = next((i for i, told in enumerate(self.verdicts(log), 1) if i > after and fits(*told)), 0)
            return found > 0

        wait_until(one_fits, 60, f"{what} (see {log})", 0.05)
        return found

    @contextmanager
    def doubting_probe(self) -> Iterator[tuple[subprocess.Popen, Path, int]]:
        """One that counts what it cannot judge yet, and how many verdicts it has told with that. Where the program had answered when the
        counting began there was no doubt: then another one is started."""
        counted = {"packets_unjudged", "packets_outside"}
        for _ in range(4):
            with self.probe() as (probe, log):
                seen = self.wait_verdict(probe, log, "a verdict", lambda state, codes: state == "secure" or bool(counted & set(codes)))
                if counted & set(self.verdicts(log)[seen - 1][1]):
                    yield probe, log, seen
                    return
        self.skipTest("four probes counted nothing before the VPN's program had answered: there was no doubt to be told")

    def test_what_the_vpn_sends_before_its_program_has_answered_is_neither_a_leak_nor_nothing(self) -> None:
        with self.doubting_probe() as (probe, log, seen):
            self.wait_verdict(probe, log, "it is secure", lambda state, _: state == "secure", seen)
            told = self.verdicts(log)
            self.assertFalse([codes for _, codes in told if {"packets_outside", "process_outside"} & set(codes)], told)
            self.assertEqual({state for state, codes in told if "packets_unjudged" in codes}, {"warning"}, told)

    def test_a_leak_meanwhile_is_told_as_one_when_the_program_has_answered(self) -> None:
        with self.doubting_probe() as (probe, log, seen):
            self.lab.call("vpn", send_bound, WEB["v4"], 4444)
            self.wait_verdict(probe, log, "the leak is told", lambda state, codes: state == "danger" and "packets_outside" in codes, seen)


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(SlowProgram, given.tests)


if __name__ == "__main__":
    sys.exit(main())
