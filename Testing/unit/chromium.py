"""A headless Chromium, spoken to through two pipes by the DevTools protocol: no port, no driver, no package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"),
)


def found() -> str | None:
    """The browser of this computer, or what ``HCCASSIST_CHROMIUM`` names."""
    return os.environ.get("HCCASSIST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one tab; end it with ``close``."""

    def __init__(self, profile: Path, width: int = 1400, height: int = 900) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def as_chromium_has_them() -> None:
            high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]  # one of them may be 3 or 4
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [str(found()), *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=as_chromium_has_them,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest, self._id, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        tab = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer; what happens meanwhile is kept in ``events``."""
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, page: Path) -> None:
        """Open a file and wait until all of its volumes are read."""
        self.events.clear()
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait(
            "globalThis.viewer?.complete > 0 || document.readyState === 'complete' && !document.getElementById('app')"
        )

    def wait(self, condition: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition}; {self.complaints()}")
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """The value of JavaScript, awaited where it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, button: str = "left", **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, **more)

    def click(self, x: float, y: float) -> None:
        self.mouse("mousePressed", x, y, clickCount=1, buttons=1)
        self.mouse("mouseReleased", x, y, clickCount=1)
        self.drawn()

    def leave_by_click(self, x: float, y: float) -> None:
        """Click on what leads to another page, and wait for that to come: nothing can be asked in between."""
        self.events.clear()
        self.mouse("mousePressed", x, y, clickCount=1, buttons=1)
        self.mouse("mouseReleased", x, y, clickCount=1)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left", **more: Any) -> None:
        held = {"left": 1, "right": 2, "middle": 4}[button]
        self.mouse("mousePressed", *start, button, clickCount=1, buttons=held, **more)
        self.mouse("mouseMoved", *end, button, buttons=held, **more)
        self.mouse("mouseReleased", *end, button, clickCount=1, **more)
        self.drawn()

    def wheel(self, x: float, y: float, turned: float, **more: Any) -> None:
        self.mouse("mouseWheel", x, y, "none", deltaX=0, deltaY=turned, **more)
        self.drawn()

    def key(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.drawn()

    def drawn(self) -> None:
        """Wait until what was asked for is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def complaints(self) -> list[str]:
        """Errors of the page: exceptions, blocked scripts, failed loads."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
        return found

    def addresses(self) -> list[str]:
        """What the page asked the network for."""
        asked = (e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [address for address in asked if not address.startswith(("blob:", "data:"))]

    def close(self) -> None:
        try:
            self._session = ""
            self.call("Browser.close")
        except (OSError, RuntimeError):
            self._process.kill()
        self._process.wait(20)
        os.close(self._read)
        os.close(self._write)
