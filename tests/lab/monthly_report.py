#!/usr/bin/env python3
"""The report about a month by mail and Telegram: once each, by a hub that is killed again and again while it makes, stores and sends it.

    monthly_report.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
import unittest
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import suite
from alerts_crash import TOKEN, Telegram
from channel_servers import Book, MailServer, Taken, parsed_mail
from hub_daemon import HubDaemon

BUILD = Path()
KILLS = 12
PATIENCE = 90.0
# What the hub keeps by name: see KeptKind.
KIND_DESK = 3


def last_month() -> str:
    today = datetime.now(timezone.utc)
    ended = today.replace(day=1) - timedelta(days=1)
    # Reports are due on the 28th in this test: before it the newest one is about the month before.
    return (ended if today.day >= 28 else ended.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


class MonthlyReport(unittest.TestCase):
    def setUp(self) -> None:
        self.book = Book()
        self.mail = MailServer(self.book)
        self.addCleanup(self.mail.shutdown)
        self.telegram = self.enterContext(Telegram())
        self.hub = self.enterContext(HubDaemon(BUILD, VPN_SENTINEL_LOG_LEVEL="info"))
        file = self.hub.folder / "alerts.toml"
        file.write_text(
            '[report]\nday = 28\nhour = 0\n[[channel]]\nname = "mail"\nkind = "smtp"\nhost = "127.0.0.1"\n'
            f'port = {self.mail.port}\ntls = "none"\nfrom = "hub@example.org"\nto = "ann@example.org"\n'
        )
        self.hub.environment |= {
            "VPN_SENTINEL_ALERTS_FILE": str(file), "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "7",
            "VPN_SENTINEL_TELEGRAM_API_URL": f"http://127.0.0.1:{self.telegram.port}",
        }  # fmt: skip

    def told_month(self) -> str | None:
        with closing(sqlite3.connect(f"file:{self.hub.data}/hub.db?mode=ro", uri=True)) as database:
            row = database.execute("SELECT json FROM kept WHERE kind = ? AND name = 'report'", (KIND_DESK,)).fetchone()
        return json.loads(row[0])["month"] if row else None

    def pretend_told(self, month: str) -> None:
        """As if the hub had run since then."""
        with closing(sqlite3.connect(self.hub.data / "hub.db")) as database, database:
            row = (KIND_DESK, "report", json.dumps({"month": month}))
            database.execute("INSERT OR REPLACE INTO kept (kind, name, json) VALUES (?, ?, ?)", row)

    def until(self, what: str, condition: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{what}: not within {PATIENCE:g} s")
            time.sleep(0.05)

    def documents(self) -> list[dict]:
        entries = self.telegram.ask("/messages") or []
        return [each["params"] for each in entries if each["method"] == "sendDocument" and each["status"] == 200]

    def mails(self) -> list[Taken]:
        return [each for each in self.book.of("mail") if parsed_mail(each)["Subject"].startswith("📊")]

    def waiting(self) -> bool:
        status, body = self.hub.fetch("/api/v1/alerts?state=waiting&limit=1")
        return status != 200 or bool(json.loads(body)["alerts"])

    def test_a_new_plan_tells_nothing_of_what_was_before_it(self) -> None:
        self.hub.start()
        self.until("the plan is noted", lambda: self.told_month() == last_month())
        self.until("nothing waits", lambda: not self.waiting())
        self.assertEqual((self.documents(), self.mails()), ([], []))

    def test_a_report_that_is_due_comes_once_by_each_channel_over_kills(self) -> None:
        self.hub.start()
        self.until("the plan is noted", lambda: self.told_month() is not None)
        self.hub.kill()
        self.pretend_told("2020-01")
        # Nobody can help that a hub dies between a server's answer and the note of it: nothing is taken while it is killed.
        self.telegram.ask("/mode", {"mode": "500"})
        with self.book.changed:
            self.book.stuck["mail"] = 451
        for _ in range(KILLS):
            self.hub.start()
            time.sleep(random.uniform(0, 1.5))
            self.hub.kill()
        self.telegram.ask("/mode", {"mode": "ok"})
        with self.book.changed:
            self.book.stuck.clear()
        self.hub.start()
        self.until("both have it", lambda: self.documents() and self.mails())
        self.until("nothing waits", lambda: not self.waiting())
        (document,), (mail,) = self.documents(), self.mails()
        self.assertEqual(self.told_month(), last_month())
        self.assertEqual(document["document"]["file_name"], f"vpn-sentinel-{last_month()}.html")
        self.assertIn("<!doctype html>", document["document"]["text"])
        attachments = list(parsed_mail(mail).iter_attachments())
        pages = [each for each in attachments if each.get_filename() == f"vpn-sentinel-{last_month()}.html"]
        self.assertEqual(len(pages), 1, [each.get_filename() for each in attachments])
        self.assertEqual(pages[0].get_content(), document["document"]["text"])


def main() -> int:
    global BUILD
    given = suite.plain_arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(MonthlyReport, given.tests)


if __name__ == "__main__":
    sys.exit(main())
