"""A server on this machine that plays mirrors, good and bad, and an empty cache folder."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest


@dataclass
class Answer:
    """What the mirror says when it is asked for one file.

    Args:
        body: The file.
        status: The HTTP status; one other than 200 and 206 comes with the body as it is.
        etag: Its ETag, with the quotes.
        date: Its Last-Modified.
        ranges: Whether it sends the rest of a file that it is asked for.
        minds_if_range: Whether it sends the whole instead, if the file has changed.
        content_range: What it says instead of the range that it sends.
        announced: The length that it announces instead of the true one; None for none.
        breaks_after: How many bytes it sends before it hangs up.
        waits_after: How many bytes it sends before it waits to be released.
        location: Where it leads instead.
        raw: What it says instead of HTTP.
    """

    body: bytes = b""
    status: int = 200
    etag: str | None = None
    date: str | None = None
    ranges: bool = True
    minds_if_range: bool = True
    content_range: str | None = None
    announced: int | None = -1
    breaks_after: int | None = None
    waits_after: int | None = None
    location: str | None = None
    raw: bytes | None = None


@dataclass
class Mirror:
    """The server: `serve` says what to answer, `asked` holds what was asked."""

    address: str
    asked: list[tuple[str, Message]] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)

    def serve(self, path: str, body: bytes = b"", **settings: object) -> str:
        """Answer so from now on, and return the address."""
        self.answers[path] = [Answer(body, **settings)]  # type: ignore[arg-type]
        return f"{self.address}/{path}"

    def then(self, path: str, body: bytes = b"", **settings: object) -> None:
        """Answer so the next time, after the answers that were given before."""
        self.answers[path].append(Answer(body, **settings))  # type: ignore[arg-type]

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    @property
    def ranges(self) -> list[str | None]:
        """The range that each request asked for."""
        return [headers["Range"] for _, headers in self.asked]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        mirror: Mirror = self.server.mirror  # type: ignore[attr-defined]
        path = self.path.partition("?")[0].strip("/")
        mirror.asked.append((path, self.headers))
        answers = mirror.answers.get(path, [Answer(status=404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
            return
        status, body, content_range = self.choose(answer)
        self.send_response(status)
        for name, value in (
            ("ETag", answer.etag),
            ("Last-Modified", answer.date),
            ("Location", answer.location),
            ("Content-Range", content_range),
        ):
            if value is not None:
                self.send_header(name, value)
        if answer.announced is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            length = len(body) if answer.announced < 0 else answer.announced
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if answer.waits_after is not None:
            self.wfile.write(body[: answer.waits_after])
            assert mirror.released.wait(20)
            body = body[answer.waits_after :]
        if answer.breaks_after is not None:
            body = body[: answer.breaks_after]
            self.close_connection = True
        if answer.announced not in (None, -1):
            self.close_connection = True
        self.wfile.write(body)

    def choose(self, answer: Answer) -> tuple[int, bytes, str | None]:
        wanted, version = self.headers["Range"], self.headers["If-Range"]
        changed = version not in (None, answer.etag, answer.date)
        if answer.status != 200 or not wanted or not answer.ranges:
            return answer.status, answer.body, answer.content_range
        if changed and answer.minds_if_range:
            return 200, answer.body, None
        start, length = int(wanted.removeprefix("bytes=").rstrip("-")), len(answer.body)
        if start >= length:
            return 416, b"", f"bytes */{length}"
        said = answer.content_range or f"bytes {start}-{length - 1}/{length}"
        return 206, answer.body[start:], said

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that refuses the rest hangs up
            super().handle()


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        mirror = Mirror(f"http://127.0.0.1:{server.server_address[1]}")
        server.mirror = mirror  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield mirror
        mirror.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEZERO_HOME", str(folder))
    return folder


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run a program with arguments in a process of its own, killed at the end of the test."""
    processes: list[subprocess.Popen[str]] = []

    def run(program: str, *arguments: str | os.PathLike[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(os.fspath, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for something that another process does."""

    def wait(condition: Callable[[], object]) -> None:
        for _ in range(2000):
            if condition():
                return
            time.sleep(0.01)
        pytest.fail("nothing happened for 20 s")

    return wait


@pytest.fixture
def small_files() -> Callable[[], AbstractContextManager[None]]:
    """Let the system refuse to make any file larger than 4000 bytes, as a full disk does.

    In a ``with`` block, not for the whole test: pytest's own output may go to a larger file.
    """
    resource = pytest.importorskip("resource", reason="Windows has no such limit")

    @contextmanager
    def limited() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that can be read, but not written."""
    if os.name == "nt":
        pytest.skip("Windows has no such permissions")
    # Not below tmp_path, since an administrator becomes nobody here, who may not enter that.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    is_administrator = os.geteuid() == 0
    if is_administrator:
        os.seteuid(65534)
    yield folder
    if is_administrator:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)
