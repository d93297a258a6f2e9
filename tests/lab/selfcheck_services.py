"""Checks the lab's servers and its WebSocket client; run by selfcheck.py."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import struct
import threading
import time
import unittest

from address_services import SERVICES
from ask import CHAOS, TXT, dns_query
from lab import Lab
from laboratory import TELEGRAM_CONTROL_PORT, TELEGRAM_PORT, TELEGRAM_TOKEN
from network import DIRECT, DNS, TELEGRAM, WEB
from websocket import Closed, Refused, WebSocket

OPT_WITH_NSID = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 4) + struct.pack("!HH", 3, 0)
TRACE_KEYS = "fl h ip ts visit_scheme uag colo sliver http loc tls sni warp gateway rbi kex".split()


class InLab(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())

    def socket(self, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A connected socket that stands in the protected namespace."""

        def connect() -> socket.socket:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
            sock.settimeout(2)
            sock.connect((address, port))
            return sock

        sock = self.lab.call("vpn", connect)
        self.addCleanup(sock.close)
        return sock

    def http(self, address: str, port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(address, port, timeout=2)
        connection.sock = self.socket(address, port)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


class Dns(InLab):
    def ask(self, query: bytes, server: str = DNS["v4"]) -> bytes:
        sock = self.socket(server, 53, socket.SOCK_DGRAM)
        sock.send(query)
        return sock.recv(4096)

    def code(self, query: bytes) -> int:
        return self.ask(query)[3] & 15

    def test_whoami_tells_the_caller_in_both_families(self) -> None:
        query = dns_query("whoami.cloudflare")
        self.assertTrue(self.ask(query).endswith(b"\x0c203.0.113.10"))
        self.assertTrue(self.ask(query, DNS["v6"]).endswith(b"\x0f2001:db8:10::10"))

    def test_the_question_comes_back_byte_for_byte(self) -> None:
        query = dns_query("wHoAmI.cLoUdFlArE")
        self.assertEqual(self.ask(query)[12 : len(query)], query[12:])

    def test_edns_is_answered_when_asked_for(self) -> None:
        query = dns_query("whoami.cloudflare")
        asked = query[:10] + b"\0\1" + query[12:] + OPT_WITH_NSID
        self.assertIn(b"\0\3\0\3LAB", self.ask(asked))
        self.assertEqual(self.ask(query)[10:12], b"\0\0")

    def test_codes_are_those_of_a_real_server(self) -> None:
        self.assertEqual(self.code(dns_query("whoami.cloudflare", TXT, 1)), 3)  # class IN: no such name
        self.assertEqual(self.code(dns_query("nothing.example", 1, 1)), 3)
        self.assertEqual(self.code(dns_query("version.other", TXT, CHAOS)), 4)
        self.assertEqual(self.code(b"\0\1\x10\0\0\1\0\0\0\0\0\0" + b"\0\0\1\0\1"), 4)  # opcode STATUS
        self.assertEqual(self.code(b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c"), 1)

    def test_names_of_the_lab_have_addresses(self) -> None:
        self.assertTrue(self.ask(dns_query("trace.lab.test", 1, 1)).endswith(socket.inet_aton(WEB["v4"])))
        self.assertTrue(self.ask(dns_query("telegram.lab.test", 1, 1)).endswith(socket.inet_aton(TELEGRAM)))
        self.assertTrue(self.ask(dns_query("whoami.test", 1, 1)).endswith(socket.inet_aton(DIRECT["v4"])))
        no_data = self.ask(dns_query("telegram.lab.test", 28, 1))
        self.assertEqual((no_data[3] & 15, no_data[6:8]), (0, b"\0\0"))

    def test_tcp_gives_the_same_answers(self) -> None:
        sock = self.socket(DNS["v4"], 53)
        query = dns_query("whoami.cloudflare")
        for _ in range(2):
            sock.sendall(struct.pack("!H", len(query)) + query)
            size = struct.unpack("!H", sock.recv(2))[0]
            self.assertTrue(sock.recv(size).endswith(b"\x0c203.0.113.10"))

    def test_garbage_does_no_harm(self) -> None:
        sock = self.socket(DNS["v4"], 53, socket.SOCK_DGRAM)
        for size in range(64):
            sock.send(os.urandom(size))
        query = dns_query("whoami.cloudflare")
        for cut in range(len(query)):
            sock.send(query[:cut])
        self.assertTrue(self.ask(query).endswith(b"\x0c203.0.113.10"))


class Web(InLab):
    def trace(self, text: bytes) -> dict[str, str]:
        return dict(line.split("=", 1) for line in text.decode().splitlines())

    def test_trace_has_the_keys_of_cloudflare(self) -> None:
        status, body = self.http(WEB["v6"], 80, "GET", "/cdn-cgi/trace")
        self.assertEqual((status, list(self.trace(body))), (200, TRACE_KEYS))
        self.assertEqual(self.trace(body)["ip"], DIRECT["v6"])
        self.assertEqual(self.trace(body)["h"], WEB["v6"])

    def test_look_alikes_of_the_address_services_tell_the_caller_or_fail_as_told(self) -> None:
        def ask(service: str) -> tuple[int, bytes]:
            return self.http(WEB["v4"], 80, "GET", f"/{service}")

        for service in SERVICES:
            for mode, status, text in (
                ("ok", 200, DIRECT["v4"].encode()),
                ("198.18.7.7", 200, b"198.18.7.7"),
                ("private", 200, b"192.168.1.7"),
                ("limited", 429, b""),
                ("forbidden", 403, b""),
                ("page", 200, b"<!doctype html>"),
                ("ok", 200, DIRECT["v4"].encode()),
            ):
                self.assertEqual(self.http(WEB["v4"], 80, "GET", f"/control/{service}/{mode}")[0], 200)
                answered, body = ask(service)
                self.assertEqual(answered, status, service)
                self.assertIn(text, body, service)
        self.assertEqual(self.http(WEB["v4"], 80, "GET", "/control/nobody/ok")[0], 404)

    def test_https_shows_a_certificate_of_the_lab(self) -> None:
        context = ssl.create_default_context(cafile=str(self.lab.ca_file))
        for address, name in ((WEB["v4"], "trace.lab.test"), (WEB["v4"], WEB["v4"]), (WEB["v6"], WEB["v6"])):
            with context.wrap_socket(self.socket(address, 443), server_hostname=name) as sock:
                sock.sendall(b"GET /cdn-cgi/trace HTTP/1.1\r\nHost: trace.lab.test\r\nConnection: close\r\n\r\n")
                body = b"".join(iter(lambda: sock.recv(4096), b"")).partition(b"\r\n\r\n")[2]
            self.assertEqual(self.trace(body)["visit_scheme"], "https")
            self.assertIn(self.trace(body)["ip"], DIRECT.values())

    def test_a_silent_client_does_not_stop_others(self) -> None:
        self.socket(WEB["v4"], 443)
        self.socket(WEB["v4"], 80).sendall(b"\0\xff\r\n\r\n")
        self.assertEqual(self.http(WEB["v4"], 80, "GET", "/"), (200, b"203.0.113.10\n"))
        self.test_https_shows_a_certificate_of_the_lab()


class Telegram(InLab):
    def setUp(self) -> None:
        self.control("POST", "/reset", {})

    def control(self, method: str, path: str, body: object = None) -> object:
        status, answer = self.http(TELEGRAM, TELEGRAM_CONTROL_PORT, method, path, body)
        self.assertEqual(status, 200, answer)
        return json.loads(answer)

    def api(self, method: str, body: object = None, token: str = TELEGRAM_TOKEN) -> tuple[int, dict]:
        status, answer = self.http(TELEGRAM, TELEGRAM_PORT, "POST", f"/bot{token}/{method}", body)
        return status, json.loads(answer)

    def test_a_message_is_accepted_and_logged_with_its_time(self) -> None:
        before = time.monotonic_ns()
        status, answer = self.api("sendMessage", {"chat_id": "42", "text": "tunnel down 🔴"})
        self.assertEqual((status, answer["ok"], answer["result"]["text"]), (200, True, "tunnel down 🔴"))
        self.assertEqual(answer["result"]["chat"]["id"], 42)
        last = json.loads(self.lab.telegram_log.read_text().splitlines()[-1])
        self.assertEqual(last["params"]["text"], "tunnel down 🔴")
        self.assertTrue(before < last["mono_ns"] < time.monotonic_ns())

    def test_wrong_requests_are_refused_as_telegram_does(self) -> None:
        wrong = self.api("sendMessage", {"chat_id": "42", "text": "x"}, token="42:wrong")
        self.assertEqual(wrong, (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}))
        self.assertEqual(self.api("sendMessage", {"text": "x"})[0], 400)
        self.assertEqual(self.api("sendMessage", {"chat_id": 1, "text": "x" * 4097})[0], 400)
        self.assertEqual(self.api("noSuchMethod")[0], 404)
        self.assertTrue(self.api("getMe")[1]["result"]["is_bot"])

    def test_failures_on_request(self) -> None:
        message = {"chat_id": 42, "text": "x"}
        self.control("POST", "/mode", {"mode": "429", "retry_after": 7, "count": 1})
        status, answer = self.api("sendMessage", message)
        self.assertEqual((status, answer["parameters"]), (429, {"retry_after": 7}))
        self.assertEqual(self.api("sendMessage", message)[0], 200)
        self.control("POST", "/mode", {"mode": "500"})
        self.assertEqual(self.api("sendMessage", message)[0], 500)
        self.control("POST", "/mode", {"mode": "hang", "count": 1})
        with self.assertRaises(TimeoutError):
            self.api("sendMessage", message)
        self.assertEqual([entry["status"] for entry in self.control("GET", "/messages")], [429, 200, 500, 0])

    def test_refusing_closes_the_port_until_told_otherwise(self) -> None:
        kept = self.socket(TELEGRAM, TELEGRAM_PORT)
        self.control("POST", "/mode", {"mode": "refuse"})
        self.assertTrue(self.is_ended(kept))
        with self.assertRaises(ConnectionRefusedError):
            self.api("getMe")
        self.control("POST", "/mode", {"mode": "ok"})
        self.assertTrue(self.comes_back())

    def is_ended(self, kept: socket.socket) -> bool:
        try:
            return kept.recv(1) == b""
        except ConnectionResetError:  # the server had not accepted it yet when it closed its port
            return True

    def comes_back(self) -> bool:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            try:
                return self.api("getMe")[0] == 200
            except ConnectionRefusedError:
                time.sleep(0.02)
        return False

    def test_updates_wake_a_long_poll(self) -> None:
        self.assertEqual(self.api("getUpdates")[1]["result"], [])
        late = threading.Timer(0.2, self.control, ("POST", "/updates", {"message": {"text": "/status"}}))
        late.start()
        update = self.api("getUpdates", {"timeout": 2})[1]["result"][0]
        late.join()
        self.assertEqual(update["message"]["text"], "/status")
        self.assertEqual(self.api("getUpdates", {"offset": update["update_id"] + 1})[1]["result"], [])


class WebSockets(unittest.TestCase):
    """The client against frames written by hand."""

    def pair(self, script: bytes, status: bytes = b"101 Switching Protocols") -> tuple[WebSocket, socket.socket]:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)

        def serve() -> None:
            theirs.settimeout(2)
            head = theirs.recv(4096)
            key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            lines = (b"HTTP/1.1 " + status, b"Upgrade: websocket", b"Sec-WebSocket-Accept: " + accept, b"", script)
            theirs.sendall(b"\r\n".join(lines))

        server = threading.Thread(target=serve)
        server.start()
        try:
            return WebSocket.connect("ws://lab.test/live", {"X-API-Key": "k"}, sock=ours), theirs
        finally:
            server.join()

    def test_fragments_pings_and_lengths(self) -> None:
        long = b"x" * 70000
        frames = b"\x01\x02ab" + b"\x89\x01!" + b"\x80\x02cd"
        frames += b"\x81\x7f" + struct.pack("!Q", len(long)) + long + b"\x81\x7e\x00\xc8" + b"y" * 200
        client, server = self.pair(frames)
        texts = [message.text for message in client.messages(0.2)]
        self.assertEqual(texts, ["abcd", long.decode(), "y" * 200])
        pong = server.recv(100)
        self.assertEqual((pong[:2], pong[6] ^ pong[2]), (b"\x8a\x81", ord("!")))

    def test_a_time_out_in_the_middle_loses_nothing(self) -> None:
        client, server = self.pair(b"\x81\x04ab")
        with self.assertRaises(TimeoutError):
            client.receive(0.05)
        server.sendall(b"cd")
        self.assertEqual(client.receive(1).text, "abcd")

    def test_close_and_refusal_are_told(self) -> None:
        client, _ = self.pair(b"\x88\x07\x03\xf1later")
        with self.assertRaises(Closed) as closed:
            client.receive(1)
        self.assertEqual((closed.exception.code, closed.exception.reason), (1009, "later"))
        with self.assertRaises(Refused) as refused:
            self.pair(b"no", b"401 Unauthorized")
        self.assertEqual((refused.exception.status, refused.exception.body), (401, b"no"))
