#!/usr/bin/env python3
"""The disk under a hub gets full and has room again: clear refusals, reading and live pages go on, the hub tells people of its trouble
and of its end, no restart, and nothing acknowledged is lost.

    hub_disk_full.py --build FOLDER

The disk is a small tmpfs in a mount namespace of this test's own, so it needs root.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hub_daemon import KEY, HubDaemon, simulate
from hub_store_check import Acknowledged, complaints_about
from telegram_bot import CHAT, TOKEN, BotApi, wait_for
from websocket import WebSocket, WebSocketError

# The write-ahead log alone may grow to 32 MiB before it is used again from its start.
DISK_BYTES = 160 * 2**20
PROBES = 50
REFUSALS = {503, 507}
RECOVERED_WITHIN = 15.0
SHOWN_WITHIN = 5.0
TOLD_WITHIN = 30.0
INSIDE = "VPN_SENTINEL_TEST_HAS_ITS_MOUNTS"


def enter_own_mounts() -> None:
    """This program again, where its mounts are nobody else's."""
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        print("SKIPPED: mounting a small disk needs root")
        sys.exit(77)
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        print(f"SKIPPED: no mount namespace can be made here: {tried.stderr.strip()}")
        sys.exit(77)
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
    os.execvpe(argv[0], argv, {**os.environ, INSIDE: "1"})


def fill(ballast: Path) -> None:
    """Until not one more byte fits."""
    with ballast.open("ab", buffering=0) as file:
        for block in (2**20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * block)
            except OSError:
                continue


class DiskFull:
    def __init__(self, build: Path, hub: HubDaemon) -> None:
        self.build, self.hub = build, hub
        self.record = hub.folder / "acknowledged"
        self.complaints: list[str] = []
        self._first = 1

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.complaints.append(what)

    def report(self, seconds: float, rate: int = 500) -> dict[int, int]:
        """Answers by status. The same probes each time; a report that was refused is sent again."""
        options = {"probes": PROBES, "connections": 10, "rate": rate, "boot": "disk", "first": self._first, "record": self.record}
        self._first += 100_000
        statuses = simulate(self.build, self.hub.url, seconds, **options)["statuses"]
        return {int(status): count for status, count in statuses.items()}

    def one_report(self, state: str = "secure") -> tuple[int, dict, str | None]:
        body = {"schema": 2, "client_id": "by-hand", "boot_id": "b", "seq": time.monotonic_ns(), "state": state, "findings": []}
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.api_port, timeout=10)
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/keepalive", json.dumps(body), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told, answer.headers.get("Retry-After")

    def refused_report(self, ballast: Path) -> tuple[int, dict, str | None]:
        """The hub's housekeeping makes room now and then: filled again until a report is refused and the health page says so."""
        for _ in range(50):
            answer = self.one_report()
            if answer[0] in REFUSALS and not self.hub.healthy():
                return answer
            fill(ballast)
        self.require(False, "the health page says that all is well")
        return answer

    def live_page(self) -> WebSocket:
        return WebSocket.connect(f"{self.hub.url.replace('http', 'ws', 1)}/live", {"X-API-Key": KEY})

    def require_shown(self, page: WebSocket, state: str, when: str) -> None:
        try:
            for message in page.messages(SHOWN_WITHIN):
                client = json.loads(message.text).get("client", {})  # of "client" and of "change"
                if client.get("client_id") == "by-hand" and client["state"] == state:
                    return
        except WebSocketError as error:
            self.require(False, f"{when} the live page failed: {error}")
        self.require(False, f"{when} a live page did not show '{state}' within {SHOWN_WITHIN:g} s")

    def refused_danger_is_shown(self, page: WebSocket, ballast: Path) -> None:
        for _ in range(50):
            fill(ballast)
            if self.one_report("danger")[0] in REFUSALS:
                return self.require_shown(page, "danger", "with a full disk")
        self.require(False, "with a full disk a danger is always taken")

    def while_full(self, ballast: Path) -> str:
        statuses = self.report(3)
        self.require(bool(REFUSALS & statuses.keys()), f"no report was refused: {statuses}")
        self.require(statuses.keys() <= REFUSALS | {200}, f"unexpected answers: {statuses}")
        status, told, retry_after = self.refused_report(ballast)
        self.require(status in REFUSALS, f"a report is answered {status}")
        self.require(bool(told.get("error")) and bool(told.get("message")), f"the refusal gives no reason: {told}")
        self.require(retry_after is not None, "the refusal does not say when to try again")
        for path in ("/api/v1/status", "/api/v1/clients"):
            read, _ = self.hub.fetch(path)
            self.require(read == 200, f"{path} is answered {read}")
        return f"{status} {told}"

    def wait_for_recovery(self) -> float:
        begun = time.monotonic()
        while self.one_report()[0] != 200 or not self.hub.healthy():
            if time.monotonic() - begun > RECOVERED_WITHIN:
                self.require(False, f"reports are not taken again within {RECOVERED_WITHIN:g} s")
                break
            time.sleep(0.1)
        return time.monotonic() - begun

    def start_while_full(self, ballast: Path) -> None:
        """It runs, or ends with a code after which systemd starts it again; with room it starts."""
        fill(ballast)
        self.hub.launch()
        assert self.hub.process
        while self.hub.process.poll() is None and not self.hub.answers():
            time.sleep(0.02)
        running = self.hub.process.poll() is None
        code = self.hub.stop() if running else self.hub.process.returncode
        print(f"started while full: {'it runs' if running else f'exit code {code}'}")
        self.require(code not in (64, 78), f"started while full it ends with {code}, after which nobody starts it again")
        ballast.unlink()
        self.hub.start()
        self.require(self.hub.stop() == 0, "it does not start with room again")

    def once(self, ballast: Path, bot: BotApi | None) -> None:
        """`bot`: it is asked whether the hub tells of its trouble, which it does not do anew each time."""
        before = self.report(1)
        self.require(before.keys() == {200}, f"with room reports are answered {before}")
        with self.live_page() as page:
            fill(ballast)
            told = self.while_full(ballast)
            self.refused_danger_is_shown(page, ballast)
            if bot is not None:
                wait_for("that the hub tells of its trouble", lambda: bot.sent("cannot store reports"), TOLD_WITHIN)
            ballast.unlink()
            print(f"full: {told}; taken again {self.wait_for_recovery():.1f} s after there was room")
            self.require_shown(page, "secure", "with room again")
        after = self.report(1)
        self.require(after.keys() == {200}, f"with room again reports are answered {after}")

    def run(self, bot: BotApi) -> None:
        ballast = self.hub.data / "ballast"
        self.hub.start()
        self.once(ballast, bot)
        self.once(ballast, None)
        wait_for("that the hub tells the end of its trouble", lambda: bot.sent("stores reports again"), TOLD_WITHIN)
        code = self.hub.stop()
        self.require(code == 0, f"exit code {code}")
        self.start_while_full(ballast)
        acknowledged = Acknowledged(self.record).update()
        self.complaints += complaints_about(self.hub.data, acknowledged)
        print(f"{len(acknowledged)} reports acknowledged")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    given = parser.parse_args()
    enter_own_mounts()
    with tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", folder]
        subprocess.run(mount, check=True)
        try:
            with BotApi() as bot:
                telegram = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(CHAT), "VPN_SENTINEL_TELEGRAM_COMMANDS": "false"}
                telegram["VPN_SENTINEL_TELEGRAM_API_URL"] = f"http://127.0.0.1:{bot.port}"
                with HubDaemon(given.build.resolve(), Path(folder) / "data", **telegram) as hub:
                    proof = DiskFull(given.build.resolve(), hub)
                    proof.run(bot)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    for complaint in proof.complaints:
        print(complaint)
    return 1 if proof.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
