#!/usr/bin/env python3
"""Alerts of a real hub on every kind of channel, against servers that check what they get; a dead channel, a killed hub, a changed file.

    alert_channels.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import ssl
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import certificates
import suite
from alert_report import report, tell
from channel_servers import Book, MailServer, Taken, WebServer, good_body, parsed_mail
from hub_daemon import HubDaemon, free_ports

BUILD = Path()
SECRET = "signing-key-of-the-test"
PASSWORD = "a long password"


class AlertChannels(unittest.TestCase):
    def setUp(self) -> None:
        self.book = Book()
        self.web = WebServer(self.book)
        self.mail = MailServer(self.book)
        self.addCleanup(self.web.shutdown)
        self.addCleanup(self.mail.shutdown)
        self.hub = self.enterContext(HubDaemon(BUILD, VPN_SENTINEL_LOG_LEVEL="info"))
        self.file = self.hub.folder / "alerts.toml"

    def channel(self, name: str, kind: str, more: str = "") -> str:
        return f'[[channel]]\nname = "{name}"\nkind = "{kind}"\n{more}\n'

    def hook(self, name: str, more: str = "") -> str:
        return self.channel(name, "webhook", f'url = "{self.web.url}/{name}"\n{more}')

    def start(self, text: str) -> None:
        self.file.write_text(text)
        self.hub.start(VPN_SENTINEL_ALERTS_FILE=str(self.file))

    def channels(self) -> dict[str, dict]:
        status, body = self.hub.fetch("/api/v1/channels")
        self.assertEqual(status, 200, body)
        return {each["name"]: each for each in json.loads(body)["channels"]}

    def log_in(self) -> dict[str, str]:
        """What an admin's browser sends."""
        status, headers, body = self.post("/login", {}, {"user": "anna", "password": PASSWORD})
        self.assertEqual(status, 200, body)
        return {"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": body["csrf"]}

    def post(self, path: str, rights: dict[str, str], body: dict | None = None) -> tuple[int, dict[str, str], dict]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.hub.dashboard_port}/api/v1{path}",
            data=json.dumps(body).encode() if body else b"",
            headers={"Content-Type": "application/json", **rights},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return answer.status, dict(answer.headers), json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, dict(refusal.headers), json.load(refusal)

    def alerts(self, query: str = "") -> list[dict]:
        status, body = self.hub.fetch(f"/api/v1/alerts{query}")
        self.assertEqual(status, 200, body)
        return json.loads(body)["alerts"]

    def until(self, what: str, condition, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def test_every_kind_gets_a_danger_in_its_own_words_while_another_channel_is_dead(self) -> None:
        url = self.web.url
        (dead,) = free_ports(1)
        self.start(
            self.hook("hook", f'secret = "{SECRET}"')
            + self.hook("words", 'template = "{{title}} | {{client}} | {{advice}}"\ncontent_type = "text/plain"')
            + self.hook("hidden", "privacy = true")
            + self.channel("push", "ntfy", f'url = "{url}/ntfy"\ntopic = "vpn"\ntoken = "tk"')
            + self.channel("discord", "discord", f'url = "{url}/discord"')
            + self.channel("slack", "slack", f'url = "{url}/slack"')
            + self.channel("apprise", "apprise", f'url = "{url}/apprise"\ntags = "admins"')
            + self.channel(
                "mail", "smtp", f'host = "127.0.0.1"\nport = {self.mail.port}\ntls = "none"\nfrom = "Wächter <a@example.org>"\n'
                'to = ["gone@example.org", "ann@example.org"]'
            )
            + self.channel("dead", "webhook", f'url = "http://127.0.0.1:{dead}/"')
        )  # fmt: skip
        self.book.wait("/hook", 1)
        tell(self.hub, report(1, "secure"))
        tell(self.hub, report(2, "danger"))

        hook = self.book.wait("/hook", 3)
        self.assertEqual([each.json["kind"] for each in hook], ["hub_started", "connected", "danger"])
        self.check_by_openssl(hook[0])
        for each in hook:
            signed = each.headers["X-VPN-Sentinel-Timestamp"].encode() + b"." + each.body
            expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            self.assertEqual(each.headers["X-VPN-Sentinel-Signature"], expected)
            self.assertEqual(each.headers["X-VPN-Sentinel-Id"], each.json["id"])
        self.assertEqual(len({each.json["id"] for each in hook}), 3)

        self.assertTrue(self.book.wait("/words", 3)[2].body.decode().startswith("🔴 DANGER: traffic can leave outside the VPN | office | "))
        for each in self.book.wait("/hidden", 3):
            self.assertNotIn(b"198.51.100", each.body)
            self.assertNotIn(b"203.0.113", each.body)
        push = self.book.wait("/ntfy", 3)[2]
        self.assertEqual((push.json["topic"], push.json["priority"]), ("vpn", 5))
        self.assertEqual(push.headers["Authorization"], "Bearer tk")
        self.assertIn("DANGER", self.book.wait("/discord", 3)[2].json["content"])
        self.assertIn("203.0.113.1", self.book.wait("/slack", 3)[2].json["text"])
        self.assertEqual(self.book.wait("/apprise", 3)[2].json["type"], "failure")

        mails = self.book.wait("mail", 3)
        message = parsed_mail(mails[2])
        self.assertEqual(mails[2].headers["recipients"], "ann@example.org")
        self.assertEqual(message["Subject"], "🔴 DANGER: traffic can leave outside the VPN (office)")
        self.assertEqual(str(message["From"]), "Wächter <a@example.org>")
        self.assertIn("What to do:", message.get_body(("plain",)).get_content())
        self.assertIn("<h1", message.get_body(("html",)).get_content())
        self.assertEqual(len({parsed_mail(each)["Message-ID"] for each in mails}), 3)

        self.until("the dead channel is told", lambda: self.channels()["dead"]["failing"])
        self.assertEqual(self.channels()["dead"]["waiting"], 3)
        self.until("the other channels are through", lambda: all(c["waiting"] == 0 for n, c in self.channels().items() if n != "dead"))
        self.assertEqual(len(self.alerts("?channel=dead&state=waiting")), 3)
        self.until("delivery is stored", lambda: len(self.alerts("?channel=hook&state=delivered")) == 3)
        self.assertEqual(self.alerts("?channel=hook")[0]["title"], "🔴 DANGER: traffic can leave outside the VPN")
        status, health = self.hub.fetch("/health", self.hub.health_port)
        self.assertIn("9 channels, 1 take no messages", health.decode())
        self.assertIn(b'vpn_sentinel_channel_failing{channel="dead",kind="webhook"} 1', self.hub.fetch("/metrics", self.hub.health_port)[1])

    def check_by_openssl(self, taken: Taken) -> None:
        """As the guide says it."""
        signed = self.hub.folder / "signed"
        signed.write_bytes(taken.headers["X-VPN-Sentinel-Timestamp"].encode() + b"." + taken.body)
        argv = ["openssl", "dgst", "-sha256", "-hmac", SECRET, str(signed)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual("sha256=" + done.stdout.split("= ")[1].strip(), taken.headers["X-VPN-Sentinel-Signature"])

    def test_each_kind_outlives_a_server_that_is_in_trouble_busy_slow_and_away(self) -> None:
        """Each message comes once, in order; one that shares no server with them does not wait."""
        web = WebServer(self.book)
        other = "/telegram/bot77:T/sendMessage"
        more = {"ntfy": 'topic = "vpn"', "telegram": 'token = "77:T"\nchat = -1'}
        kinds = {"hook": "webhook", "ntfy": "ntfy", "discord": "discord", "slack": "slack", "apprise": "apprise", "telegram": "telegram"}
        paths = {name: other if name == "telegram" else f"/{name}" for name in kinds}
        text = self.hook("steady")
        for name, kind in kinds.items():
            url = f'url = "{web.url}/{name}"\ntimeout_s = 1\n'
            text += self.channel(name, kind, url + more.get(kind, ""))
        for name, path in paths.items():
            busy = (429, {"Retry-After": "1"}, b"")
            if name == "telegram":
                busy = (429, {}, b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":1}}')
            self.book.answers[path] = [(503, {}, b""), busy, (0, {}, b""), (200, {}, good_body(path))]
        self.hub.environment["VPN_SENTINEL_TELEGRAM_COMMANDS"] = "false"
        self.start(text)
        for name, path in paths.items():
            self.book.wait(path, 1, seconds=60)
            tries = [each.status for each in self.book.of(path, good=False)]
            self.assertEqual(tries, [503, 429, 0, 200], name)
        self.until("all is well", lambda: not any(each["failing"] or each["waiting"] for each in self.channels().values()))

        self.book.patience.set()
        web.go_down()
        tell(self.hub, report(1, "secure"))
        tell(self.hub, report(2, "danger"))
        self.book.wait("/steady", 3)
        self.until("they are told to fail", lambda: all(self.channels()[name]["failing"] for name in kinds), 60)
        self.assertEqual({self.channels()[name]["waiting"] for name in kinds}, {2})
        again = WebServer(self.book, web.server_port)
        self.addCleanup(again.shutdown)
        for name, path in paths.items():
            got = self.book.wait(path, 3, seconds=90)
            self.assertEqual(len({each.body for each in got}), 3, f"{name}: none twice")
            self.assertIn(b"DANGER", got[2].body, name)
        self.until("all is well again", lambda: not any(each["failing"] or each["waiting"] for each in self.channels().values()))

    def test_the_heartbeat_goes_by_tls_and_tells_when_it_is_not_taken(self) -> None:
        certificates.make_authority(self.hub.folder)
        certificate = certificates.make_server(self.hub.folder, "watcher", ["watcher.example.org"], ["127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        watcher = WebServer(self.book, tls=context)
        self.addCleanup(watcher.shutdown)
        beats = {"VPN_SENTINEL_HEARTBEAT_URL": f"{watcher.url}/beat-of-a-secret-name", "VPN_SENTINEL_HEARTBEAT": "10s"}
        self.book.stuck["/beat-of-a-secret-name"] = 500
        self.hub.start(VPN_SENTINEL_CA_FILE=str(self.hub.folder / "ca.crt"), **beats)
        self.until("a beat that is not taken is told", lambda: "event=heartbeat_not_taken reason=\"HTTP 500\"" in self.hub.log.read_text())
        self.assertEqual(self.heartbeat()["status"], "degraded")
        del self.book.stuck["/beat-of-a-secret-name"]
        self.book.wait("/beat-of-a-secret-name", 1)
        self.until("it is taken", lambda: self.heartbeat()["status"] == "ok")
        self.assertEqual(self.hub.stop(), 0)
        before = len(self.book.of("/beat-of-a-secret-name"))
        self.hub.start(**beats)
        self.until("a server that proves nothing gets no beat", lambda: "certificate" in self.hub.log.read_text())
        self.assertEqual(len(self.book.of("/beat-of-a-secret-name")), before)
        self.assertNotIn("secret-name", self.hub.log.read_text())

    def test_a_reload_takes_another_address_of_the_heartbeat(self) -> None:
        place = self.hub.folder / "heartbeat"
        place.write_text(f"{self.web.url}/beat-one")
        self.hub.start(VPN_SENTINEL_HEARTBEAT_URL_FILE=str(place), VPN_SENTINEL_HEARTBEAT="10s")
        self.book.wait("/beat-one", 1)
        place.write_text(f"{self.web.url}/beat-two")
        self.hub.process.send_signal(signal.SIGHUP)
        self.book.wait("/beat-two", 1)
        self.until("all is taken over", lambda: "event=reloaded" in self.hub.log.read_text())
        self.assertNotIn("restart_needed", self.hub.log.read_text())

    def heartbeat(self) -> dict:
        status, body = self.hub.fetch("/health", self.hub.health_port)
        self.assertEqual(status, 200)
        return json.loads(body)["components"]["heartbeat"]

    def test_a_killed_hub_loses_nothing_and_sends_nothing_twice(self) -> None:
        self.book.stuck["/hook"] = 503
        self.start(self.hook("hook"))
        self.book.wait("/hook", 1, good=False)
        sent = 0
        for _ in range(5):
            for _ in range(4):
                sent += 1
                tell(self.hub, report(sent, "danger" if sent % 2 == 0 else "secure"))
            self.hub.kill()
            self.hub.start(VPN_SENTINEL_ALERTS_FILE=str(self.file))
        del self.book.stuck["/hook"]
        # Six starts, and a message for each report.
        got = self.book.wait("/hook", 26, seconds=90)
        self.until("delivery is stored", lambda: not self.alerts("?state=waiting"))
        self.hub.kill()
        self.hub.start(VPN_SENTINEL_ALERTS_FILE=str(self.file))
        got = self.book.wait("/hook", 27, seconds=90)  # the start alone
        ids = [each.json["id"] for each in got]
        self.assertEqual(len(ids), len(set(ids)), "none twice")
        self.assertEqual([int(each.split("-")[0]) for each in ids], sorted(int(each.split("-")[0]) for each in ids), "in order")
        self.assertEqual(sum(each.json.get("client_id") == "office" for each in got), sent)

    def test_an_operator_tries_each_channel_also_one_that_is_down(self) -> None:
        (dead,) = free_ports(1)
        self.file.write_text(
            self.hook("hook")
            + self.hook("wrong")
            + self.channel("dead", "webhook", f'url = "http://127.0.0.1:{dead}/"')
            + self.channel("push", "ntfy", f'url = "{self.web.url}/ntfy"\ntopic = "vpn"')
            + self.channel(
                "mail", "smtp", f'host = "127.0.0.1"\nport = {self.mail.port}\ntls = "none"\nfrom = "a@example.org"\n'
                'to = ["gone@example.org", "ann@example.org"]'
            )
        )  # fmt: skip
        self.book.stuck["/wrong"] = 404
        self.hub.start(
            VPN_SENTINEL_ALERTS_FILE=str(self.file), VPN_SENTINEL_ADMIN_USER="anna", VPN_SENTINEL_ADMIN_PASSWORD=PASSWORD
        )  # fmt: skip
        self.assertEqual(self.post("/channels/hook/test", {})[0], 401)
        rights = self.log_in()
        self.book.wait("/hook", 1)
        self.book.wait("mail", 1)
        for name, path in (("hook", "/hook"), ("push", "/ntfy"), ("mail", "mail")):
            self.book.wait(path, 1)
            status, _, answer = self.post(f"/channels/{name}/test", rights)
            self.assertEqual((status, answer["delivered"]), (200, True), answer)
            self.assertGreaterEqual(answer["took_ms"], 0)
            self.book.wait(path, 2)
        self.assertIn("not everybody got it", answer["reason"])
        self.assertEqual(self.book.of("/hook")[1].json["kind"], "test")
        status, _, answer = self.post("/channels/wrong/test", rights)
        self.assertEqual((status, answer["delivered"]), (200, False))
        self.assertIn("404", answer["reason"])
        begun = time.monotonic()
        status, _, answer = self.post("/channels/dead/test", rights)
        self.assertEqual((status, answer["delivered"]), (200, False))
        self.assertTrue(answer["reason"])
        self.assertLess(time.monotonic() - begun, 35)
        self.assertEqual(self.post("/channels/nowhere/test", rights)[0], 404)
        self.assertEqual(len(self.alerts("?channel=dead")), 1, "a test is no alert that waits")

    def test_the_rules_of_a_file_change_with_its_channels(self) -> None:
        rule = '[[rule]]\nname = "leak"\non = "state"\nstates = ["danger"]\nchannels = ["{}"]\n'
        self.start(self.hook("one") + rule.format("one"))
        tell(self.hub, report(1, "secure"))
        for number, name in enumerate(["two", "one"] * 5):
            self.file.write_text(self.hook(name) + rule.format(name))
            self.hub.process.send_signal(signal.SIGHUP)
            # In the middle of the change or after it: one of both hears of it, and nobody else.
            tell(self.hub, report(2 * number + 2, "danger"))
            self.until("one message more", lambda: self.dangers("one") + self.dangers("two") == number + 1)
            tell(self.hub, report(2 * number + 3, "secure"))
            self.until("only the new one is there", lambda n=name: set(self.channels()) == {n})
        self.assertEqual(self.alerts("?state=given_up"), [])

    def dangers(self, name: str) -> int:
        return sum(each.json["kind"] == "danger" for each in self.book.of(f"/{name}"))

    def test_a_server_that_asks_for_a_pause_gets_it(self) -> None:
        self.book.answers["/hook"] = [(429, {"Retry-After": "2"}, b"")]
        begun = time.monotonic()
        self.start(self.hook("hook"))
        self.book.wait("/hook", 1)
        self.assertGreaterEqual(time.monotonic() - begun, 1.9)

    def test_the_file_is_read_again_and_a_wrong_one_changes_nothing(self) -> None:
        (dead,) = free_ports(1)
        self.start(self.hook("one") + self.channel("dead", "webhook", f'url = "http://127.0.0.1:{dead}/"'))
        self.book.wait("/one", 1)
        self.file.write_text('[[channel]]\nname = "one"\nkind = "pigeon"\n')
        self.hub.process.send_signal(signal.SIGHUP)
        self.until("the mistake is told", lambda: "alerts.toml:3: channel 'one': kind: 'pigeon'" in self.hub.log.read_text())
        self.assertEqual(set(self.channels()), {"one", "dead"})
        self.file.write_text(self.hook("one") + self.hook("dead") + self.hook("two"))
        self.hub.process.send_signal(signal.SIGHUP)
        self.book.wait("/dead", 1)  # what waited goes to the new address
        tell(self.hub, report(1, "danger"))
        self.assertEqual(self.book.wait("/two", 1)[0].json["kind"], "connected")
        self.book.wait("/one", 2)


def main() -> int:
    global BUILD
    given = suite.plain_arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(AlertChannels, given.tests)


if __name__ == "__main__":
    sys.exit(main())
