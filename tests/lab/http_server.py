"""A small threaded HTTP/1.1 server on http.server, without its surprises."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MAX_BODY = 1 << 20


class Server(ThreadingHTTPServer):
    """Listens on one IPv4 or IPv6 address, optionally with TLS, and knows its open connections.

    The standard class looks its own name up in DNS when it binds and does TLS handshakes in the accepting thread: the
    first would leave the lab, the second would let one silent client stop all others.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], tls: tuple[Path, Path] | None = None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def get_request(self) -> tuple[socket.socket, tuple]:
        sock, peer = super().get_request()
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, peer

    def process_request(self, request: socket.socket, client_address: tuple) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Cuts every open connection, also the idle kept-alive ones."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the peer was faster

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ends badly is the client's affair: no traceback."""

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Answers with a known length on a connection that stays open, and never waits for ever."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def caller(self) -> str:
        return str(ipaddress.ip_address(self.client_address[0].partition("%")[0]))

    def reply(self, status: int, body: bytes | dict | list, kind: str = "text/plain") -> None:
        if not isinstance(body, bytes):
            body, kind = json.dumps(body, ensure_ascii=False).encode(), "application/json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes | None:
        """The request's body; None (answered with 4xx, connection closed) when its length is missing or absurd."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            self.reply(411, {"ok": False, "error_code": 411, "description": "Length Required"})
            return None
        if int(length) > MAX_BODY:
            self.close_connection = True
            self.reply(413, {"ok": False, "error_code": 413, "description": "Request Entity Too Large"})
            return None
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what matters is logged by who owns the server."""
