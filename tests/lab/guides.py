#!/usr/bin/env python3
"""What the guides tell to type is typed: every command of a ```sh block runs in the lab, or is listed here with the reason why not.

    guides.py --build FOLDER [TEST…]

Only names are replaced: the namespace, the tunnel, the hub's address and folders. ```toml blocks are read by the program that they name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from dataclasses import dataclass
from pathlib import Path

import suite
from certificates import make_server
from lab import Lab
from network import DNS
from stack import API, KEY, Stack

BUILD = Path()
TOP = Path(__file__).resolve().parents[2]
GUIDES = TOP / "packaging/guides"
# By the guide; others have "plain".
MODES = {"wg-quick.md": "wg-quick", "openvpn.md": "openvpn", "gluetun.md": "gluetun"}
# How a command begins, and why it is not typed here.
NOT_RUN = {
    "sudo ./packaging/up": "it is the demonstration itself, and runs until it is interrupted",
    "sudo ./packaging/test": "this test is a part of it",
    "sudo apt install": "it changes the machine's packages; debian_packages.py types README's in a Debian of its own",
    "sudo systemctl": "debian_packages.py types README's in a Debian of its own",
    "systemctl": "debian_packages.py does it in a Debian of its own",
    "sudo cmake": "debian_packages.py types README's, and installs what was built",
    "podman build": "sidecar.py builds both images from what was built",
    "docker build": "sidecar.py builds both images from what was built",
    "cd packaging/compose": "there is no VPN provider here; check_manifests.py reads the files of Compose, sidecar.py runs the images",
    "cp .env.example .env": "check_manifests.py reads the files of Compose with each example",
    "docker compose": "there is no VPN provider here; check_manifests.py reads the files of Compose, sidecar.py runs the images",
    "docker run": "sidecar.py runs the probe with these options, by podman",
    "kubectl": "there is no cluster here; check_manifests.py holds the manifests against the schemas",
    "helm": "there is no cluster here; check_manifests.py renders the chart and holds it against the schemas",
    "wg-quick": "it wants /etc/wireguard of the machine; the lab makes the same tunnel, routes and rules by hand",
    "vpn-sentinel-probe check --netns container:gluetun": "container.py follows a real container",
    "vpn-sentinel-probe watch --netns container:gluetun": "container.py follows a real container",
    "promtool": "prometheus.py does it where there is one",
    "vpn-sentinel-probe enroll": "the code is made by an operator; enroll_test.cpp fetches a key with one",
    "vpn-sentinel-hub client forget": "this client still reports, and would be back at once; client_commands_test.cpp forgets one",
    "vpn-sentinel-hub user": "from then on everybody logs in; account_hub_test.cpp makes users",
    "vpn-sentinel-probe run": "the daemon runs already beside these commands",
    "vpn-sentinel-hub run": "the hub runs already beside these commands",
    "vpn-sentinel-probe killswitch disarm --all": "it opens every kill switch of this machine, also of other labs",
}
# Exit codes that say that the command did its work; others: 0.
CODES = {
    "vpn-sentinel-probe check": (0, 1),
    "vpn-sentinel-probe doctor": (0, 1),
    "vpn-sentinel-probe baseline show": (0, 1),
    "vpn-sentinel-probe connections": (0, 3),
    "vpn-sentinel-probe peers": (0, 3),
    "vpn-sentinel-probe killswitch status": (0, 1),
}
WRONG_SETTING = 78


@dataclass
class Block:
    guide: str
    kind: str
    lines: list[str]


def blocks() -> list[Block]:
    found = []
    for file in [TOP / "README.md", *sorted(GUIDES.glob("*.md"))]:
        for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            found.append(Block(file.name, kind, body.splitlines()))
    return found


def commands_of(block: Block) -> list[str]:
    """One per line, without comments; a line that ends with a backslash goes on, and '&&' joins two."""
    text = re.sub(r"\s*\\\n\s*", " ", "\n".join(block.lines))
    lines = [re.sub(r"(^|\s+)#.*$", "", line).strip() for line in text.splitlines()]
    return [command.strip() for line in lines for command in re.split(r"&&|;", line) if command.strip()]


def beginning(command: str, table: dict) -> str | None:
    return max((known for known in table if command.startswith(known)), key=len, default=None)


def listed() -> list[tuple[str, str]]:
    return [(block.guide, command) for block in blocks() if block.kind == "sh" for command in commands_of(block)]


class Guides(unittest.TestCase):
    lab: Lab
    stack: Stack

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.stack = Stack(cls.lab, BUILD)
        cls.addClassCleanup(cls.stack.stop)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{BUILD}:/usr/sbin:/usr/bin:/sbin:/bin",
            "VPN_SENTINEL_NETNS": f"name:{self.lab.netns('vpn')}",
            "VPN_SENTINEL_CLIENT_ID": "office",
            "VPN_SENTINEL_URL": API,
            "VPN_SENTINEL_API_KEY": KEY,
            "VPN_SENTINEL_DATA_DIR": str(self.stack.folder("probe")),
            "VPN_SENTINEL_ENDPOINT": self.lab.endpoint,
            "VPN_SENTINEL_TRACE_URLS": "https://trace.lab.test/cdn-cgi/trace",
            "VPN_SENTINEL_RESOLVERS": DNS["v4"],
            "VPN_SENTINEL_WHOAMI_SERVERS": DNS["v4"],
            "VPN_SENTINEL_LIVENESS_SERVER": DNS["v4"],
            "VPN_SENTINEL_CA_FILE": str(self.lab.ca_file),
            "VPN_SENTINEL_STUN_SERVERS": "none",
            "VPN_SENTINEL_TIMEOUT": "3s",
        }

    def here(self, command: str) -> str:
        """With the lab's names in place of the guide's."""
        for name, value in (
            ("name:vpn", f"name:{self.lab.netns('vpn')}"),
            ("http://192.0.2.10:5000", API),
            ("/var/backups", str(self.lab.folder)),
        ):
            command = command.replace(name, value)
        return re.sub(r"--tunnel (wg0|tun0)", f"--tunnel {self.lab.device}", command)

    def type(self, command: str) -> None:
        environment, space = self.environment(), "host"
        if command.startswith("vpn-sentinel-hub"):
            space, environment["VPN_SENTINEL_DATA_DIR"] = "hub", str(self.stack.folder("hub"))
        elif command.startswith("nft "):
            space = "vpn"
        endless = re.search(r"probe watch|--watch", command) is not None
        argv = ["timeout", "-s", "INT", "3"] if endless else []
        argv += ["sh", "-c", f"exec {self.here(command)}"]
        done = self.lab.exec(space, argv, timeout=90, check=False, env=environment)
        expected = (124,) if endless else CODES.get(beginning(command, CODES) or "", (0,))
        self.assertIn(done.returncode, expected, f"{command}\n{done.stdout}{done.stderr}")

    def test_each_command_is_typed_or_has_a_reason_not_to_be(self) -> None:
        used: set[str] = set()
        guides: dict[str, list[str]] = {}
        for guide, command in listed():
            reason = beginning(command, NOT_RUN)
            if reason:
                used.add(reason)
            else:
                guides.setdefault(guide, []).append(command)
        self.assertEqual(used, set(NOT_RUN), "a reason for a command that no guide has any more")
        self.stack.start_hub()
        self.stack.start_probe()
        # The guides of one mode follow each other: a lab that starts takes seconds.
        for guide, commands in sorted(guides.items(), key=lambda item: MODES.get(item[0], "plain")):
            mode = MODES.get(guide, "plain")
            if self.lab.mode != mode:
                self.lab.start(mode)
            if guide == "kill-switch.md":  # which begins with the way out
                self.type("vpn-sentinel-probe killswitch arm")
            for command in commands:
                with self.subTest(guide=guide, command=command):
                    self.type(command)
            if guide == "kill-switch.md":
                self.type("vpn-sentinel-probe killswitch disarm")
            print(f"{guide}: {len(commands)} typed", file=sys.stderr)

    def test_each_file_of_settings_is_understood(self) -> None:
        seen = 0
        make_server(self.lab.folder, "hub", ["hub.example"], ["192.0.2.10"])
        (self.lab.folder / "hub.pem").write_bytes((self.lab.folder / "hub.crt").read_bytes())
        key = self.lab.folder / "api-key"
        key.write_text(KEY)
        key.chmod(0o600)
        for number, block in enumerate(block for block in blocks() if block.kind == "toml"):
            with self.subTest(guide=block.guide, first=block.lines[0]):
                if block.lines[0] == "# alerts.toml":
                    self.assert_alerts_understood(block.lines)
                    continue
                program = re.fullmatch(r"# (probe|hub)\.toml", block.lines[0])
                self.assertIsNotNone(program, "the first line names the file")
                file = self.lab.folder / f"guide-{number}.toml"
                file.write_text("\n".join(block.lines).replace("/etc/vpn-sentinel", str(self.lab.folder)) + "\n")
                words = ["doctor", "--offline", "--json"] if program[1] == "probe" else ["healthcheck"]
                argv = [str(BUILD / f"vpn-sentinel-{program[1]}"), *words, "--config", str(file)]
                secrets = {"VPN_SENTINEL_API_KEY": KEY} if program[1] == "hub" else {}
                if any(line.startswith("telegram_chat_id") for line in block.lines):
                    secrets["TELEGRAM_BOT_TOKEN"] = "42:token"
                done = subprocess.run(argv, env={"PATH": os.environ["PATH"], **secrets}, capture_output=True, text=True, timeout=60)
                self.assertNotIn(done.returncode, (64, WRONG_SETTING), done.stderr)
                self.assertNotIn("warning", done.stderr)
                seen += 1
        self.assertGreater(seen, 0)

    def assert_alerts_understood(self, lines: list[str]) -> None:
        """The hub has read all of the file when it knows which channels there are."""
        text = "\n".join(lines)
        file = self.lab.folder / "alerts.toml"
        file.write_text(text.replace("/etc/vpn-sentinel", str(self.lab.folder)) + "\n")
        secrets = {"discord-url": "https://discord.example/api/webhooks/1/x"}
        for name in re.findall(r'_file = "([^"/]+)"', text):
            secret = self.lab.folder / "hub.credentials" / name
            secret.parent.mkdir(exist_ok=True)
            secret.write_text(secrets.get(name, "42:token"))
            secret.chmod(0o600)
        environment = {name: "secret" for name in re.findall(r'_env = "([^"]+)"', text)}
        argv = [str(BUILD / "vpn-sentinel-hub"), "channels", "test", "nobody"]
        environment |= {"PATH": os.environ["PATH"], "VPN_SENTINEL_ALERTS_FILE": str(file)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
        self.assertIn("there is no channel 'nobody'", done.stderr)
        for name in re.findall(r'\[\[channel\]\]\nname = "([^"]+)"', text):
            self.assertIn(name, done.stderr)

    def test_the_sample_of_alerts_that_the_package_installs_is_understood(self) -> None:
        """As its reader would have it: what is commented out without a space counts."""
        lines = (TOP / "packaging/deb/alerts.toml").read_text(encoding="utf-8").splitlines()
        self.assert_alerts_understood([re.sub(r"^#(?=\S)", "", line) for line in lines])

    def test_each_link_to_a_file_leads_somewhere(self) -> None:
        for file in [TOP / "README.md", *GUIDES.glob("*.md")]:
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
                self.assertTrue((file.parent / link).exists(), f"{file.name}: {link}")


def main() -> int:
    given = suite.arguments(suite.parser_of(__doc__))
    global BUILD
    BUILD = given.build
    return suite.run(Guides, given.tests)


if __name__ == "__main__":
    sys.exit(main())
