"""A small RFC 6455 client for tests: it notes when each message came, and believes the server nothing.

    with WebSocket.connect("ws://198.18.100.2:8080/api/v1/live", headers={"Authorization": "Bearer KEY"}) as live:
        for message in live.messages(seconds=5):
            print(message.received_ns, message.text)
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_LONGEST = 16 << 20


class WebSocketError(Exception):
    """The server refused the upgrade or broke the protocol."""


class Refused(WebSocketError):
    """The upgrade was answered with something else than 101."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"the server answered {status}: {body[:200]!r}")
        self.status, self.body = status, body


class Closed(WebSocketError):
    """The connection has ended; `code` is the server's close code, 1006 when it gave none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Message:
    text: str
    received_ns: int  # CLOCK_MONOTONIC, when the last byte of the message was read


class WebSocket:
    def __init__(self, sock: socket.socket, rest: bytes = b"") -> None:
        self._sock = sock
        self._buffer = bytearray(rest)
        self._parts: list[bytes] = []  # of a message that is not complete yet
        self._open = True

    @classmethod
    def connect(
        cls,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        sock: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> WebSocket:
        """Connects and upgrades. Give `sock`, connected already, to come from another namespace."""
        parts = urllib.parse.urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "wss"
        port = parts.port or (443 if secure else 80)
        if sock is None:
            sock = socket.create_connection((host, port), timeout)
        try:
            sock.settimeout(timeout)
            if secure:
                sock = (tls or ssl.create_default_context()).wrap_socket(sock, server_hostname=host)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return cls(sock, _upgrade(sock, parts.netloc.rpartition("@")[2], target, headers or {}))
        except BaseException:
            sock.close()
            raise

    def messages(self, seconds: float) -> Iterator[Message]:
        """Text messages as they come, until the time is over or the server closes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                yield self.receive(deadline - time.monotonic())
            except (TimeoutError, Closed):
                return

    def receive(self, seconds: float) -> Message:
        """The next text message; raises TimeoutError or Closed. Pings are answered on the way."""
        deadline = time.monotonic() + seconds
        while True:
            final, opcode, payload = self._frame(deadline)
            if opcode == _PING:
                self._send(_PONG, payload)
            elif opcode == _CLOSE:
                self._answer_close(payload)
            elif opcode == 0 if self._parts else opcode in (_TEXT, _BINARY):
                self._parts.append(payload)
                if final:
                    whole = b"".join(self._parts)
                    self._parts.clear()
                    return Message(whole.decode("utf-8"), time.monotonic_ns())
            elif opcode != _PONG:
                raise WebSocketError(f"unexpected opcode {opcode}")

    def send(self, text: str) -> None:
        self._send(_TEXT, text.encode())

    def ping(self, payload: bytes = b"", seconds: float = 5.0) -> float:
        """Seconds until the pong came; text messages that come before it are lost."""
        started = time.monotonic()
        self._send(_PING, payload)
        while True:
            _, opcode, answer = self._frame(started + seconds)
            if opcode == _PONG and answer == payload:
                return time.monotonic() - started
            if opcode == _PING:
                self._send(_PONG, answer)
            if opcode == _CLOSE:
                self._answer_close(answer)

    def close(self, code: int = 1000) -> None:
        """Says goodbye and closes without waiting for the answer."""
        if self._open:
            self._open = False
            try:
                self._send(_CLOSE, struct.pack("!H", code))
            except OSError:
                pass  # it is gone already
        self._sock.close()

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer_close(self, payload: bytes) -> None:
        code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
        self.close(1000 if code == 1005 else code)
        raise Closed(code, payload[2:].decode("utf-8", "replace"))

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        stream = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
        self._sock.settimeout(5)
        self._sock.sendall(head + mask + masked)

    def _frame(self, deadline: float) -> tuple[bool, int, bytes]:
        """One frame. A time-out leaves what came of it in the buffer, so the next call goes on where this one ended."""
        self._fill(2, deadline)
        first, second = self._buffer[0], self._buffer[1]
        if first & 0x70 or second & 0x80:
            raise WebSocketError("reserved bits or a masked frame from the server")
        opcode, size, start = first & 15, second & 127, 2
        if opcode >= 8 and (size > 125 or not first & 0x80):
            raise WebSocketError("a control frame is short and whole")
        if size >= 126:
            start = 4 if size == 126 else 10
            self._fill(start, deadline)
            size = int.from_bytes(self._buffer[2:start], "big")
        if size > _LONGEST:
            raise WebSocketError(f"a frame of {size} bytes")
        self._fill(start + size, deadline)
        payload = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return bool(first & 0x80), opcode, payload

    def _fill(self, size: int, deadline: float) -> None:
        while len(self._buffer) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no message in time")
            self._sock.settimeout(left)
            try:
                part = self._sock.recv(65536)
            except ConnectionError as error:
                raise Closed(1006, str(error)) from error
            if not part:
                raise Closed(1006)
            self._buffer += part


def _upgrade(sock: socket.socket, host: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Asks for the upgrade and checks the answer; returns bytes that came after it."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        part = sock.recv(4096)
        if not part or len(received) > 65536:
            raise WebSocketError("no HTTP answer to the upgrade")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    code = status.split(" ")[1] if status.startswith("HTTP/1.1 ") else ""
    answers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if code != "101":
        raise Refused(int(code) if code.isdigit() else 0, rest)
    expected = base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()).decode()
    if answers.get("sec-websocket-accept") != expected or answers.get("upgrade", "").lower() != "websocket":
        raise WebSocketError("the answer does not belong to this upgrade")
    return rest
