"""A headless Chromium for tests of pages, driven by the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from dezero_core import Parameter, Variable
from dezero_core import functions as F
from dezero_core.details import layer_call
from dezero_core.graph import record_details

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    """Return the program, or None where there is none."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Tab:
    """A tab of the browser, and what it reported.

    Attributes:
        problems: What went to the console as an error or a warning, and exceptions.
        requests: The addresses that the page asked for.
    """

    def __init__(self, url: str) -> None:
        import websocket

        self._socket = websocket.create_connection(url, timeout=30, suppress_origin=True)
        self._numbers = itertools.count(1)
        self._seen: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    @property
    def problems(self) -> list[Any]:
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event["params"] for event in self._seen if event["method"] in kinds]

    @property
    def requests(self) -> list[str]:
        return [
            event["params"]["request"]["url"]
            for event in self._seen
            if event["method"] == "Network.requestWillBeSent"
        ]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; note the events that come before."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            if "method" in message:
                self._seen.append(message)

    def open(self, path: Path) -> None:
        """Load a page from a file and wait until it has drawn itself."""
        self._seen.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("window.dezeroGraph?.timings.ready > 0 && window.dezeroGraph.timings.drawn > 0")

    def run(self, script: str) -> Any:
        """Evaluate an expression of JavaScript."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 20) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"the page never came to {condition}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.run("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(() => f(0))))")

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def press(self, key: str, shift: bool = False) -> None:
        """Press a key, by its name in KeyboardEvent.key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {
            "key": key,
            "windowsVirtualKeyCode": codes.get(key, 0),
            "modifiers": 8 if shift else 0,
        }
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)
        self.settle()

    def click(self, x: float, y: float, times: int = 1) -> None:
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.call(
                    "Input.dispatchMouseEvent",
                    type=kind,
                    x=x,
                    y=y,
                    button="left",
                    clickCount=count,
                )
        self.settle()

    def screenshot(self, path: Path) -> None:
        self.settle()
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def browsing(program: str, folder: Path) -> Iterator[Tab]:
    """Start the browser with a profile of its own; stop it in the end."""
    command = [
        program,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port = _port(folder / "DevToolsActivePort", process)
            with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            tab = Tab(pages[0]["webSocketDebuggerUrl"])
            try:
                yield tab
                tab.call("Browser.close")
            finally:
                tab.close()
        finally:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.terminate()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the browser ended at once"
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.05)
    raise AssertionError("the browser opened no port")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """One browser for all tests: it takes a second to start."""
    pytest.importorskip("websocket", reason="needs websocket-client, to drive a browser")
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here")
    with browsing(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    browser.resize(1280, 800)
    return browser


class Linear:
    """A layer as `record_details` sees one, without the package that has them."""

    def __init__(self, name: str, n_in: int, n_out: int, generator: np.random.Generator) -> None:
        shape = (n_in, n_out)
        self.W = Parameter(generator.normal(size=shape).astype(np.float32) / 2, name=f"{name}/W")
        self.b = Parameter(np.zeros(n_out, np.float32), name=f"{name}/b")

    def __call__(self, x: Variable) -> Variable:
        with layer_call(self):
            return F.matmul(x, self.W) + self.b

    def namedlayers(self) -> Iterator[tuple[str, Any]]:
        yield "", self


class MLP:
    """Two layers, and names for them."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.l1, self.l2 = Linear("l1", 8, 16, generator), Linear("l2", 16, 3, generator)
        self.x = Variable(generator.normal(size=(30, 8)).astype(np.float32), name="x")

    def __call__(self, x: Variable) -> Variable:
        with layer_call(self):
            return self.l2(F.tanh(self.l1(x)))

    def namedlayers(self) -> Iterator[tuple[str, Any]]:
        yield from [("", self), ("l1", self.l1), ("l2", self.l2)]

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        for name in ("l1", "l2"):
            layer = getattr(self, name)
            yield from [(f"{name}/W", layer.W), (f"{name}/b", layer.b)]


@pytest.fixture
def mlp() -> MLP:
    return MLP()


@pytest.fixture
def loss(mlp: MLP) -> Variable:
    with record_details(keep_values=True):
        y = mlp(mlp.x)
        loss = F.mean(y**2)
    loss.name = "loss"
    loss.backward(retain_grad=True)
    return loss


@pytest.fixture(scope="session")
def long_rnn() -> Variable:
    """A thousand steps, by hand: eight operations each."""
    generator = np.random.default_rng(0)
    Wx = Parameter(generator.normal(size=(4, 8)).astype(np.float32) / 3, name="Wx")
    Wh = Parameter(generator.normal(size=(8, 8)).astype(np.float32) / 4, name="Wh")
    b = Parameter(np.zeros(8, np.float32), name="b")
    h = Variable(np.zeros((1, 8), np.float32), name="h")
    loss = Variable(np.array(0, np.float32))
    with record_details():
        for t in range(1000):
            x = Variable(generator.normal(size=(1, 4)).astype(np.float32), name=f"x{t}")
            h = F.tanh(x @ Wx + h @ Wh + b)
            loss = loss + F.sum(h**2)
    loss.backward()
    return loss
