"""Servers on loopback for channels of alerts: any number of web hooks by path, and a mail server. They answer as they are told and
remember what they took."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Taken:
    """One request that was answered, or one mail."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Book:
    """What all servers share."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    taken: list[Taken] = field(default_factory=list)
    # path -> status, headers and body of the next requests; status 0: no answer until `patience` is set
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    stuck: dict[str, int] = field(default_factory=dict)
    patience: threading.Event = field(default_factory=threading.Event)

    def note(self, taken: Taken) -> None:
        with self.changed:
            self.taken.append(taken)
            self.changed.notify_all()

    def next_answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        with self.changed:
            if path in self.stuck:
                return self.stuck[path], {}, b""
            queue = self.answers.get(path)
            return queue.pop(0) if queue else (200, {}, good_body(path))

    def of(self, path: str, good: bool = True) -> list[Taken]:
        with self.changed:
            return [each for each in self.taken if each.path == path and (not good or 0 < each.status < 300)]

    def wait(self, path: str, count: int, good: bool = True, seconds: float = 30.0) -> list[Taken]:
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                found = [each for each in self.taken if each.path == path and (not good or 0 < each.status < 300)]
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{path}: {len(found)} of {count} came within {seconds:g} s")
                self.changed.wait(left)


GOOD_BODY = {"/ntfy": b'{"id":"x","event":"message"}', "/discord": b'{"id":"1"}', "/slack": b"ok"}


def good_body(path: str) -> bytes:
    return b'{"ok":true,"result":{"message_id":1}}' if path.endswith("/sendMessage") else GOOD_BODY.get(path, b"")


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, book: Book, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                path = self.path.split("?")[0]
                if self.server.is_down:  # a connection that was kept open
                    self.close_connection = True
                    return
                status, headers, answer = book.next_answer(path)
                if status == 0:
                    book.note(Taken(path, dict(self.headers.items()), body, status))
                    book.patience.wait(60)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()
                book.note(Taken(path, dict(self.headers.items()), body, status))

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", port), Handler)
        self.is_down = False
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A killed hub resets its connections."""

    def go_down(self) -> None:
        """For good: whoever asks is refused, also by connections that are open."""
        self.is_down = True
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class MailServer(socketserver.ThreadingTCPServer):
    """RFC 5321 as far as a client without TLS needs it. Recipients that begin with "gone" are refused."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, book: Book) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self) -> None:
                self.say("220 test")
                good: list[str] = []
                while line := self.rfile.readline():
                    word = line.split(b":")[0].split()[0].upper() if line.split() else b""
                    if word == b"QUIT":
                        self.say("221 bye")
                        return
                    if word == b"MAIL" and "mail" in book.stuck:
                        self.say(f"{book.stuck['mail']} 4.3.0 later")
                        continue
                    if word == b"RCPT" and b"<gone" in line:
                        self.say("550 5.1.1 nobody of that name")
                        continue
                    if word == b"RCPT":
                        good.append(line.decode().split("<")[1].split(">")[0])
                    if word == b"DATA":
                        self.say("354 go on")
                        self.take(good)
                        good = []
                    self.say("250 fine")

            def take(self, good: list[str]) -> None:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                book.note(Taken("mail", {"recipients": ",".join(good)}, b"".join(lines), 250))

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]


def parsed_mail(taken: Taken) -> email.message.EmailMessage:
    return email.message_from_bytes(taken.body, policy=email.policy.default)
