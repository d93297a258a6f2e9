#!/usr/bin/env python3
"""The hub's bot against a Bot API server on loopback: commands, buttons, strangers, floods, trouble of the server, SIGKILL in the middle.

    telegram_bot.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
import unittest
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import suite
from hub_daemon import KEY, HubDaemon, free_ports

BUILD = Path()
TOKEN = "77:LAB-token_of_the_bot"
CHAT, OTHER, STRANGER = -1001, -2002, 666
PATIENCE = 30.0
ADA = {"id": 5, "is_bot": False, "first_name": "Ada", "username": "ada"}


def wait_for(what: str, look: Callable[[], object], seconds: float = PATIENCE) -> object:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.02)
    return found


def signed(letter: str, incident: int, client: str) -> str:
    """What a button carries, made independently of the hub."""
    key = hmac.digest(TOKEN.encode(), b"buttons of alerts", hashlib.sha256)
    mark = hmac.digest(key, f"{letter} {incident} {client}".encode(), hashlib.sha256)[:12]
    return f"{letter}.{incident}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


class BotApi:
    """telegram_server.py as a program of its own, so that it outlives hubs that are killed."""

    def __init__(self) -> None:
        self.port, self.control = free_ports(2)
        argv = [sys.executable, str(Path(__file__).parent / "telegram_server.py"), "--token", TOKEN]
        argv += ["--listen", f"127.0.0.1:{self.port}", "--control", f"127.0.0.1:{self.control}"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        wait_for("the Bot API server listens", lambda: self._ask("/messages") is not None)

    def __enter__(self) -> BotApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)

    def _ask(self, path: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.control}{path}", data, timeout=10) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    def mode(self, mode: str, **more: object) -> None:
        assert self._ask("/mode", {"mode": mode, **more}) is not None

    def requests(self, method: str, status: int | None = 200) -> list[dict]:
        every = self._ask("/messages")
        assert isinstance(every, list)
        return [each for each in every if each["method"] == method and status in (None, each["status"])]

    def sent(self, text: str, chat: int = CHAT) -> list[dict]:
        """Messages with `text` that were taken, also when the hub never heard of that."""
        texts = [each["params"] for each in self.requests("sendMessage", None) if each["status"] in (200, 0)]
        return [each for each in texts if str(each["chat_id"]) == str(chat) and text in each["text"]]

    def update(self, content: dict) -> None:
        assert self._ask("/updates", content) is not None

    def write(self, text: str, chat: int = CHAT, **more: object) -> None:
        kind = "private" if chat > 0 else "supergroup"
        message = {"message_id": 1, "date": int(time.time()), "chat": {"id": chat, "type": kind}, "from": ADA, "text": text, **more}
        self.update({"message": message})

    def press(self, data: str, text: str = "alert", chat: int = CHAT) -> None:
        message = {"message_id": 9, "date": int(time.time()), "chat": {"id": chat, "type": "supergroup"}, "text": text}
        message["entities"] = [{"type": "bold", "offset": 0, "length": len(text)}]
        self.update({"callback_query": {"id": uuid.uuid4().hex, "from": ADA, "data": data, "message": message}})

    def polls(self) -> int:
        return len(self.requests("getUpdates", None))


class TelegramBot(unittest.TestCase):
    def setUp(self) -> None:
        self.api = self.enterContext(BotApi())
        self.hub = self.enterContext(self.make_hub())
        self.seq = 0

    def make_hub(self, **more: str) -> HubDaemon:
        settings = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(CHAT), "VPN_SENTINEL_LOG_LEVEL": "debug", **more}
        return HubDaemon(BUILD, VPN_SENTINEL_TELEGRAM_API_URL=f"http://127.0.0.1:{self.api.port}", **settings)

    def start(self) -> None:
        """Returns when the bot listens."""
        before = self.api.polls()
        self.hub.start()
        wait_for("the bot listens", lambda: self.api.polls() > before)

    def start_afresh(self) -> None:
        """As start(), past what a first start skips."""
        self.start()
        wait_for("the place is kept", lambda: list(self.hub.data.glob("telegram-bot-*.place")))

    def report(self, client: str, state: str) -> None:
        self.seq += 1
        findings = [] if state == "secure" else [{"code": "default_route_outside", "severity": state}]
        body = {
            "schema": 2, "client_id": client, "status": "alive", "boot_id": "lab", "seq": self.seq, "lease_s": 600, "path": "tunnel",
            "trigger": "change", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "public_ip": "198.51.100.2",
            "client_version": "1.0", "state": state, "findings": findings,
        }  # fmt: skip
        request = urllib.request.Request(f"{self.hub.url}/keepalive", json.dumps(body).encode())
        request.add_header("X-API-Key", KEY)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=15) as answer:
            self.assertEqual(answer.status, 200)

    def answer(self, command: str, expected: str) -> dict:
        before = len(self.api.sent(expected))
        self.api.write(command)
        wait_for(f"an answer to {command} with {expected!r}", lambda: len(self.api.sent(expected)) > before)
        return self.api.sent(expected)[-1]

    def log(self) -> str:
        return self.hub.log.read_text()

    # What it answers

    def test_every_command_is_answered(self) -> None:
        self.start_afresh()
        self.report("office-1", "secure")
        self.report("office-2", "danger")
        status = self.answer("/status", "VPN Status")["text"]
        self.assertLess(status.index("office-2"), status.index("office-1"))
        self.answer("/ping", "Pong!")
        self.answer("/help@Lab_Bot", "Bot Help")
        self.answer("/client office-2", "DANGER: traffic can leave outside the VPN")
        self.answer("/incidents", "1 incident goes on")
        self.answer("/client office", "2 clients have")
        self.assertEqual(len(self.api.requests("setMyCommands")), 1)
        self.assertNotIn(TOKEN.partition(":")[2], self.log())

    def test_a_topic_is_answered_where_it_asks(self) -> None:
        self.start_afresh()
        self.api.write("/ping", message_thread_id=12, is_topic_message=True)
        wait_for("the answer", lambda: self.api.sent("Pong!"))
        self.assertEqual(self.api.sent("Pong!")[0]["message_thread_id"], 12)

    def test_a_stranger_is_told_nothing_and_named_once_in_the_log(self) -> None:
        self.start_afresh()
        for _ in range(3):
            self.api.write("/status", chat=STRANGER)
            self.api.press(signed("a", 1, "office-1"), chat=STRANGER)
        self.answer("/ping", "Pong!")  # comes after them
        self.assertEqual(self.api.sent("", chat=STRANGER), [])
        self.assertEqual(self.api.requests("answerCallbackQuery"), [])
        self.assertEqual(self.log().count("event=bot_stranger"), 1)

    def test_a_flood_is_answered_a_few_times_and_alerts_come_all_the_same(self) -> None:
        self.start_afresh()
        for _ in range(200):
            self.api.write("/ping")
        self.report("office-1", "danger")
        wait_for("the alert", lambda: self.api.sent("office-1"))
        self.api.press("i.0")  # behind the flood
        wait_for("the flood's end", lambda: self.api.requests("answerCallbackQuery"))
        self.assertLess(len(self.api.sent("Pong!")), 20)
        self.assertEqual(len(self.api.sent("Too many commands")), 1)

    def test_what_was_written_before_the_first_start_is_skipped_and_that_is_said(self) -> None:
        self.api.write("/status")
        self.api.write("/ping")
        self.hub.start()
        wait_for("the word of it", lambda: self.api.sent("2 messages that came before are not answered"))
        self.answer("/help", "Bot Help")
        self.assertEqual(self.api.sent("Pong!") + self.api.sent("VPN Status"), [])

    # What it does

    def get(self, path: str) -> dict:
        status, body = self.hub.fetch(f"/api/v1{path}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def edited(self) -> list[str]:
        return [each["params"]["text"] for each in self.api.requests("editMessageText")]

    def test_an_incident_is_acknowledged_and_its_client_muted_by_buttons(self) -> None:
        self.start_afresh()
        self.report("office-2", "danger")
        number = self.get("/incidents")["incidents"][0]["id"]
        self.api.press(signed("a", number, "office-1"))  # of another client
        wait_for("the refusal", lambda: self.api.requests("answerCallbackQuery"))
        self.assertIsNone(self.get(f"/incidents/{number}")["acknowledged"])
        self.api.press(signed("a", number, "office-2"), "🔴 office-2")
        wait_for("the message is edited", lambda: self.edited())
        self.assertIn("🔴 office-2\n\n──\n✅ Acknowledged by @ada", self.edited()[-1])
        self.assertEqual(self.get(f"/incidents/{number}")["acknowledged"]["by"], "telegram:@ada")
        self.api.press(signed("m", number, "office-2"), self.edited()[-1])
        wait_for("the mute is shown", lambda: "🔕 Muted until" in self.edited()[-1])
        self.assertIn("✅ Acknowledged by @ada", self.edited()[-1])
        self.assertEqual([mute["subject"] for mute in self.get("/mutes")["mutes"]], ["office-2"])
        self.answer("/client office-2", "Muted by telegram:@ada")

    def test_a_mute_outlives_sigkill_and_is_taken_back(self) -> None:
        self.start_afresh()
        self.report("office-1", "secure")
        self.answer("/mute office-1 2h", "is muted until")
        self.hub.kill()
        self.start()
        mute = self.get("/mutes")["mutes"][0]
        self.assertEqual((mute["subject"], mute["by"]), ("office-1", "telegram:@ada"))
        self.answer("/unmute office-1", "come again")
        self.assertEqual(self.get("/mutes")["mutes"], [])
        self.answer("/unmute office-1", "was not muted")

    def test_what_is_done_by_the_bot_is_in_the_audit_log_like_the_rest(self) -> None:
        self.hub.environment |= {"VPN_SENTINEL_ADMIN_USER": "anna", "VPN_SENTINEL_ADMIN_PASSWORD": "a long password"}
        self.start_afresh()
        self.report("office-2", "danger")
        number = self.get("/incidents")["incidents"][0]["id"]
        self.answer("/mute office-2 soon", "The time of a mute is 1 minute to 365 days")
        self.answer("/mute nobody", "No client or group is called")
        self.answer("/mute office-2 2h", "is muted until")
        self.answer("/unmute office-2", "come again")
        self.answer("/unmute office-2", "was not muted")
        self.api.press(signed("a", number, "office-2"))
        wait_for("the message is edited", lambda: self.edited())
        told = [("telegram:@ada", "muted", "office-2"), ("telegram:@ada", "unmuted", "office-2"), ("telegram:@ada", "incident_acknowledged", str(number))]
        wait_for(f"{told} and no more in the audit log", lambda: [each for each in self.audit() if each[0] == "telegram:@ada"] == told)

    def audit(self) -> list[tuple[str, str, str]]:
        """Who, what and about what, oldest first."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        address = f"http://127.0.0.1:{self.hub.dashboard_port}/api/v1"
        log_in = urllib.request.Request(f"{address}/login", json.dumps({"user": "anna", "password": "a long password"}).encode())
        log_in.add_header("Content-Type", "application/json")
        opener.open(log_in, timeout=PATIENCE).close()
        with opener.open(f"{address}/audit", timeout=PATIENCE) as answer:
            return [(each["who"], each["action"], each["target"]) for each in reversed(json.load(answer)["audit"])]

    def test_a_changed_file_changes_which_chats_and_topics_are_told_and_answered(self) -> None:
        file = self.hub.folder / "alerts.toml"
        file.write_text("")
        self.hub.environment["VPN_SENTINEL_ALERTS_FILE"] = str(file)
        self.start_afresh()
        self.api.write("/ping", chat=OTHER)
        wait_for("the stranger is told of", lambda: f"chat {OTHER} " in self.log())

        channel = '[[channel]]\nname = "{}"\nkind = "telegram"\nurl = "{}"\ntoken = "{}"\nchat = {}\ntopic = {}\n'
        url = f"http://127.0.0.1:{self.api.port}"
        self.read_again(file, channel.format("topic-7", url, TOKEN, OTHER, 7) + channel.format("topic-8", url, TOKEN, OTHER, 8))
        self.report("office-1", "danger")
        wait_for("the alert in both topics", lambda: len(self.api.sent("office-1", chat=OTHER)) == 2)
        alerts = self.api.sent("office-1", chat=OTHER)
        self.assertEqual({each["message_thread_id"] for each in alerts}, {7, 8})
        self.assertTrue(all("reply_markup" in each for each in alerts), "a bot answers buttons there")
        wait_for("the alert in the first chat", lambda: self.api.sent("office-1"))
        self.api.write("/ping", chat=OTHER, message_thread_id=8, is_topic_message=True)
        wait_for("the answer in the other chat", lambda: self.api.sent("Pong!", chat=OTHER))
        self.assertEqual(self.api.sent("Pong!", chat=OTHER)[0]["message_thread_id"], 8)
        self.answer("/ping", "Pong!")

        self.read_again(file, channel.format("wrong", url, "78:another-bot", OTHER, 7))
        wait_for("the wrong token is told", lambda: "event=bot_does_not_listen" in self.log())
        before = len(self.api.sent("", chat=OTHER))
        self.api.write("/status", chat=OTHER)
        self.answer("/status", "VPN Status")  # comes after it
        self.assertEqual(len(self.api.sent("", chat=OTHER)), before)

        self.read_again(file, "")
        wait_for("one bot is left", lambda: "telegram on" in self.hub.fetch("/health", self.hub.health_port)[1].decode())
        self.assertNotIn(TOKEN.partition(":")[2], self.log())
        self.assertNotIn("another-bot", self.log())

    def read_again(self, file: Path, text: str) -> None:
        file.write_text(text)
        before = self.log().count("event=alerts_read")
        self.hub.process.send_signal(signal.SIGHUP)
        wait_for("the file is read again", lambda: self.log().count("event=alerts_read") > before)

    def test_switched_off_nobody_asks_for_commands(self) -> None:
        self.hub.environment["VPN_SENTINEL_TELEGRAM_COMMANDS"] = "false"
        self.hub.start()
        wait_for("the hub's own message", lambda: self.api.sent("started"))
        self.assertEqual(self.api.polls(), 0)

    def test_the_hub_ends_while_the_bot_waits_for_updates(self) -> None:
        self.start_afresh()
        self.assertEqual(self.hub.stop(20), 0)  # the server holds a question back for 25 s

    # Trouble

    def test_commands_written_while_telegram_is_down_are_answered_when_it_is_back(self) -> None:
        self.start_afresh()
        for mode in ("500", "refuse"):
            # A question that is being held back may still bring the command.
            before = len(self.api.sent("Pong!"))
            self.api.mode(mode)
            self.api.write("/ping")
            wait_for("the trouble", lambda: "event=bot_does_not_listen" in self.log())
            self.api.mode("ok")
            wait_for("the answer", lambda before=before: len(self.api.sent("Pong!")) == before + 1)
        self.assertNotIn(TOKEN.partition(":")[2], self.log())

    def test_the_pause_that_telegram_asks_for_is_kept_and_the_answer_comes(self) -> None:
        self.start_afresh()
        wait_for("the hub's own message", lambda: self.api.sent("started"))
        self.api.mode("429", retry_after=2, count=1, method="sendMessage")
        self.answer("/ping", "Pong!")
        tries = [each for each in self.api.requests("sendMessage", None) if "Pong!" in each["params"]["text"]]
        self.assertEqual([each["status"] for each in tries], [429, 200])
        self.assertGreaterEqual(tries[1]["mono_ns"] - tries[0]["mono_ns"], 1_900_000_000)

    def test_a_second_program_with_the_same_token_is_told_once_in_log_and_health(self) -> None:
        self.start_afresh()
        self.api.mode("409", method="getUpdates")
        self.api.write("/ping")  # ends the long poll
        wait_for("the conflict", lambda: "event=bot_conflict" in self.log())
        health = json.loads(self.hub.fetch("/health", self.hub.health_port)[1])
        self.assertIn("same token", json.dumps(health))
        self.assertEqual(self.log().count("event=bot_conflict"), 1)

    # SIGKILL

    def test_an_answer_that_arrived_when_the_hub_was_killed_does_not_come_twice(self) -> None:
        self.start_afresh()
        wait_for("the hub's own message", lambda: self.api.sent("started"))
        self.api.mode("hang", count=1, method="sendMessage")
        self.api.write("/ping")
        wait_for("the answer, which the hub does not hear of", lambda: self.api.sent("Pong!"))
        self.hub.kill()
        self.api.mode("ok")
        self.api.write("/help")
        self.start()
        wait_for("the next answer", lambda: self.api.sent("Bot Help"))
        self.assertEqual(len(self.api.sent("Pong!")), 1)

    def test_killed_at_any_moment_no_command_is_lost_or_answered_twice(self) -> None:
        """But for an answer that was on its way: nobody knows whether that came, and one of the two must be."""
        self.start_afresh()
        asked, in_doubt = 0, set()
        for round_number in range(8):
            for _ in range(2):
                asked += 1  # which is the update's number, too
                self.api.write(f"/client nobody-{asked:03}")
            time.sleep(0.01 * round_number)
            self.hub.kill()
            place = next(self.hub.data.glob("telegram-bot-*.place"))
            in_doubt.add(json.loads(place.read_text())["begun"])
            self.start()
            wait_for("all answers", lambda: {number for number in range(1, asked + 1) if self.answers(number) == 0} <= in_doubt)
        self.assertEqual([number for number in range(1, asked + 1) if self.answers(number) > 1], [])

    def answers(self, number: int) -> int:
        return len(self.api.sent(f"nobody-{number:03}"))


def main() -> int:
    global BUILD
    given = suite.plain_arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(TelegramBot, given.tests)


if __name__ == "__main__":
    sys.exit(main())
