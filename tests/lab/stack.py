"""A hub in `hub` and a probe in `host`, started as a user would start them: by environment, with the lab's services as settings."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lab import Lab
from laboratory import TELEGRAM_CONTROL_PORT, TELEGRAM_PORT, TELEGRAM_TOKEN
from network import DNS, HUB, TELEGRAM
from websocket import Closed, Message, WebSocket, WebSocketError

KEY = "lab-key-for-hub-and-probe"
API, HEALTH = f"http://{HUB['v4']}:5000", f"http://{HUB['v4']}:8081"
Value = TypeVar("Value")


def wait_for(what: str, look: Callable[[], Value | None], seconds: float = 10.0) -> Value:
    """The first true answer of `look`; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


class Live:
    """The hub's live channel, read from inside `hub` by a thread of its own: a message's time is when it came, not when a test asks."""

    def __init__(self, lab: Lab) -> None:
        sock = lab.call("hub", socket.create_connection, (HUB["v4"], 5000), 5)
        url = f"ws://{HUB['v4']}:5000/api/v1/live"
        self._socket = WebSocket.connect(url, {"Authorization": f"Bearer {KEY}"}, sock=sock)
        self.snapshot = json.loads(self._socket.receive(5).text)
        self._messages: queue.Queue[Message] = queue.Queue()
        self._closing = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closing:
            try:
                self._messages.put(self._socket.receive(0.2))
            except TimeoutError:
                continue
            except (Closed, WebSocketError, OSError):
                return

    def wait(self, state: str, client: str = "office", seconds: float = 10.0) -> tuple[dict, int]:
        """The client and the CLOCK_MONOTONIC time (ns) of the first message that shows it in `state`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left)
            except queue.Empty:
                break
            value = json.loads(message.text)
            shown = value.get("client", {})
            if shown.get("client_id") == client and shown.get("state") == state:
                return shown, message.received_ns
        raise AssertionError(f"the live channel did not show {client} as {state} within {seconds:g} s")

    def close(self) -> None:
        self._closing = True
        self._reader.join()
        self._socket.close()


class Stack:
    def __init__(self, lab: Lab, build: Path, interval: str = "1s") -> None:
        self.lab, self.build, self.interval = lab, build, interval
        self.hub: subprocess.Popen | None = None
        self.probe: subprocess.Popen | None = None
        self.starts = 0

    # Coming and going

    def folder(self, name: str) -> Path:
        folder = self.lab.folder / f"{name}-data"
        folder.mkdir(exist_ok=True)
        return folder

    def start_hub(self, **more: str) -> None:
        self.starts += 1
        environment = {
            "VPN_SENTINEL_API_KEY": KEY,
            "VPN_SENTINEL_SERVER_BIND": "0.0.0.0",
            "VPN_SENTINEL_HEALTH_BIND": "0.0.0.0",
            "VPN_SENTINEL_DATA_DIR": str(self.folder("hub")),
            "TELEGRAM_BOT_TOKEN": TELEGRAM_TOKEN,
            "TELEGRAM_CHAT_ID": "42",
            "VPN_SENTINEL_TELEGRAM_API_URL": f"http://{TELEGRAM}:{TELEGRAM_PORT}",
            "VPN_SENTINEL_SERVER_OWN_ADDRESS": "false",
            "VPN_SENTINEL_LOG_LEVEL": "debug",
            "PATH": "/usr/bin:/bin",
            **more,
        }
        log = self.lab.folder / f"hub-{self.starts}.log"
        self.hub = self.lab.popen("hub", [str(self.build / "vpn-sentinel-hub"), "run"], "hub", log, env=environment)
        wait_for("the hub is ready", self.healthy, 15)

    def start_probe(self, before: Sequence[str] = (), **more: str) -> None:
        """`before`: a command that runs the probe."""
        self.starts += 1
        environment = {
            "VPN_SENTINEL_URL": API,
            "VPN_SENTINEL_API_KEY": KEY,
            "VPN_SENTINEL_NETNS": f"name:{self.lab.netns('vpn')}",
            "VPN_SENTINEL_CLIENT_ID": "office",
            "VPN_SENTINEL_INTERVAL": self.interval,
            "VPN_SENTINEL_TRACE_URLS": "https://trace.lab.test/cdn-cgi/trace",
            "VPN_SENTINEL_RESOLVERS": DNS["v4"],
            "VPN_SENTINEL_WHOAMI_SERVERS": DNS["v4"],
            "VPN_SENTINEL_LIVENESS_SERVER": DNS["v4"],
            "VPN_SENTINEL_CA_FILE": str(self.lab.ca_file),
            "VPN_SENTINEL_DATA_DIR": str(self.folder("probe")),
            "VPN_SENTINEL_LOG_LEVEL": "debug",
            "PATH": "/usr/bin:/bin",
            **more,
        }
        log = self.lab.folder / f"probe-{self.starts}.log"
        self.probe = self.lab.popen("host", [*before, str(self.build / "vpn-sentinel-probe"), "run"], "probe", log, env=environment)

    def kill_hub(self) -> None:
        self.hub.kill()
        self.hub.wait(5)

    def kill_probe(self) -> None:
        self.probe.kill()
        self.probe.wait(5)

    def stop(self) -> None:
        for child in (self.probe, self.hub):
            if child is not None and child.poll() is None:
                child.terminate()
                child.wait(10)

    # Asking the hub

    def fetch(self, url: str, body: dict | None = None, key: str | None = KEY) -> tuple[int, dict]:
        """One request from inside `hub`: status and JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
        request = urllib.request.Request(url, data=data, headers=headers)

        def ask() -> tuple[int, dict]:
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as refused:
                return refused.code, json.load(refused)

        return self.lab.call("hub", ask)

    def healthy(self) -> bool:
        try:
            return self.fetch(f"{HEALTH}/health/ready", key=None)[0] == 200
        except OSError:
            return False

    def client(self, client: str = "office") -> dict | None:
        status, value = self.fetch(f"{API}/api/v1/clients/{client}")
        return value if status == 200 else None

    def state(self, client: str = "office") -> str | None:
        value = self.client(client)
        return value["state"] if value else None

    def history(self, client: str = "office") -> list[dict]:
        return self.fetch(f"{API}/api/v1/clients/{client}/history")[1]["changes"]

    # Telegram

    def telegram(self) -> list[dict]:
        """Messages that Telegram took, oldest first."""
        if not self.lab.telegram_log.exists():
            return []
        lines = [json.loads(line) for line in self.lab.telegram_log.read_text().splitlines()]
        return [line for line in lines if line["method"] == "sendMessage" and line["status"] == 200]

    def wait_telegram(self, text: str, after: int = 0, seconds: float = 10.0) -> dict:
        """The first message with `text` that came after `after` (ns)."""

        def look() -> dict | None:
            found = [m for m in self.telegram() if m["mono_ns"] > after and text in m["params"].get("text", "")]
            return found[0] if found else None

        return wait_for(f"a Telegram message with {text!r}", look, seconds)

    def telegram_mode(self, **mode: object) -> None:
        request = urllib.request.Request(f"http://{TELEGRAM}:{TELEGRAM_CONTROL_PORT}/mode", json.dumps(mode).encode())
        self.lab.call("inet", lambda: urllib.request.urlopen(request, timeout=5).close())
