from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dezero_core.files import DownloadError, get_file

CONTENT = bytes(range(256)) * 20
_NUMBER: Any = 3
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def test_downloads_once(mirror: Any, cache: Path) -> None:
    address = mirror.serve("digits.gz", CONTENT) + "?raw=1"
    path = get_file(address, sha256=SHA256.upper(), md5=MD5)
    assert path == cache / "digits.gz"
    assert path.read_bytes() == CONTENT
    assert get_file(address, sha256=SHA256) == path
    assert get_file("https://nowhere.invalid/digits.gz", md5=MD5) == path
    assert mirror.paths == ["digits.gz"]
    assert os.listdir(cache) == ["digits.gz"]


def test_file_name(mirror: Any, cache: Path) -> None:
    assert get_file(mirror.serve("a", CONTENT), "other.bin") == cache / "other.bin"


def test_names_itself(mirror: Any, cache: Path) -> None:
    get_file(mirror.serve("a", CONTENT))
    assert mirror.asked[0][1]["User-Agent"].startswith("dezero-core/")


def test_an_empty_file_is_a_file(mirror: Any, cache: Path) -> None:
    assert get_file(mirror.serve("a", b"", etag='"1"')).read_bytes() == b""
    assert os.listdir(cache) == ["a"]


def test_a_length_that_nobody_knows(mirror: Any, cache: Path) -> None:
    assert get_file(mirror.serve("a", CONTENT, announced=None)).read_bytes() == CONTENT
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert get_file(mirror.serve("b", raw=head + chunked)).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="IncompleteRead"):
        get_file(mirror.serve("c", raw=head + chunked[:1000]))
    assert sorted(os.listdir(cache)) == ["a", "b"]


def test_follows_redirects_to_safe_addresses_only(mirror: Any, cache: Path) -> None:
    mirror.serve("good", CONTENT)
    moved = mirror.serve("moved", status=301, location="/good")
    assert get_file(moved).read_bytes() == CONTENT
    away = mirror.serve("away", status=302, location="http://example.org/good")
    with pytest.raises(DownloadError, match=r"leads to http://example\.org/good, which is not an"):
        get_file(away)


BAD = {
    "wrong": ({"body": b"<html>moved</html>"}, f"has sha256 [0-9a-f]{{64}}, not {SHA256}"),
    "missing": ({"status": 404}, "HTTP 404 Not Found"),
    "forbidden": ({"body": b"no", "status": 403}, "HTTP 403 Forbidden"),
    "no content": ({"status": 204}, "HTTP 204 No Content, which is not the whole file"),
    "a part": ({"body": CONTENT, "status": 206}, "HTTP 206 .*, which is not the whole file"),
    "breaks off": (
        {"body": CONTENT, "breaks_after": 1000},
        "broke off after 1000 of 5120 bytes",
    ),
    "announces more": ({"body": CONTENT, "announced": 5500}, "after 5120 of 5500 bytes"),
    "announces less": ({"body": CONTENT, "announced": 5000}, f"has sha256 .*, not {SHA256}"),
    "announces too much": ({"body": CONTENT, "announced": 6001}, "than the 6000 bytes allowed"),
    "garbage": ({"raw": b"this is not HTTP\r\n\r\n"}, "BadStatusLine"),
    "endless": ({"body": CONTENT * 9, "announced": None}, "larger than the 6000 bytes allowed"),
}


@pytest.mark.parametrize("etag", [None, '"1"'])
@pytest.mark.parametrize("bad", BAD)
def test_mirrors_stand_in(bad: str, etag: str | None, mirror: Any, cache: Path) -> None:
    settings, reason = BAD[bad]
    address = mirror.serve("bad", ranges=False, etag=etag, **settings)
    with pytest.raises(DownloadError, match=reason):
        get_file(address, "a", sha256=SHA256, max_bytes=6000)
    kept = etag and bad in ("breaks off", "announces more")
    assert sorted(os.listdir(cache)) == (["a.part", "a.part.json"] if kept else [])
    good = mirror.serve("good", CONTENT)
    path = get_file(address, "a", mirrors=[good], sha256=SHA256, max_bytes=6000)
    assert path.read_bytes() == CONTENT
    assert os.listdir(cache) == ["a"]


def test_announced_length_is_checked_first(mirror: Any, cache: Path) -> None:
    address = mirror.serve("a", CONTENT)
    with pytest.raises(DownloadError, match="larger than the 5119 bytes allowed"):
        get_file(address, max_bytes=len(CONTENT) - 1)
    assert get_file(address, max_bytes=len(CONTENT)).read_bytes() == CONTENT


def test_the_error_says_where_to_put_the_file(mirror: Any, cache: Path) -> None:
    address, nobody = f"{mirror.address}/missing/b.gz", "http://localhost:1/b.gz"
    with pytest.raises(DownloadError) as caught:
        get_file(address, mirrors=[nobody], md5=MD5)
    message = str(caught.value)
    assert "cannot get b.gz" in message
    assert f"{address}: HTTP 404 Not Found" in message
    assert f"{nobody}: " in message
    assert f"put the file at {cache / 'b.gz'}, with md5 {MD5}" in message
    assert isinstance(caught.value, OSError)
    assert not hasattr(caught.value, "__notes__")


def test_a_damaged_file_is_replaced_only_by_a_right_one(mirror: Any, cache: Path) -> None:
    cache.mkdir()
    path = cache / "a"
    path.write_bytes(b"half")
    with pytest.raises(DownloadError, match=rf"{path}: has md5 \w+, not {MD5}") as caught:
        get_file(mirror.serve("wrong", b"wrong"), "a", md5=MD5)
    assert str(caught.value).count(f"{path}: has md5") == 1
    assert path.read_bytes() == b"half"
    assert get_file(mirror.serve("good", CONTENT), "a", md5=MD5).read_bytes() == CONTENT


class TestDisk:
    def test_an_interrupt_leaves_nothing(
        self, mirror: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(descriptor: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get_file(mirror.serve("a", CONTENT))
        assert os.listdir(cache) == []

    @pytest.mark.parametrize("etag", [None, '"1"'])
    def test_a_full_disk_is_not_the_mirror_s_fault(
        self, etag: str | None, mirror: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            get_file(mirror.serve("a", CONTENT, etag=etag), mirrors=[mirror.serve("b", CONTENT)])
        assert not isinstance(caught.value, DownloadError)
        assert f"get_file was writing {cache / 'a'}" in caught.value.__notes__[0]
        assert mirror.paths == ["a"]
        assert os.listdir(cache) == []

    def test_a_file_that_the_system_refuses_to_make_larger(
        self, mirror: Any, cache: Path, small_files: Any
    ) -> None:
        address = mirror.serve("a", CONTENT, etag='"1"')
        with pytest.raises(OSError, match="File too large"), small_files():
            get_file(address)
        assert os.listdir(cache) == []

    def test_a_read_only_folder(
        self, mirror: Any, read_only: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = mirror.serve("a", CONTENT)
        for folder in (read_only, read_only / "below"):
            monkeypatch.setenv("DEZERO_HOME", str(folder))
            with pytest.raises(PermissionError, match="Permission denied") as caught:
                get_file(address)
            assert (
                f"To keep downloads elsewhere than in {folder}, set DEZERO_HOME"
                in caught.value.__notes__[0]
            )
        assert mirror.asked == []

    def test_a_file_in_the_folder_s_place(
        self, mirror: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("DEZERO_HOME", str(tmp_path / "file"))
        with pytest.raises(FileExistsError, match="file"):
            get_file(mirror.serve("a", CONTENT))


class TestProgress:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Not sys.stderr itself, which pytest exchanges.
        monkeypatch.setattr("dezero_core.files._progress._is_terminal", lambda: True)

    def test_a_bar_on_a_terminal(
        self, mirror: Any, cache: Path, terminal: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("tqdm", reason="tqdm is an extra")
        get_file(mirror.serve("a", CONTENT))
        shown = capsys.readouterr().err
        assert "a: 100%" in shown
        assert "5.00k/5.00k" in shown

    def test_no_bar_elsewhere_or_where_none_is_wanted(
        self, mirror: Any, cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        get_file(mirror.serve("a", CONTENT))
        get_file(mirror.serve("b", CONTENT), progress=False)
        assert capsys.readouterr().err == ""

    def test_a_bar_that_is_asked_for(
        self, mirror: Any, cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("tqdm", reason="tqdm is an extra")
        get_file(mirror.serve("a", CONTENT, announced=None), progress=True)
        assert "a: 5.00kB" in capsys.readouterr().err

    def test_without_tqdm(
        self, mirror: Any, cache: Path, terminal: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        assert get_file(mirror.serve("a", CONTENT)).read_bytes() == CONTENT
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'dezero-core\[progress\]'"):
            get_file(mirror.serve("b", CONTENT), progress=True)


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
def test_refuses_addresses(address: str, cache: Path) -> None:
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
        (lambda url: get_file(url, "a.part"), ValueError, "'a.part' ends as the names that"),
        (lambda url: get_file(url, _NUMBER), TypeError, "file_name is a string, not int"),
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
    call: Callable[[str], Path], error: type[Exception], message: str, mirror: Any, cache: Path
) -> None:
    with pytest.raises(error, match=message):
        call(mirror.serve("good", CONTENT))
    assert mirror.asked == []
    assert not cache.exists()


def test_importing_loads_no_client_and_no_archives() -> None:
    program = (
        "import sys; import dezero_core.files; "
        "late = {'http.client', 'ssl', 'tarfile', 'tqdm', 'dezero_core.files._http'}; "
        "sys.exit(','.join(late & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
