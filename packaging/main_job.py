#!/usr/bin/env python3
"""Runs the main job of packaging/up: a hub and a probe, live state lines, a clean end at Ctrl-C.

    main_job.py --build FOLDER [--netns REF] [--tunnel NAME] [--demo] [--port N]
"""

from __future__ import annotations

import argparse
import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "lab"))

from lab_requirements import why_impossible  # noqa: E402
from laboratory import TELEGRAM_TOKEN, Lab  # noqa: E402
from network import DNS  # noqa: E402
from own_tunnel import own_tunnel, tunnel_links, why_none  # noqa: E402
from websocket import WebSocket, WebSocketError  # noqa: E402

COLOURS = {"secure": "1;32", "warning": "1;33", "contained": "1;34", "danger": "1;31", "offline": "1;90"}
SYMBOLS = {"secure": "✔", "warning": "!", "contained": "■", "danger": "✖", "offline": "?"}


class CannotStart(Exception):
    """A sentence that says what is wrong and what to do."""


def paint(text: str, code: str) -> str:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[{code}m{text}\033[0m" if coloured else text


def say(text: str) -> None:
    print(text, flush=True)


def free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or another one when somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
    raise CannotStart("no free port on 127.0.0.1")


class Job:
    """The processes of one run; ended in reverse order, by pid, whatever happens."""

    def __init__(self, build: Path, port: int) -> None:
        self.build = build
        self.api, self.dashboard, self.health = free_port(5000), free_port(port), free_port(8081)
        self.stack = contextlib.ExitStack()
        self.data = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="vpn-sentinel-")))
        self.children: list[tuple[str, subprocess.Popen]] = []

    def spawn(self, name: str, argv: list[str], environment: dict[str, str]) -> None:
        log = open(self.data / f"{name}.log", "wb")  # noqa: SIM115  # lives as long as the child
        self.stack.callback(log.close)
        child = subprocess.Popen(argv, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.children.append((name, child))
        self.stack.callback(self.end, child)

    @staticmethod
    def end(child: subprocess.Popen) -> None:
        child.terminate()
        try:
            child.wait(6)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def start(self, program: str, environment: dict[str, str]) -> None:
        """`vpn-sentinel-PROGRAM run` without this machine's configuration file, which may watch, open and store something else."""
        empty = self.data / "empty.toml"
        empty.write_text("")
        self.spawn(program, [str(self.build / f"vpn-sentinel-{program}"), "run", "--config", str(empty)], environment)

    def check_children(self) -> None:
        for name, child in self.children:
            if child.poll() is not None:
                tail = (self.data / f"{name}.log").read_text(errors="replace").strip().splitlines()[-5:]
                raise CannotStart(f"{name} ended with exit code {child.returncode}:\n  " + "\n  ".join(tail))

    def start_hub(self, environment: dict[str, str]) -> None:
        environment = {
            "VPN_SENTINEL_SERVER_API_PORT": str(self.api),
            "VPN_SENTINEL_SERVER_DASHBOARD_PORT": str(self.dashboard),
            "VPN_SENTINEL_SERVER_HEALTH_PORT": str(self.health),
            "VPN_SENTINEL_SERVER_BIND": "127.0.0.1",
            "VPN_SENTINEL_DASHBOARD_BIND": "127.0.0.1",
            "VPN_SENTINEL_HEALTH_BIND": "127.0.0.1",
            "VPN_SENTINEL_DATA_DIR": str(self.data),
            **environment,
        }
        self.start("hub", environment)
        deadline = time.monotonic() + 15
        while True:
            self.check_children()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/health/ready", timeout=1):
                    return
            except (OSError, urllib.error.URLError):
                if time.monotonic() > deadline:
                    raise CannotStart(f"the hub does not get ready; see {self.data}/hub.log") from None
                time.sleep(0.05)

    def start_probe(self, environment: dict[str, str]) -> None:
        environment = {"VPN_SENTINEL_URL": f"http://127.0.0.1:{self.api}", "VPN_SENTINEL_DATA_DIR": str(self.data), **environment}
        self.start("probe", environment)

    def changes(self) -> Iterator[dict]:
        """Messages of the hub's live channel, for ever."""
        key = os.environ.get("VPN_SENTINEL_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with WebSocket.connect(f"ws://127.0.0.1:{self.api}/api/v1/live", headers) as live:
            while True:
                try:
                    yield json.loads(live.receive(1.0).text)
                except TimeoutError:
                    self.check_children()


def demo_environment(lab: Lab) -> dict[str, str]:
    """The fake Internet's addresses, given as any user would give a mirror's."""
    return {
        "VPN_SENTINEL_NETNS": f"name:{lab.netns('vpn')}",
        "VPN_SENTINEL_CLIENT_ID": "demonstration",
        "VPN_SENTINEL_TRACE_URLS": "https://trace.lab.test/cdn-cgi/trace",
        "VPN_SENTINEL_RESOLVERS": DNS["v4"],
        "VPN_SENTINEL_WHOAMI_SERVERS": DNS["v4"],
        "VPN_SENTINEL_LIVENESS_SERVER": DNS["v4"],
        "VPN_SENTINEL_CA_FILE": str(lab.ca_file),
        "VPN_SENTINEL_HUB_PATH": "uplink",
        "VPN_SENTINEL_INTERVAL": "5s",
    }


def start_telegram(job: Job) -> dict[str, str]:
    """A Bot API server of our own, because Telegram's cannot be told of a demonstration; its messages are shown here."""
    port = free_port(8044)
    log = job.data / "telegram.jsonl"
    argv = [sys.executable, str(TOP / "tests/lab/telegram_server.py"), "--listen", f"127.0.0.1:{port}", "--token", TELEGRAM_TOKEN]
    job.spawn("telegram", [*argv, "--log", str(log)], {})
    threading.Thread(target=show_telegram, args=(log,), daemon=True).start()
    return {
        "TELEGRAM_BOT_TOKEN": TELEGRAM_TOKEN,
        "TELEGRAM_CHAT_ID": "42",
        "VPN_SENTINEL_TELEGRAM_API_URL": f"http://127.0.0.1:{port}",
    }


def show_telegram(log: Path) -> None:
    while not log.exists():
        time.sleep(0.1)
    with log.open(encoding="utf-8") as lines:
        while True:
            line = lines.readline()
            if not line.endswith("\n"):
                time.sleep(0.05)
                continue
            request = json.loads(line)
            text = request["params"].get("text") if request["method"] == "sendMessage" and request["status"] == 200 else None
            if text:
                # What a phone shows: the text without its HTML tags.
                plain = html.unescape(re.sub(r"</?\w+>", "", text))
                say("\n".join(f"    {paint('│ Telegram', '36')} {part}" for part in plain.splitlines()))


def state_line(client: dict, note: str) -> str:
    state = client["state"]
    badge = paint(f"{SYMBOLS.get(state, '?')} {state.upper():<9}", COLOURS.get(state, "0"))
    # What is only good to know stands on the page; it never changes the state.
    findings = [finding for finding in client.get("findings", []) if state != "secure" or finding["severity"] != "information"]
    reasons = "; ".join(finding.get("meaning") or finding["code"] for finding in findings)
    if not reasons and state == "secure":
        reasons = "traffic leaves by the tunnel"
    address = client.get("public_ip") or "exit unknown"
    return f"{time.strftime('%H:%M:%S')}  {badge}  {client['client_id']}  {address}  {reasons}{note}"


def follow(job: Job) -> None:
    shown: dict[str, str] = {}
    for message in job.changes():
        clients = message.get("clients", [message["client"]] if "client" in message else [])
        for client in clients:
            line = state_line(client, "")
            if shown.get(client["client_id"]) != line[8:]:
                shown[client["client_id"]] = line[8:]
                say(line)


def banner(job: Job, rows: list[tuple[str, str]]) -> None:
    say("")
    say(paint("VPN Sentinel is running.", "1"))
    for name, text in [("Dashboard", f"http://127.0.0.1:{job.dashboard}/dashboard"), *rows, ("End", "Ctrl-C")]:
        say(f"  {name:<10} {text}")
    say("")


def run_demo(job: Job) -> None:
    if reason := why_impossible():
        raise CannotStart(f"the demonstration cannot run: {reason}")
    say("Starting a demonstration with a real WireGuard tunnel in namespaces of its own …")
    lab = job.stack.enter_context(Lab())
    lab.start("wg-quick")
    # Nobody outside this machine is asked, not even where it is.
    job.start_hub({**start_telegram(job), "VPN_SENTINEL_SERVER_OWN_ADDRESS": "false"})
    job.start_probe(demo_environment(lab))
    lab_command = f"sudo python3 {TOP}/tests/lab/lab.py --prefix {lab.prefix}"
    rows = [
        ("Watching", f"namespace {lab.netns('vpn')}, tunnel {lab.device} (demonstration, no traffic leaves this machine)"),
        ("Break it", f"sudo ip netns exec {lab.netns('vpn')} ip link set {lab.device} down"),
        ("Mend it", f"{lab_command} heal"),
    ]
    banner(job, rows)
    follow(job)


def run_real(job: Job, netns: str, tunnel: str | None) -> None:
    environment = {"VPN_SENTINEL_NETNS": netns}
    if tunnel:
        environment["VPN_SENTINEL_TUNNEL"] = tunnel
    job.start_hub({})
    job.start_probe(environment)
    banner(job, [("Watching", f"namespace {netns}" + (f", tunnel {tunnel}" if tunnel else ", tunnel found by kind and routes"))])
    follow(job)


def run_chosen(job: Job, given: argparse.Namespace) -> None:
    if given.netns:
        return run_real(job, given.netns, given.tunnel)
    if given.demo:
        return run_demo(job)
    links = tunnel_links()
    tunnel = given.tunnel or own_tunnel(links)
    if tunnel:
        return run_real(job, "self", tunnel)
    say(why_none(links))
    return run_demo(job)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="packaging/up", description="Runs hub and probe and shows live states.")
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--netns", help="namespace to watch: self, name:NAME, pid:PID or path:FILE")
    parser.add_argument("--tunnel", help="tunnel interface; without it, found by kind and routes")
    parser.add_argument("--demo", action="store_true", help="the demonstration, even if this machine has a tunnel")
    parser.add_argument("--port", type=int, default=8080, help="port of the dashboard on 127.0.0.1 (8080)")
    return parser.parse_args()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    given = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    job = Job(given.build, given.port)
    with job.stack:
        try:
            run_chosen(job, given)
        except KeyboardInterrupt:
            say("\nEnding …")
        except (CannotStart, WebSocketError, OSError) as error:
            say(f"packaging/up: {error}")
            return 1
    say("Everything is ended and cleaned up.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
