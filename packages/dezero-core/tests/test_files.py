from __future__ import annotations

import hashlib
import http.server
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dezero_core.files import DownloadError, atomic_write, cache_dir, get_file

CONTENT = bytes(range(256)) * 20
_NUMBER: Any = 3
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        getattr(self, "answer_" + self.path.strip("/").split("/")[0])()

    def reply(self, body: bytes, length: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self) -> None:
        self.reply(CONTENT)

    def answer_wrong(self) -> None:
        self.reply(b"<html>moved</html>")

    def answer_missing(self) -> None:
        self.reply(b"", status=404)

    def answer_forbidden(self) -> None:
        self.reply(b"no", status=403)

    def answer_short(self) -> None:
        self.reply(CONTENT[:1000], length=len(CONTENT))
        self.close_connection = True

    def answer_garbage(self) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def answer_endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(CONTENT)
        self.close_connection = True

    def answer_away(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://example.org/good")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_moved(self) -> None:
        self.send_response(301)
        self.send_header("Location", "/good")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_agent(self) -> None:
        self.reply(self.headers["User-Agent"].encode())

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that refuses the rest hangs up
            super().handle()


class Server:
    """A server on this machine: `server("good")` is the address of an answer."""

    def __init__(self, server: http.server.ThreadingHTTPServer) -> None:
        self.asked: list[str] = []
        server.asked = self.asked  # type: ignore[attr-defined]
        self._address = f"http://127.0.0.1:{server.server_address[1]}"

    def __call__(self, answer: str) -> str:
        return f"{self._address}/{answer}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http_server:
        http_server.daemon_threads = True
        thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
        thread.start()
        yield Server(http_server)
        http_server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEZERO_HOME", str(folder))
    return folder


class TestCacheDir:
    def test_follows_the_environment(self, cache: Path) -> None:
        assert cache_dir() == cache
        assert not cache.exists()

    def test_expands_home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        monkeypatch.setenv("DEZERO_HOME", "~/data")
        assert cache_dir() == tmp_path / "data"

    @pytest.mark.parametrize("value", [None, ""])
    def test_default(
        self, value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        if value is None:
            monkeypatch.delenv("DEZERO_HOME", raising=False)
        else:
            monkeypatch.setenv("DEZERO_HOME", value)
        assert cache_dir() == tmp_path / ".dezero"


class TestAtomicWrite:
    def test_writes_bytes_and_text(self, tmp_path: Path) -> None:
        with atomic_write(tmp_path / "a") as binary:
            binary.write(b"\x00\xff")
        with atomic_write(str(tmp_path / "b"), "w") as text:
            text.write("π\n")
        assert (tmp_path / "a").read_bytes() == b"\x00\xff"
        assert (tmp_path / "b").read_bytes() == "π\n".encode()
        assert sorted(os.listdir(tmp_path)) == ["a", "b"]

    def test_the_old_file_stands_until_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "weights"
        path.write_bytes(b"old")
        with atomic_write(path) as file:
            file.write(b"new")
            file.flush()
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new"

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    @pytest.mark.parametrize("old", [None, b"old"])
    def test_a_failure_leaves_nothing(
        self, error: type[BaseException], old: bytes | None, tmp_path: Path
    ) -> None:
        path = tmp_path / "weights"
        if old is not None:
            path.write_bytes(old)
        with pytest.raises(error, match="stop"), atomic_write(path) as file:
            file.write(b"half")
            raise error("stop")
        assert os.listdir(tmp_path) == ([] if old is None else ["weights"])
        if old is not None:
            assert path.read_bytes() == old

    def test_a_failure_at_the_rename_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(source: object, target: object) -> None:
            raise PermissionError("in use")

        monkeypatch.setattr(os, "replace", refuse)
        with (
            pytest.raises(PermissionError, match="in use"),
            atomic_write(tmp_path / "a") as file,
        ):
            file.write(b"whole")
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
    def test_has_the_permissions_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "plain").write_bytes(b"")
        with atomic_write(tmp_path / "atomic"):
            pass
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert len(modes) == 1

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
    def test_follows_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "weights").write_bytes(b"old")
        (tmp_path / "link").symlink_to(tmp_path / "disk" / "weights")
        with atomic_write(tmp_path / "link") as file:
            file.write(b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "disk" / "weights").read_bytes() == b"new"

    def test_refuses_what_cannot_work_before_any_work(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
            atomic_write(tmp_path / "nowhere" / "a").__enter__()
        with pytest.raises(IsADirectoryError, match="is a folder"):
            atomic_write(tmp_path).__enter__()
        with pytest.raises(ValueError, match="'wb' or 'w', not 'ab'"):
            atomic_write(tmp_path / "a", "ab")  # type: ignore[call-overload]
        assert os.listdir(tmp_path) == []


class TestGetFile:
    def test_downloads_once(self, server: Server, cache: Path) -> None:
        path = get_file(server("good/digits.gz?raw=1"), sha256=SHA256.upper(), md5=MD5)
        assert path == cache / "digits.gz"
        assert path.read_bytes() == CONTENT
        assert get_file(server("good/digits.gz?raw=1"), sha256=SHA256) == path
        assert get_file("https://nowhere.invalid/digits.gz", md5=MD5) == path
        assert server.asked == ["/good/digits.gz?raw=1"]
        assert os.listdir(cache) == ["digits.gz"]

    def test_file_name(self, server: Server, cache: Path) -> None:
        assert get_file(server("good"), "other.bin") == cache / "other.bin"

    def test_names_itself(self, server: Server, cache: Path) -> None:
        assert get_file(server("agent")).read_bytes().startswith(b"dezero-core/")

    def test_follows_redirects_to_safe_addresses_only(self, server: Server, cache: Path) -> None:
        assert get_file(server("moved")).read_bytes() == CONTENT
        with pytest.raises(DownloadError, match=r"leads to http://example\.org/good"):
            get_file(server("away"))

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            ("wrong", f"has sha256 [0-9a-f]{{64}}, not {SHA256}"),
            ("missing", "HTTP 404 Not Found"),
            ("forbidden", "HTTP 403 Forbidden"),
            ("short", "broke off after 1000 of 5120 bytes"),
            ("garbage", "BadStatusLine"),
            ("endless", "larger than the 6000 bytes allowed"),
        ],
    )
    def test_mirrors_stand_in(self, bad: str, reason: str, server: Server, cache: Path) -> None:
        with pytest.raises(DownloadError, match=reason):
            get_file(server(bad), "a", sha256=SHA256, max_bytes=6000)
        assert os.listdir(cache) == []
        path = get_file(server(bad), "a", mirrors=[server("good")], sha256=SHA256, max_bytes=6000)
        assert path.read_bytes() == CONTENT

    def test_announced_length_is_checked_first(self, server: Server, cache: Path) -> None:
        with pytest.raises(DownloadError, match="larger than the 5119 bytes allowed"):
            get_file(server("good"), max_bytes=len(CONTENT) - 1)
        assert get_file(server("good"), max_bytes=len(CONTENT)).read_bytes() == CONTENT

    def test_the_error_says_where_to_put_the_file(self, server: Server, cache: Path) -> None:
        mirror = "http://localhost:1/b.gz"  # nobody listens there
        with pytest.raises(DownloadError) as caught:
            get_file(server("missing/b.gz"), mirrors=[mirror], md5=MD5)
        message = str(caught.value)
        assert "cannot get b.gz" in message
        assert f"{server('missing/b.gz')}: HTTP 404 Not Found" in message
        assert f"{mirror}: " in message
        assert f"put the file at {cache / 'b.gz'}, with md5 {MD5}" in message
        assert isinstance(caught.value, OSError)

    def test_a_damaged_file_is_replaced_only_by_a_right_one(
        self, server: Server, cache: Path
    ) -> None:
        cache.mkdir()
        path = cache / "a"
        path.write_bytes(b"half")
        with pytest.raises(DownloadError, match=rf"{path}: has md5 \w+, not {MD5}"):
            get_file(server("wrong"), "a", md5=MD5)
        assert path.read_bytes() == b"half"
        assert get_file(server("good"), "a", md5=MD5).read_bytes() == CONTENT

    def test_an_interrupt_leaves_nothing(
        self, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(descriptor: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get_file(server("good"))
        assert os.listdir(cache) == []

    def test_a_full_disk_is_not_the_mirror_s_fault(
        self, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            get_file(server("good"), mirrors=[server("good/again")])
        assert not isinstance(caught.value, DownloadError)
        assert server.asked == ["/good"]

    @pytest.mark.parametrize(
        "address",
        [
            "http://example.org/a",
            "http://127.0.0.1.example.org/a",
            "file:///etc/hostname",
            "ftp://example.org/a",
            "https:///a",
            "a.gz",
            "",
        ],
    )
    def test_refuses_addresses(self, address: str, cache: Path) -> None:
        with pytest.raises(ValueError, match="is not an https address"):
            get_file(address, "a")
        with pytest.raises(ValueError, match="is not an https address"):
            get_file("https://example.org/a", mirrors=[address])

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda url: get_file(url, "../a"), ValueError, r"'\.\./a' is not the plain name"),
            (lambda url: get_file(url, "C:a"), ValueError, "'C:a' is not the plain name"),
            (lambda url: get_file(url, ""), ValueError, "'' is not the plain name"),
            (lambda url: get_file(url + "/"), ValueError, "give one as file_name"),
            (lambda url: get_file(url + "/..%2Fa"), ValueError, "give one as file_name"),
            (lambda url: get_file(url, mirrors=url), TypeError, "not one string"),
            (lambda url: get_file(url, mirrors=[_NUMBER]), TypeError, "a string, not int"),
            (lambda url: get_file(_NUMBER), TypeError, "a string, not int"),
            (lambda url: get_file(url, md5="12"), ValueError, "md5 is 32 hexadecimal digits"),
            (lambda url: get_file(url, sha256="z" * 64), ValueError, "sha256 is 64 hexadecimal"),
        ],
    )
    def test_refuses_arguments(
        self,
        call: Callable[[str], Path],
        error: type[Exception],
        message: str,
        server: Server,
        cache: Path,
    ) -> None:
        with pytest.raises(error, match=message):
            call(server("good"))
        assert server.asked == []
        assert not cache.exists()


def test_importing_does_not_load_the_http_client() -> None:
    program = (
        "import sys; import dezero_core.files; "
        "sys.exit(','.join({'http.client', 'ssl'} & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
