"""Requests that no decent client sends. A server must refuse each (an answer of 400 or more, or the end of the connection), at once."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hub_daemon import KEY

HOST = b"Host: 127.0.0.1\r\n"
# With the key, so that bodies come as far as they would from a probe that has gone mad.
AUTHORISED = f"X-API-Key: {KEY}\r\n".encode()
_POST = b"POST /api/v1/keepalive HTTP/1.1\r\n" + HOST + AUTHORISED
_GET = b"GET /api/v1/status HTTP/1.1\r\n" + HOST + AUTHORISED
_UPGRADE = (
    b"GET /api/v1/live HTTP/1.1\r\n" + HOST + AUTHORISED + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
)

MALFORMED: dict[str, bytes] = {
    "no request line": b"\r\n\r\n\r\n\x00\r\n\r\n",
    "a method of control characters": b"\x01\x02\x03 / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method of 10,000 letters": b"A" * 10_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"FROBNICATE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT 192.0.2.1:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "HTTP/2 in the clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": b"SSH-2.0-example\r\n\r\n",
    "the start of a TLS handshake": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\x00" * 200,
    "a NUL in the path": b"GET /api\x00/v1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in a header": _GET + b"X-A: a\x00b\r\n\r\n",
    "a path of 60,000 bytes": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path that climbs": b"GET /../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path that climbs in disguise": b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "an encoded NUL": b"GET /api%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "half an escape": b"GET /api/% HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": b"GET /api/v1/status HTTP/1.1\r\n\r\n",
    "a Host with a space": b"GET /api/v1/status HTTP/1.1\r\nHost: a b\r\n\r\n",
    "two Hosts": _GET + HOST + b"\r\n",
    "a header without a name": _GET + b": value\r\n\r\n",
    "a header without a colon": _GET + b"value\r\n\r\n",
    "a space before the colon": _GET + b"X-A : value\r\n\r\n",
    "5,000 headers": _GET + b"".join(b"X-%d: 1\r\n" % i for i in range(5000)) + b"\r\n",
    "a header of 100,000 bytes": _GET + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "a negative length": _POST + b"Content-Length: -1\r\n\r\n{}",
    "a length that is no number": _POST + b"Content-Length: ten\r\n\r\n{}",
    "a length beyond 64 bits": _POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a length of ten terabytes": _POST + b"Content-Length: 10000000000000\r\n\r\n{}",
    "two lengths": _POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunks": _POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown transfer encoding": _GET + b"Transfer-Encoding: gzip\r\n\r\n",
    "an unknown transfer encoding before chunks": _GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    "a negative chunk": _POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nab\r\n",
    "a chunk beyond 64 bits": _POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n",
    "a chunk of a terabyte": _POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\nab\r\n",
    "a chunk extension without end": _POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"a" * 200_000,
    "a body of 2 MiB": _POST + b"Content-Length: 2097152\r\n\r\n" + b" " * 2097152,
    "60,000 brackets": _POST + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000,
    "a body that is no UTF-8": _POST + b"Content-Length: 19\r\n\r\n" + b'{"client_id":"\xff\xfe"} ',
    "a WebSocket without a key": _UPGRADE + b"\r\n",
    "a WebSocket of another site": _UPGRADE
    + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://site.example\r\n\r\n",
}


def random_requests(count: int, dice: random.Random) -> Iterator[bytes]:
    """Bytes without meaning, and good requests with some bytes changed; each ends with what ends a request."""
    for number in range(count):
        if number % 2:
            request = bytearray(_POST + b"Content-Length: 2\r\n\r\n{}")
            for _ in range(dice.randint(1, 8)):
                request[dice.randrange(len(request))] = dice.randrange(256)
        else:
            request = bytearray(dice.randbytes(dice.randint(1, 4000)))
        yield bytes(request) + b"\r\n\r\n"


# What is sent on a WebSocket that has just been accepted.
BAD_FRAMES: dict[str, bytes] = {
    "without a mask": b"\x81\x05hello",
    "an unknown opcode": b"\x83\x85\x00\x00\x00\x00hello",
    "reserved bits": b"\xf1\x85\x00\x00\x00\x00hello",
    "nine exabytes": b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
    "a long ping": b"\x89\xfe\x00\x80\x00\x00\x00\x00" + b"a" * 128,
    "a fragment that continues nothing": b"\x80\x85\x00\x00\x00\x00hello",
    "bad UTF-8": b"\x81\x82\x00\x00\x00\x00\xff\xfe",
}
