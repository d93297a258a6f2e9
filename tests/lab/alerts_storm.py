#!/usr/bin/env python3
"""Many clients fall at the same moment, before a hub without any rule: one message per group and channel, and one danger alone is told at
once. A network that comes back brings what was missed, with the time at which it happened.

    alerts_storm.py --build FOLDER [--clients N] [TEST…]
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

import suite
from channel_servers import Book, Taken, WebServer
from hub_daemon import KEY, HubDaemon

BUILD = Path()
CLIENTS = 5_000
CONNECTIONS = 8
GROUPS = 5
PATIENCE = 120.0
CHANNELS = ("/one", "/two")


def now_text(back: float = 0.0) -> str:
    moment = datetime.now(timezone.utc) - timedelta(seconds=back)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def report(client: str, seq: int, state: str, group: str = "", back: float = 0.0) -> bytes:
    now = now_text(back)
    findings = [{"code": "default_route_outside", "severity": "danger", "since": now, "evidence": {}}] if state == "danger" else []
    body = {
        "schema": 2, "client_id": client, "boot_id": "b", "seq": seq, "timestamp": now, "lease_s": 3600, "path": "tunnel",
        "trigger": "change", "client_version": "1.0.0", "state": state, "findings": findings,
    }  # fmt: skip
    if group:
        body["group"] = group
    return json.dumps(body).encode()


def tell_all(hub: HubDaemon, bodies: list[bytes]) -> float:
    """By several connections at once; how long it took."""
    refused: list[int] = []

    def tell(part: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", hub.api_port, timeout=60)
        for body in part:
            connection.request("POST", "/api/v1/keepalive", body, {"X-API-Key": KEY, "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                refused.append(answer.status)
        connection.close()

    begun = time.monotonic()
    threads = [threading.Thread(target=tell, args=(bodies[i::CONNECTIONS],)) for i in range(min(CONNECTIONS, len(bodies)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused, f"{len(refused)} reports were refused: {refused[:5]}"
    return time.monotonic() - begun


def named(messages: list[Taken]) -> int:
    """How many clients the messages are about."""
    return sum(len(each.json.get("clients", [])) + each.json.get("more_clients", 0) or 1 for each in messages)


class AlertsStorm(unittest.TestCase):
    def setUp(self) -> None:
        self.book = Book()
        self.web = WebServer(self.book)
        self.addCleanup(self.web.shutdown)
        self.hub = self.enterContext(HubDaemon(BUILD))
        file = self.hub.folder / "alerts.toml"
        file.write_text("".join(f'[[channel]]\nname = "{path[1:]}"\nkind = "webhook"\nurl = "{self.web.url}{path}"\n' for path in CHANNELS))
        self.hub.environment["VPN_SENTINEL_ALERTS_FILE"] = str(file)
        self.hub.start()
        for path in CHANNELS:
            self.book.wait(path, 1, seconds=PATIENCE)  # the hub's start

    def dangers(self, path: str) -> list[Taken]:
        return [each for each in self.book.of(path) if each.json.get("to") == "danger"]

    def wait_for(self, path: str, enough: object) -> list[Taken]:
        deadline = time.monotonic() + PATIENCE
        with self.book.changed:
            while not enough(found := [each for each in self.book.taken if each.path == path and each.json.get("to") == "danger"]):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{path}: {len(found)} messages, {named(found)} clients, within {PATIENCE:g} s")
                self.book.changed.wait(left)
            return found

    def quiet(self) -> None:
        """Waits until nothing waits to be told or delivered."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status, body = self.hub.fetch("/api/v1/alerts?state=waiting&limit=1")
            if status == 200 and not json.loads(body)["alerts"]:
                return
            time.sleep(0.1)
        raise AssertionError("messages wait on")

    def test_one_danger_is_told_at_once(self) -> None:
        tell_all(self.hub, [report("office", 1, "secure")])
        self.wait_for("/one", lambda _: len(self.book.of("/one")) >= 2)
        begun = time.monotonic()
        tell_all(self.hub, [report("office", 2, "danger")])
        self.wait_for("/one", lambda found: len(found) == 1)
        print(f"\none danger: told after {time.monotonic() - begun:.3f} s", flush=True)

    def test_fifty_that_fall_together_are_one_message(self) -> None:
        clients = [f"c{i}" for i in range(50)]
        tell_all(self.hub, [report(client, 1, "secure") for client in clients])
        begun = time.monotonic()
        took = tell_all(self.hub, [report(client, 2, "danger") for client in clients])
        for path in CHANNELS:
            found = self.wait_for(path, lambda found: named(found) >= 50)
            self.assertEqual(named(found), 50)
            # On a machine that takes seconds for fifty reports they have not fallen together.
            self.assertLessEqual(len(found), 1 + int(took))
        print(f"\n50 clients: {len(found)} message, {time.monotonic() - begun:.2f} s after the first report", flush=True)

    def test_thousands_that_fall_at_once_are_one_message_per_group_and_channel(self) -> None:
        clients = [(f"c{i}", f"site-{i % GROUPS}") for i in range(CLIENTS)]
        tell_all(self.hub, [report(client, 1, "secure", group) for client, group in clients])
        self.quiet()
        begun = time.monotonic()
        took = tell_all(self.hub, [report(client, 2, "danger", group) for client, group in clients])
        for path in CHANNELS:
            found = self.wait_for(path, lambda found: len(found) >= GROUPS)
        told = time.monotonic() - begun
        self.quiet()
        for path in CHANNELS:
            groups = sorted(each.json["client_id"] for each in self.dangers(path) if each.json["kind"] != "news")
            self.assertEqual(groups, [f"group:site-{i}" for i in range(GROUPS)])
            # Where it takes long until the last one has reported, the members of a group did not agree meanwhile, which is told as well.
            news = {each.json["reasons"][0]["code"] for each in self.dangers(path) if each.json["kind"] == "news"}
            self.assertLessEqual(news, {"group_disagrees"})
        print(f"\n{CLIENTS} clients in {GROUPS} groups: reported within {took:.1f} s, all groups told after {told:.2f} s", flush=True)

    def test_a_network_that_comes_back_brings_what_was_missed_with_its_times(self) -> None:
        with self.book.changed:
            self.book.stuck["/one"] = 503
        tell_all(self.hub, [report("office", 1, "secure", back=30)])
        tell_all(self.hub, [report("office", 2, "danger", back=20)])
        self.book.wait("/two", 3, seconds=PATIENCE)
        self.hub.kill()
        self.hub.start()
        time_before = now_text()
        with self.book.changed:
            self.book.stuck.clear()
        first = self.wait_for("/one", lambda found: len(found) == 1)[0].json
        original = self.dangers("/two")[0].json
        self.assertEqual(first["at"], original["at"])
        self.assertLess(first["at"], time_before)
        self.quiet()
        self.assertEqual(len(self.dangers("/one")), 1)


def main() -> int:
    global BUILD, CLIENTS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    BUILD, CLIENTS = given.build.resolve(), given.clients
    return suite.run(AlertsStorm, given.tests)


if __name__ == "__main__":
    sys.exit(main())
