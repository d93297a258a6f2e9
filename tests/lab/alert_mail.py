#!/usr/bin/env python3
"""Alerts of a real hub by Debian's own SMTP server: plain, STARTTLS, TLS, log-ins, wrong certificates, refused recipients, trouble and its end.
The mails are read back out of the mailboxes.

    alert_mail.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import email.message
import email.utils
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path

import certificates
import suite
import unpacked
from alert_report import report, tell
from hub_daemon import HubDaemon
from mail_server import PATIENCE, Exim
from process import wait_until

BUILD = Path()
ACCOUNT = ("anna@example.org", "pässword with spaces & :")


class AlertMail(unittest.TestCase):
    keys: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-keys-"))
        cls.keys = Path(folder)
        certificates.make_authority(cls.keys)
        certificates.make_server(cls.keys, "good", ["mail.example.org"], ["127.0.0.1"])
        certificates.make_server(cls.keys, "other", ["elsewhere.example.org"], ["203.0.113.9"])

    def setUp(self) -> None:
        self.hub = self.enterContext(HubDaemon(BUILD, VPN_SENTINEL_LOG_LEVEL="info"))
        self.file = self.hub.folder / "alerts.toml"

    def server(self, certificate: str = "good", **options: object) -> Exim:
        return self.enterContext(Exim(BUILD, self.keys / f"{certificate}.crt", **options))

    def configure(self, port: int, tls: str, log_in: tuple[str, str] | None = None, to: tuple[str, ...] = ("ann@example.org",), trusted: bool = True) -> None:
        channel = {"name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": port, "tls": tls, "from": "Wächter <sentinel@example.org>", "to": list(to)}
        if trusted and tls != "none":
            channel["ca_file"] = str(self.keys / "ca.crt")
        if log_in:
            channel["user"], channel["password"] = log_in
        # JSON's strings, numbers and lists are TOML's.
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in channel.items()]
        self.file.write_text("\n".join(["[[channel]]", *lines, ""]))

    def start(self) -> None:
        self.hub.start(60, VPN_SENTINEL_ALERTS_FILE=str(self.file))

    def attempt(self) -> tuple[int, str]:
        """`channels test`: exit code and what it says."""
        environment = {**self.hub.environment, "VPN_SENTINEL_ALERTS_FILE": str(self.file)}
        done = subprocess.run([self.hub.binary, "channels", "test", "mail"], env=environment, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def standing(self) -> dict:
        status, body = self.hub.fetch("/api/v1/channels", seconds=PATIENCE)
        self.assertEqual(status, 200, body)
        return json.loads(body)["channels"][0]

    def check(self, mail: email.message.EmailMessage, subject: str) -> None:
        self.assertEqual(mail["Subject"], subject)
        self.assertEqual(mail["From"].addresses[0].display_name, "Wächter")
        self.assertEqual(mail["From"].addresses[0].addr_spec, "sentinel@example.org")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertRegex(mail["Message-ID"], r"^<[0-9]+-[0-9a-f]+@example\.org>$")
        age = datetime.now(timezone.utc) - email.utils.parsedate_to_datetime(mail["Date"])
        self.assertLess(abs(age.total_seconds()), 600)
        self.assertIn(subject.split(" (")[0], mail.get_body(("plain",)).get_content())
        self.assertIn("<h1", mail.get_body(("html",)).get_content())
        self.assertFalse(mail.defects)

    def test_alerts_arrive_as_mails_that_others_can_read(self) -> None:
        server = self.server()
        self.configure(server.port, "none", to=("Änn <ann@example.org>", "bert@example.org"))
        self.start()
        server.wait("ann", 1)  # the hub takes reports before it has told of its start
        tell(self.hub, report(1, "secure"))
        tell(self.hub, report(2, "danger"))
        for name in ("ann", "bert"):
            mails = server.wait(name, 3)
            self.check(mails[0], "🚀 VPN Sentinel hub started")
            self.check(mails[1], "🟢 VPN Connected! (office)")
            self.check(mails[2], "🔴 DANGER: traffic can leave outside the VPN (office)")
            self.assertEqual([each.display_name for each in mails[2]["To"].addresses], ["Änn", ""])
            self.assertEqual(mails[2]["X-Priority"], "1")
            self.assertEqual(len({each["Message-ID"] for each in mails}), 3)
            text = mails[2].get_body(("plain",)).get_content()
            for words in ("Client: office", "What to do:", "gateway=203.0.113.1", "Since: "):
                self.assertIn(words, text)
        self.assertNotRegex(server.log(), r"(?i)syntax|non-compliant|synchronization")

    def test_starttls_and_tls_carry_mails_with_both_ways_to_log_in(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            server = self.server(log_in=ACCOUNT, mechanism=mechanism)
            for tls, port in (("starttls", server.port), ("tls", server.tls_port)):
                with self.subTest(mechanism=mechanism, tls=tls):
                    before = len(server.mailbox("ann"))
                    self.configure(port, tls, ACCOUNT)
                    code, words = self.attempt()
                    self.assertEqual(code, 0, words + server.log())
                    self.assertEqual(server.wait("ann", before + 1)[-1]["Subject"], "🔔 Test of VPN Sentinel")
            # A=: who had logged in, X=: by which TLS.
            taken = re.findall(r" <= .* X=TLS1\.[23]\S* .*A=a:anna@example\.org", server.log())
            self.assertEqual(len(taken), 2, server.log())

    def test_what_is_wrong_is_told_and_no_password_goes_to_whom_is_not_proved(self) -> None:
        good, other, plain = self.server(log_in=ACCOUNT), self.server("other", log_in=ACCOUNT), self.server(offer_tls=False, log_in=ACCOUNT)
        cases = [
            ("another host's certificate", other.port, "starttls", True, ACCOUNT, r"certificate .*(127\.0\.0\.1|does not match)"),
            ("another host's certificate from the first byte", other.tls_port, "tls", True, ACCOUNT, r"certificate .*(127\.0\.0\.1|does not match)"),
            ("an authority that is not trusted", good.port, "starttls", False, ACCOUNT, r"certificate .*ca_file"),
            ("a server without TLS", plain.port, "starttls", True, ACCOUNT, r"offers no TLS \(STARTTLS\)"),
            ("TLS from the first byte where none is", plain.port, "tls", True, ACCOUNT, r"(?i)tls|ssl"),
            ("a wrong password", good.port, "starttls", True, (ACCOUNT[0], "wrong"), r"log-in was refused: 535 .*check user and password"),
            ("no log-in", good.port, "starttls", True, None, r"550 log in first"),
        ]
        for what, port, tls, trusted, log_in, expected in cases:
            with self.subTest(what):
                self.configure(port, tls, log_in, trusted=trusted)
                code, words = self.attempt()
                self.assertEqual(code, 1, words)
                self.assertRegex(words, expected)
                self.assertNotIn(ACCOUNT[1], words)
        for server in (good, other, plain):
            self.assertEqual(server.mailbox("ann"), [])
        self.assertNotIn("A=a:", other.log() + plain.log(), "nobody logged in there")

    def test_a_recipient_who_is_refused_keeps_the_mail_from_nobody_else(self) -> None:
        server = self.server()
        self.configure(server.port, "none", to=("gone@example.org", "ann@example.org"))
        code, words = self.attempt()
        self.assertEqual(code, 0, words)
        self.assertIn("not everybody got it: 550 nobody of that name", words)
        server.wait("ann", 1)
        self.configure(server.port, "none", to=("gone@example.org",))
        code, words = self.attempt()
        self.assertEqual(code, 1, words)
        self.assertIn("550 nobody of that name", words)

    def test_a_server_that_is_busy_or_away_gets_each_mail_once_with_its_first_id(self) -> None:
        server = self.server()
        server.busy(True)
        self.configure(server.port, "none")
        self.start()
        wait_until(lambda: len(server.put_off()) >= 2, PATIENCE, "two attempts were put off", 0.05)
        wait_until(lambda: "not now" in self.standing()["last_error"], PATIENCE, "the channel's standing tells why", 0.05)
        self.hub.kill()
        self.start()
        attempts = len(server.put_off())
        wait_until(lambda: len(server.put_off()) > attempts, PATIENCE, "the hub tries again", 0.05)
        server.stop()
        first = datetime.now(timezone.utc)
        tell(self.hub, report(1, "secure"))
        tell(self.hub, report(2, "danger"))
        wait_until(lambda: self.standing()["waiting"] == 4 and self.standing()["failing"], PATIENCE, "all wait", 0.05)
        server.busy(False)
        # Times of events are told by the second.
        time.sleep(1.1)
        server.start()
        mails = server.wait("ann", 4)
        wait_until(lambda: self.standing()["waiting"] == 0, PATIENCE, "nothing waits", 0.05)
        self.assertEqual(len(server.mailbox("ann")), 4)
        self.assertEqual(len({each["Message-ID"] for each in mails}), 4, "none twice")
        self.assertEqual(set(server.put_off()), {mails[0]["Message-ID"]}, "the same id at each attempt, also of the next start")
        since = re.search(r"Since: (\S+ \S+) UTC", mails[3].get_body(("plain",)).get_content())
        told = datetime.fromisoformat(since[1]).replace(tzinfo=timezone.utc)
        self.assertLess(abs((told - first).total_seconds()), 60)
        self.assertLess(told, email.utils.parsedate_to_datetime(mails[3]["Date"]), "the time of the event, not of the mail")


def main() -> int:
    global BUILD
    given = suite.plain_arguments(suite.parser_of(__doc__))
    BUILD = given.build
    reason = "the server's own list of users needs root" if os.geteuid() != 0 else ""
    if unpacked.find(BUILD, "exim4") is None:
        reason = "exim4 is not there (packaging/packages-unpacked.txt)"
    if reason:
        return suite.skipped(reason)
    return suite.run(AlertMail, given.tests)


if __name__ == "__main__":
    sys.exit(main())
