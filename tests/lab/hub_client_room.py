#!/usr/bin/env python3
"""A hub with room for a few clients, and somebody who invents names: they are refused, those who are known are not, the hub tells people,
whoever is forgotten makes room, and a restart changes nothing.

    hub_client_room.py --build FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from hub_daemon import KEY, HubDaemon, simulate
from telegram_bot import CHAT, TOKEN, BotApi, wait_for

MOST, OF_ONE_KEY = 40, 25
ALERTS = '[[rule]]\nname = "hub"\non = "hub"\n'
# The hub looks at itself every 30 s.
TOLD_WITHIN = 60.0


class ClientRoom:
    def __init__(self, build: Path, hub: HubDaemon) -> None:
        self.build, self.hub = build, hub
        self.complaints: list[str] = []
        self._seq = 0

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.complaints.append(what)

    def command(self, *argv: str) -> str:
        done = subprocess.run([str(self.hub.binary), *argv], env={**os.environ, **self.hub.environment}, capture_output=True, text=True)
        self.require(done.returncode == 0, f"{argv}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def post(self, path: str, body: object, key: str = KEY) -> tuple[int, dict]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.hub.api_port}{path}", json.dumps(body).encode(), {"X-API-Key": key})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            self.require(refused.code != 507 or refused.headers.get("Retry-After") is not None, f"{path}: no Retry-After")
            return refused.code, json.loads(refused.read())

    def report(self, client: str, **more: object) -> dict:
        self._seq += 1
        return {"schema": 2, "client_id": client, "boot_id": "b", "seq": self._seq, "state": "secure", "findings": [], **more}

    def known(self) -> int:
        return len(json.loads(self.hub.fetch("/api/v1/clients?limit=1000")[1])["clients"])

    def refused(self) -> int:
        lines = self.hub.fetch("/metrics", self.hub.health_port)[1].decode().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith('vpn_sentinel_reports_total{result="without_room"}'))

    def one_key_and_all(self) -> None:
        """The shared key's room is used up first, then that of all."""
        options = {"probes": 200, "connections": 4, "requests": 1000, "client_prefix": "invented"}
        statuses = {int(status) for status in simulate(self.build, self.hub.url, 20, **options)["statuses"]}
        self.require(statuses == {200, 507}, f"200 clients are answered {statuses}")
        self.require(self.known() == OF_ONE_KEY, f"{self.known()} clients of one key are known, not {OF_ONE_KEY}")
        status, told = self.post("/api/v1/keepalive", self.report("another"))
        self.require(status == 507 and "VPN_SENTINEL_SERVER_CLIENTS_PER_KEY" in told["message"], f"of a full key: {status} {told}")
        key = self.command("key", "add", "office", "--clients", "office-*").strip()
        wait_for("that the key counts", lambda: self.post("/api/v1/keepalive", self.report("office-0"), key)[0] == 200)
        batch = {"reports": [self.report(f"office-{number}") for number in range(MOST)]}
        results = self.post("/api/v1/events", batch, key)[1]["results"]
        stored = [result["status"] for result in results].count(200)
        self.require(stored == MOST - OF_ONE_KEY, f"{stored} clients of another key are taken, not {MOST - OF_ONE_KEY}")
        said = results[-1]
        self.require(said["status"] == 507 and "VPN_SENTINEL_SERVER_MAX_CLIENTS" in said["message"], f"of a full hub: {said}")
        original = {"client_id": "original", "vpn_info": {"ip": "198.51.100.2"}, "dns_info": {"location": "RO"}}
        self.require(self.post("//api/v1/keepalive", original)[0] == 507, "the Python original's layout makes room")

    def known_ones_go_on(self, when: str) -> None:
        status, told = self.post("/api/v1/keepalive", self.report("invented-000000", state="danger"))
        self.require(status == 200, f"{when} a client that is known is answered {status} {told}")
        state = json.loads(self.hub.fetch("/api/v1/clients/invented-000000")[1])["state"]
        self.require(state == "danger", f"{when} a client that is known is shown '{state}'")

    def run(self, bot: BotApi) -> None:
        self.hub.start()
        self.one_key_and_all()
        self.known_ones_go_on("in a full hub")
        self.require(self.refused() > 0, "/metrics does not count what is refused")
        wait_for("that the hub tells of it", lambda: bot.sent("trouble with room for clients"), TOLD_WITHIN)
        self.require(self.hub.stop() == 0, "the hub did not end in order")
        self.hub.start()
        self.require(self.post("/api/v1/keepalive", self.report("another"))[0] == 507, "after a restart there is room")
        self.known_ones_go_on("after a restart")
        self.command("client", "forget", "invented-000001")
        wait_for("that a forgotten client makes room", lambda: self.post("/api/v1/keepalive", self.report("another"))[0] == 200)
        self.require(self.post("/api/v1/keepalive", self.report("one-more"))[0] == 507, "it makes room for more than one")
        self.require(self.hub.stop() == 0, "the hub did not end in order")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    build = parser.parse_args().build.resolve()
    limits = {"VPN_SENTINEL_SERVER_MAX_CLIENTS": str(MOST), "VPN_SENTINEL_SERVER_CLIENTS_PER_KEY": str(OF_ONE_KEY)}
    with BotApi() as bot:
        telegram = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(CHAT), "VPN_SENTINEL_TELEGRAM_COMMANDS": "false"}
        telegram["VPN_SENTINEL_TELEGRAM_API_URL"] = f"http://127.0.0.1:{bot.port}"
        with HubDaemon(build, **limits, **telegram) as hub:
            alerts = hub.folder / "alerts.toml"
            alerts.write_text(ALERTS)
            hub.environment["VPN_SENTINEL_ALERTS_FILE"] = str(alerts)
            proof = ClientRoom(build, hub)
            proof.run(bot)
    for complaint in proof.complaints:
        print(complaint)
    return 1 if proof.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
