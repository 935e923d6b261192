"""Downloads that are interrupted, and go on; and several at once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dezero_core.files import DownloadError, get_file

CONTENT = bytes(range(256)) * 20
OTHER = CONTENT[::-1]
SHA256 = hashlib.sha256(CONTENT).hexdigest()
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
FETCH = """
import sys
from dezero_core.files import get_file
print("ready", flush=True)
print(get_file(sys.argv[1], sha256=sys.argv[2] or None))
"""


def leave_a_part(mirror: Any, cache: Path, **settings: Any) -> str:
    """Break a download off after 1000 bytes, for good, and return its address."""
    settings = {"etag": '"1"', **settings}
    address = mirror.serve("a", CONTENT, breaks_after=1000, **settings)
    mirror.then("a", status=404)
    with pytest.raises(DownloadError):
        get_file(address, sha256=SHA256)
    assert (cache / "a.part").read_bytes() == CONTENT[:1000]
    assert sorted(os.listdir(cache)) == ["a.part", "a.part.json"]
    mirror.asked.clear()
    return str(address)


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_goes_on_at_once_while_that_brings_it_forward(
    sha256: str | None, mirror: Any, cache: Path
) -> None:
    address = mirror.serve("a", CONTENT, etag='"1"', breaks_after=2000)
    assert get_file(address, sha256=sha256).read_bytes() == CONTENT
    assert mirror.ranges == [None, "bytes=2000-", "bytes=4000-"]
    assert [headers["If-Range"] for _, headers in mirror.asked] == [None, '"1"', '"1"']
    assert os.listdir(cache) == ["a"]


def test_gives_up_in_the_end(mirror: Any, cache: Path) -> None:
    address = mirror.serve("a", CONTENT, etag='"1"', breaks_after=1000)
    with pytest.raises(DownloadError, match="broke off after 5000 of 5120 bytes"):
        get_file(address)
    assert len(mirror.asked) == 5
    assert get_file(address).read_bytes() == CONTENT
    assert mirror.ranges[5:] == ["bytes=5000-"]


def test_goes_on_at_the_next_call(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    mirror.serve("a", CONTENT, etag='"1"')
    assert get_file(address, sha256=SHA256).read_bytes() == CONTENT
    assert mirror.ranges == ["bytes=1000-"]
    assert os.listdir(cache) == ["a"]


@pytest.mark.parametrize(
    ("named", "sha256", "kept"),
    [
        ({"etag": '"1"'}, None, True),
        ({"etag": 'W/"1"'}, None, False),
        ({"etag": 'W/"1"'}, SHA256, False),
        ({"etag": "1"}, SHA256, False),
        ({"date": DATE}, None, False),
        ({"date": DATE}, SHA256, True),
        ({"date": "yesterday"}, SHA256, False),
        ({}, SHA256, False),
        ({"etag": '"1"', "announced": None}, SHA256, False),
    ],
)
def test_a_part_is_kept_if_something_tells_what_it_is_a_part_of(
    named: dict[str, Any], sha256: str | None, kept: bool, mirror: Any, cache: Path
) -> None:
    address = mirror.serve("a", CONTENT, breaks_after=1000, **named)
    mirror.then("a", status=404)
    with pytest.raises(DownloadError):
        get_file(address, sha256=sha256)
    assert sorted(os.listdir(cache)) == (["a.part", "a.part.json"] if kept else [])
    mirror.asked.clear()
    mirror.serve("a", CONTENT, **{**named, "announced": -1})
    assert get_file(address, sha256=sha256).read_bytes() == CONTENT
    assert mirror.ranges == (["bytes=1000-"] if kept else [None])


def test_a_date_alone_is_not_trusted_without_a_checksum(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache, etag=None, date=DATE)
    mirror.serve("a", CONTENT, date=DATE)
    assert get_file(address).read_bytes() == CONTENT
    assert mirror.ranges == [None]


@pytest.mark.parametrize(
    "now",
    [
        {"ranges": False},
        {"etag": '"2"'},
        {"etag": '"2"', "minds_if_range": False},
        {"content_range": "bytes 0-5119/5120"},
        {"content_range": "bytes 1000-5119/*"},
        {"content_range": "bytes 1000-5119/6000"},
        {"content_range": "bytes 1000-2000/5120"},
        {"content_range": "rest"},
    ],
    ids=str,
)
def test_starts_over_if_the_answer_does_not_fit(
    now: dict[str, Any], mirror: Any, cache: Path
) -> None:
    address = leave_a_part(mirror, cache)
    mirror.serve("a", CONTENT, **{"etag": '"1"', **now})
    assert get_file(address, sha256=SHA256).read_bytes() == CONTENT
    assert mirror.ranges in (["bytes=1000-"], ["bytes=1000-", None])
    assert os.listdir(cache) == ["a"]


def test_starts_over_if_the_file_has_become_another(mirror: Any, cache: Path) -> None:
    address = mirror.serve("a", CONTENT, etag='"1"', breaks_after=1000)
    mirror.then("a", OTHER + OTHER, etag='"2"')
    assert get_file(address).read_bytes() == OTHER + OTHER
    assert mirror.ranges == [None, "bytes=1000-"]


def test_starts_over_if_the_file_has_become_shorter(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    mirror.serve("a", OTHER[:500], etag='"1"')
    assert get_file(address).read_bytes() == OTHER[:500]
    assert mirror.ranges == ["bytes=1000-", None]


def test_a_part_that_leads_to_a_wrong_checksum_is_thrown_away(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    (cache / "a.part").write_bytes(OTHER[:1000])
    mirror.serve("a", CONTENT, etag='"1"')
    with pytest.raises(DownloadError, match="has sha256"):
        get_file(address, sha256=SHA256)
    assert os.listdir(cache) == []
    assert get_file(address, sha256=SHA256).read_bytes() == CONTENT


def test_another_mirror_does_not_go_on_from_it(mirror: Any, cache: Path) -> None:
    leave_a_part(mirror, cache)
    good = mirror.serve("good", CONTENT, etag='"1"')
    assert get_file(good, "a", sha256=SHA256).read_bytes() == CONTENT
    assert mirror.ranges == [None]
    assert os.listdir(cache) == ["a"]


def test_a_part_stays_while_nothing_better_comes(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    with pytest.raises(DownloadError, match="404"):
        get_file(f"{mirror.address}/missing", "a", mirrors=[address], sha256=SHA256)
    assert (cache / "a.part").read_bytes() == CONTENT[:1000]


def test_a_whole_part_needs_no_connection(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    (cache / "a.part").write_bytes(CONTENT)  # killed just before it got its name
    assert get_file(address, sha256=SHA256).read_bytes() == CONTENT
    assert mirror.asked == []
    assert os.listdir(cache) == ["a"]


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b'{"address": "ADDRESS", "validator": "\\"1\\"", "length": 900}',
        b'{"address": "ADDRESS", "validator": "\\"1\\"", "length": "x"}',
        b'{"address": "ADDRESS", "validator": "1\\r\\nCookie: 2", "length": 5120}',
        b'{"address": "elsewhere", "validator": "\\"1\\"", "length": 5120}',
        b"[" * 100_000,
    ],
)
def test_a_record_that_is_damaged_says_nothing(record: bytes, mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    (cache / "a.part.json").write_bytes(record.replace(b"ADDRESS", address.encode()))
    mirror.serve("a", CONTENT, etag='"1"')
    assert get_file(address, sha256=SHA256).read_bytes() == CONTENT
    assert mirror.ranges == [None]


def test_the_limit_holds_for_what_was_there_before(mirror: Any, cache: Path) -> None:
    address = leave_a_part(mirror, cache)
    mirror.serve("a", CONTENT, etag='"1"')
    with pytest.raises(DownloadError, match="larger than the 5000 bytes allowed"):
        get_file(address, sha256=SHA256, max_bytes=5000)


def test_the_bar_goes_on_too(mirror: Any, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm", reason="tqdm is an extra")
    address = leave_a_part(mirror, cache)
    mirror.serve("a", CONTENT, etag='"1"')
    get_file(address, progress=True)
    assert "a:  20%" in capsys.readouterr().err


class TestProcesses:
    @pytest.mark.parametrize(("etag", "asks"), [('"1"', "bytes=3000-"), (None, None)])
    @needs_signals
    def test_killed_in_the_middle(
        self,
        etag: str | None,
        asks: str | None,
        mirror: Any,
        cache: Path,
        start: Callable[..., Any],
        until: Callable[..., None],
    ) -> None:
        address = mirror.serve("a", CONTENT, etag=etag, waits_after=3000)
        process = start(FETCH, address, SHA256)
        part = cache / "a.part"
        until(lambda: part.exists() and part.stat().st_size == 3000)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        left = {"a.part", "a.lock"} | ({"a.part.json"} if etag else set())
        assert set(os.listdir(cache)) == left
        mirror.serve("a", CONTENT, etag=etag)
        assert get_file(address, sha256=SHA256).read_bytes() == CONTENT
        assert mirror.ranges == [None, asks]
        assert os.listdir(cache) == ["a"]

    @needs_signals
    def test_ctrl_c_in_the_middle(
        self, mirror: Any, cache: Path, start: Callable[..., Any], until: Callable[..., None]
    ) -> None:
        address = mirror.serve("a", CONTENT, etag='"1"', waits_after=3000)
        process = start(FETCH, address, "")
        part = cache / "a.part"
        until(lambda: part.exists() and part.stat().st_size == 3000)
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate()[1]
        assert sorted(os.listdir(cache)) == ["a.part", "a.part.json"]
        assert json.loads((cache / "a.part.json").read_text())["length"] == 5120
        mirror.serve("a", CONTENT, etag='"1"')
        assert get_file(address).read_bytes() == CONTENT
        assert mirror.ranges == [None, "bytes=3000-"]

    @pytest.mark.parametrize("sha256", [SHA256, ""])
    def test_two_at_once_ask_the_server_once(
        self,
        sha256: str,
        mirror: Any,
        cache: Path,
        start: Callable[..., Any],
        until: Callable[..., None],
    ) -> None:
        address = mirror.serve("a", CONTENT, waits_after=3000)
        first = start(FETCH, address, sha256)
        until(lambda: mirror.asked)
        second = start(FETCH, address, sha256)
        assert second.stdout.readline() == "ready\n"
        mirror.released.set()
        for process in (first, second):
            out, err = process.communicate(timeout=20)
            assert (out.removeprefix("ready\n"), err) == (f"{cache / 'a'}\n", "")
        assert mirror.paths == ["a"]
        assert (cache / "a").read_bytes() == CONTENT
        assert os.listdir(cache) == ["a"]

    @needs_signals
    def test_the_second_takes_over_when_the_first_is_killed(
        self, mirror: Any, cache: Path, start: Callable[..., Any], until: Callable[..., None]
    ) -> None:
        address = mirror.serve("a", CONTENT, etag='"1"', waits_after=3000)
        mirror.then("a", CONTENT, etag='"1"')
        first = start(FETCH, address, SHA256)
        until(lambda: (cache / "a.part").exists() and (cache / "a.part").stat().st_size == 3000)
        second = start(FETCH, address, SHA256)
        assert second.stdout.readline() == "ready\n"
        first.kill()
        assert second.communicate(timeout=20) == (f"{cache / 'a'}\n", "")
        assert mirror.ranges == [None, "bytes=3000-"]
        assert os.listdir(cache) == ["a"]

    def test_many_threads_ask_the_server_once(self, mirror: Any, cache: Path) -> None:
        address = mirror.serve("a", CONTENT)
        together = threading.Barrier(8)
        got: list[bytes] = []

        def fetch() -> None:
            together.wait()
            got.append(get_file(address).read_bytes())

        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [CONTENT] * 8
        assert mirror.paths == ["a"]
        assert os.listdir(cache) == ["a"]
