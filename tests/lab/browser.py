"""A page as a real browser shows it: Chromium without a window, asked by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from lab import Lab
from websocket import WebSocket

PORT = 9222


def installed() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page in a namespace of the lab; use as a context manager."""

    def __init__(self, lab: Lab, space: str, url: str) -> None:
        self._lab, self._space, self._number = lab, space, 0
        argv = [str(installed()), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,700", f"--remote-debugging-port={PORT}"]
        argv += ["--remote-allow-origins=*", f"--user-data-dir={lab.folder}/browser", url]
        self._process = lab.popen(space, argv, "browser", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = WebSocket.connect(self._address(), {}, sock=lab.call(space, socket.create_connection, ("127.0.0.1", PORT), 5))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)

    def _address(self) -> str:
        """Of the page's own channel, once the browser has come up."""
        deadline = time.monotonic() + 15
        while True:
            try:
                pages = self._lab.call(self._space, lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/json", timeout=5)))
                found = [page for page in pages if page["type"] == "page"]
                if found:
                    return found[0]["webSocketDebuggerUrl"]
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError("the browser does not come up")
            time.sleep(0.05)

    def _ask(self, method: str, **parameters: object) -> dict:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.receive(10).text)
            if answer.get("id") == self._number:
                return answer["result"]

    def evaluate(self, expression: str) -> object:
        return self._ask("Runtime.evaluate", expression=expression)["result"].get("value")

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))
