#!/usr/bin/env python3
"""Kills a hub at random moments while alerts are pending: each report that it acknowledged is told once by each rule, none is lost.

    alerts_crash.py --build FOLDER [--rounds N] [--seed N]

Telegram refuses everything while the hub is killed, so that nothing may be delivered twice for the one reason nobody can help: a hub that
died between Telegram's answer and the mark. One rule tells at once, the other after a second, which has to survive the kill as well.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from hub_daemon import KEY, HubDaemon, free_ports

HERE = Path(__file__).parent
TOKEN = "123456:lab"
RULES = """
[[rule]]
name = "at-once"
on = "state"
clients = ["client-*"]

[[rule]]
name = "late"
on = "state"
clients = ["client-*"]
states = ["danger"]
delay_s = 1
"""
LONGEST = 0.25
PATIENCE = 90.0


class Reporter:
    """Clients that each report a danger once, one after the other, from a thread of its own."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/keepalive"
        self.acknowledged: set[str] = set()
        self._number = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.is_set():
            self._number += 1
            self._report(f"client-{self._number}")
            self._ends.wait(0.02)

    def _report(self, client: str) -> None:
        now = datetime.now(timezone.utc).isoformat()
        report = {
            # Each in a group of its own: what is told together would name the first fifty only.
            "schema": 2, "client_id": client, "group": client, "boot_id": "b", "seq": 1, "timestamp": now, "lease_s": 3600, "path": "tunnel",
            "trigger": "change", "client_version": "1.0.0", "state": "danger",
            "findings": [{"code": "default_route_outside", "severity": "danger", "since": now, "evidence": {}}],
        }
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(report).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if answer.status == 200:
                    self.acknowledged.add(client)
        except (OSError, urllib.error.URLError):
            pass  # It may be stored all the same; nobody was promised anything.


class Telegram:
    def __init__(self) -> None:
        self.port, self.control = free_ports(2)
        argv = [sys.executable, str(HERE / "telegram_server.py"), "--token", TOKEN]
        self.process = subprocess.Popen([*argv, "--listen", f"127.0.0.1:{self.port}", "--control", f"127.0.0.1:{self.control}"])

    def __enter__(self) -> Telegram:
        wait_for(lambda: self.ask("/messages") is not None, "Telegram's server")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)

    def ask(self, path: str, body: dict | None = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.control}{path}", data, timeout=10) as answer:
                return json.loads(answer.read() or b"{}")
        except OSError:
            return None

    def told(self) -> Counter[str]:
        """How many delivered messages name each client."""
        names: Counter[str] = Counter()
        for entry in self.ask("/messages") or []:
            if entry["method"] == "sendMessage" and entry["status"] == 200:
                names.update(set(re.findall(r"client-\d+", entry["params"]["text"])))
        return names


def wait_for(condition: object, what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def complaints(told: Counter[str], acknowledged: set[str]) -> list[str]:
    lost = [f"{name} was told {told[name]} times, not twice (once by each rule)" for name in sorted(acknowledged) if told[name] != 2]
    return lost + [f"{name}, not acknowledged, was told {count} times" for name, count in told.items() if count != 2 and name not in acknowledged]


def pending(hub: HubDaemon) -> int:
    """Messages and delays of the rules that wait."""
    status, body = hub.fetch("/health", hub.health_port)
    found = re.search(rb"(\d+) waiting", body)
    return int(found.group(1)) if status == 200 and found else 1


def run(build: Path, rounds: int, dice: random.Random) -> list[str]:
    with Telegram() as telegram, HubDaemon(build) as hub:
        rules = hub.folder / "alerts.toml"
        rules.write_text(RULES)
        hub.environment |= {
            "VPN_SENTINEL_ALERTS_FILE": str(rules), "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "7",
            "VPN_SENTINEL_TELEGRAM_API_URL": f"http://127.0.0.1:{telegram.port}",
        }
        telegram.ask("/mode", {"mode": "500"})
        reporter = Reporter(hub.url)
        try:
            for number in range(rounds):
                if number % 100 == 0:
                    print(f"{number} kills, {len(reporter.acknowledged)} reports acknowledged", flush=True)
                hub.start()
                time.sleep(dice.uniform(0, LONGEST))
                hub.kill()
        finally:
            reporter.end()
        telegram.ask("/mode", {"mode": "ok"})
        hub.start()
        deadline = time.monotonic() + PATIENCE
        found = ["nothing was looked at"]
        while found and time.monotonic() < deadline:
            time.sleep(0.5)
            found = complaints(telegram.told(), reporter.acknowledged)
        # Whatever would be told twice comes now.
        wait_for(lambda: pending(hub) == 0, "an empty queue")
        found = complaints(telegram.told(), reporter.acknowledged)
        print(f"{rounds} kills, {len(reporter.acknowledged)} reports acknowledged, {sum(telegram.told().values())} names told")
        if len(reporter.acknowledged) < rounds / 4:
            found.append(f"only {len(reporter.acknowledged)} reports were acknowledged in {rounds} rounds")
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    found = run(arguments.build.resolve(), arguments.rounds, random.Random(arguments.seed))
    for line in found[:20]:
        print(f"WRONG: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
