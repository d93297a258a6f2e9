#!/usr/bin/env python3
"""A Telegram Bot API server for tests: the real protocol, with failures on request.

    telegram_server.py --listen ADDR:PORT --token T [--log FILE] [--control ADDR:PORT]

Every request is one line of JSON in the log: `mono_ns` (CLOCK_MONOTONIC at arrival), `method`, `params`, `status`.
The control port answers:

    POST /mode      {"mode": "ok"|"429"|"500"|"409"|"hang"|"refuse", "retry_after": 3, "count": 2, "method": "sendMessage"}
                    the mode of the next `count` requests (0: until the next change), of one method or of all;
                    "hang": taken, and never answered; "refuse" closes the port
    POST /updates   {"message": {...}}   hands one update to getUpdates; its number is given here
    GET /messages   what was logged so far, as a list       POST /reset   forgets it, and returns to mode ok
"""

from __future__ import annotations

import argparse
import email
import email.policy
import json
import re
import signal
import threading
import time
import urllib.parse
from pathlib import Path

import http_server

LONGEST_POLL = 50
LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
HANG_SECONDS = 60
MODES = ("ok", "429", "500", "409", "hang", "refuse")


class Bot:
    """The state that all connections share."""

    def __init__(self, token: str, log: Path | None) -> None:
        self.token = token
        self.changed = threading.Condition()
        self.mode, self.retry_after, self.left, self.method = "ok", 1, 0, ""
        self.requests: list[dict] = []
        self.updates: list[dict] = []
        self._log = log
        self._next_message = 1
        self._next_update = 1

    def set_mode(self, mode: str, retry_after: int = 1, count: int = 0, method: str = "") -> None:
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}")
        with self.changed:
            self.mode, self.retry_after, self.left, self.method = mode, retry_after, count, method.lower()
            self.changed.notify_all()

    def take_mode(self, method: str) -> tuple[str, int]:
        """The mode for one request, counted down."""
        with self.changed:
            if self.method not in ("", method.lower()):
                return "ok", 1
            taken = self.mode, self.retry_after
            if self.mode != "ok" and self.left:
                self.left -= 1
                if self.left == 0:
                    self.mode = "ok"
            return taken

    def note(self, arrived: int, method: str, params: dict, status: int) -> None:
        entry = {"mono_ns": arrived, "method": method, "params": params, "status": status}
        with self.changed:
            self.requests.append(entry)
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def new_message(self) -> int:
        with self.changed:
            self._next_message += 1
            return self._next_message - 1

    def add_update(self, content: dict) -> int:
        with self.changed:
            number = self._next_update
            self._next_update += 1
            self.updates.append({"update_id": number, **content})
            self.changed.notify_all()
            return number

    def poll(self, offset: int, limit: int, seconds: float) -> list[dict]:
        """Updates from `offset` on; asking for an offset confirms, and so removes, everything before it."""
        deadline = time.monotonic() + seconds
        with self.changed:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
            while not self.updates and (left := deadline - time.monotonic()) > 0:
                self.changed.wait(left)
            return self.updates[:limit]

    def forget(self) -> None:
        with self.changed:
            self.requests.clear()
            self.updates.clear()
        self.set_mode("ok")


def failure(status: int, description: str, **extra: object) -> tuple[int, dict]:
    return status, {"ok": False, "error_code": status, "description": description, **extra}


def send_message(bot: Bot, params: dict) -> tuple[int, dict]:
    chat, text = str(params.get("chat_id", "")), params.get("text", "")
    if not chat:
        return failure(400, "Bad Request: chat_id is empty")
    if not isinstance(text, str) or not text.strip():
        return failure(400, "Bad Request: message text is empty")
    if len(text) > LONGEST_TEXT:
        return failure(400, "Bad Request: message is too long")
    number = re.fullmatch(r"-?[0-9]{1,18}", chat)
    where = {"id": int(chat), "type": "private"} if number else {"title": chat, "type": "channel"}
    message = {"message_id": bot.new_message(), "date": int(time.time()), "chat": where, "text": text}
    return 200, {"ok": True, "result": message}


def send_document(bot: Bot, params: dict) -> tuple[int, dict]:
    chat, caption, document = params.get("chat_id", ""), params.get("caption", ""), params.get("document")
    if not chat:
        return failure(400, "Bad Request: chat_id is empty")
    if not isinstance(document, dict) or not document.get("file_name") or not document.get("text"):
        return failure(400, "Bad Request: there is no document in the request")
    if len(caption) > LONGEST_CAPTION:
        return failure(400, "Bad Request: message caption is too long")
    message = {"message_id": bot.new_message(), "date": int(time.time()), "chat": {"id": chat}, "caption": caption,
               "document": {"file_name": document["file_name"], "file_id": "x"}}  # fmt: skip
    return 200, {"ok": True, "result": message}


def get_me(bot: Bot, params: dict) -> tuple[int, dict]:
    head = bot.token.partition(":")[0]  # a real token begins with the bot's number
    number = int(head) if head.isdecimal() else 1
    return 200, {
        "ok": True,
        "result": {"id": number, "is_bot": True, "first_name": "Lab", "username": "lab_bot"},
    }


def get_updates(bot: Bot, params: dict) -> tuple[int, dict]:
    try:
        offset, limit = int(params.get("offset", 0)), int(params.get("limit", 100))
        seconds = min(float(params.get("timeout", 0)), LONGEST_POLL)
    except (TypeError, ValueError):
        return failure(400, "Bad Request: can't parse parameters")
    return 200, {"ok": True, "result": bot.poll(offset, min(max(limit, 1), 100), seconds)}


def edit_message(bot: Bot, params: dict) -> tuple[int, dict]:
    chat, number = params.get("chat_id"), params.get("message_id")
    if not chat or not isinstance(number, int):
        return failure(400, "Bad Request: message identifier is not specified")
    if len(params.get("text", "")) > LONGEST_TEXT:
        return failure(400, "Bad Request: message is too long")
    return 200, {"ok": True, "result": {"message_id": number, "date": int(time.time()), "chat": {"id": chat}}}


def accept(bot: Bot, params: dict) -> tuple[int, dict]:
    return 200, {"ok": True, "result": True}


def form_of(content_type: str, raw: bytes) -> dict:
    """The fields of a form; a file is an object of its name and text."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form: dict = {}
    for part in email.message_from_bytes(head + raw, policy=email.policy.HTTP).iter_parts():
        content = part.get_payload(decode=True).decode("utf-8", "replace")
        name, file_name = part.get_param("name", header="content-disposition"), part.get_filename()
        form[name] = {"file_name": file_name, "text": content} if file_name else content
    return form


METHODS = {
    "sendmessage": send_message,
    "senddocument": send_document,
    "editmessagetext": edit_message,
    "editmessagereplymarkup": edit_message,
    "answercallbackquery": accept,
    "setmycommands": accept,
    "getme": get_me,
    "getupdates": get_updates,
}


class ApiHandler(http_server.Handler):
    bot: Bot

    def do_POST(self) -> None:
        arrived = time.monotonic_ns()
        raw = self.body()
        if raw is None:
            return
        target, _, query = self.path.partition("?")
        _, who, method = (target.split("/", 2) + ["", ""])[:3]
        params = self._parameters(query, raw)
        mode, retry_after = self.bot.take_mode(method)
        if mode == "refuse":
            self.close_connection = True
            return
        if mode == "hang":
            self.bot.note(arrived, method, params or {}, 0)
            time.sleep(HANG_SECONDS)
            self.close_connection = True
            return
        status, answer = self._answer(who, method, params, mode, retry_after)
        self.bot.note(arrived, method, params or {}, status)
        self.reply(status, answer)

    do_GET = do_POST

    def _answer(
        self, who: str, method: str, params: dict | None, mode: str, retry_after: int
    ) -> tuple[int, dict]:
        if mode == "429":
            text = f"Too Many Requests: retry after {retry_after}"
            return failure(429, text, parameters={"retry_after": retry_after})
        if mode == "409":
            text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            return failure(409, text)
        if mode == "500":
            return failure(500, "Internal Server Error")
        if not who.startswith("bot"):
            return failure(404, "Not Found")
        if who[3:] != self.bot.token:
            return failure(401, "Unauthorized")
        action = METHODS.get(method.lower())
        if action is None:
            return failure(404, "Not Found")
        if params is None:
            return failure(400, "Bad Request: can't parse JSON object")
        return action(self.bot, params)

    def _parameters(self, query: str, raw: bytes) -> dict | None:
        """The Bot API takes parameters as query string, form, form with files or JSON; None when the JSON is none."""
        params: dict = dict(urllib.parse.parse_qsl(query))
        if "json" in self.headers.get("Content-Type", ""):
            try:
                body = json.loads(raw or b"{}")
            except ValueError:
                return None
            return {**params, **body} if isinstance(body, dict) else None
        if "multipart/form-data" in self.headers.get("Content-Type", ""):
            return {**params, **form_of(self.headers["Content-Type"], raw)}
        return {**params, **dict(urllib.parse.parse_qsl(raw.decode("utf-8", "replace")))}


class ControlHandler(http_server.Handler):
    bot: Bot

    def do_GET(self) -> None:
        if self.path != "/messages":
            return self.reply(404, {"error": "no such control"})
        with self.bot.changed:
            requests = list(self.bot.requests)
        self.reply(200, requests)

    def do_POST(self) -> None:
        raw = self.body()
        if raw is None:
            return
        try:
            given = json.loads(raw or b"{}")
            if self.path == "/mode":
                count, method = int(given.get("count", 0)), str(given.get("method", ""))
                self.bot.set_mode(given["mode"], int(given.get("retry_after", 1)), count, method)
                self.reply(200, {"mode": given["mode"]})
            elif self.path == "/updates":
                self.reply(200, {"update_id": self.bot.add_update(dict(given))})
            elif self.path == "/reset":
                self.bot.forget()
                self.reply(200, {"mode": "ok"})
            else:
                self.reply(404, {"error": "no such control"})
        except (ValueError, TypeError, KeyError) as wrong:
            self.reply(400, {"error": f"cannot use this: {wrong}"})


def serve(bot: Bot, address: tuple[str, int]) -> None:
    """Listens, and closes the port whenever and as long as the mode is `refuse`."""
    handler = type("BoundApiHandler", (ApiHandler,), {"bot": bot})
    while True:
        server = http_server.Server(address, handler)
        server.start()
        with bot.changed:
            bot.changed.wait_for(lambda: bot.mode == "refuse")
        server.shutdown()
        server.server_close()
        server.drop_connections()
        with bot.changed:
            bot.changed.wait_for(lambda: bot.mode != "refuse")


def endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"an address and a port, like 127.0.0.1:8081, not {text!r}")
    return host.strip("[]"), int(port)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--listen", type=endpoint, required=True)
    options.add_argument("--token", required=True)
    options.add_argument("--log", type=Path)
    options.add_argument("--control", type=endpoint)
    given = options.parse_args()
    bot = Bot(given.token, given.log)
    if given.control is not None:
        http_server.Server(given.control, type("BoundControl", (ControlHandler,), {"bot": bot})).start()
    threading.Thread(target=serve, args=(bot, given.listen), daemon=True).start()
    signal.pause()


if __name__ == "__main__":
    main()
