from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dezero_data import DataFileError
from dezero_data.datasets.sources import SOURCES, RemoteFile

FILES = [file for files in SOURCES.values() for file in files]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.file_name)
def test_what_is_known_of_a_file(file: RemoteFile) -> None:
    assert file.urls
    assert all(url.startswith("https://") for url in file.urls)
    assert len(set(file.urls)) == len(file.urls)
    assert file.bytes > 0
    assert file.sha256 is not None
    assert len(bytes.fromhex(file.sha256)) == 32
    assert file.md5 is None or len(bytes.fromhex(file.md5)) == 16


def test_no_two_files_share_a_name_in_the_cache() -> None:
    assert len({file.file_name for file in FILES}) == len(FILES) == 15


def test_a_file_that_is_there_needs_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEZERO_HOME", str(tmp_path))
    (tmp_path / "a").write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    file = RemoteFile("a", ("https://localhost:1/a",), 7, sha256, None)
    assert file.fetch() == tmp_path / "a"


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_check(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    digest = hashlib.new(kind, b"content", usedforsecurity=False).hexdigest()
    sums = {"sha256": None, "md5": None, kind: digest}
    RemoteFile("a", ("https://localhost:1/a",), 7, **sums).check(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"contents")
    with pytest.raises(DataFileError, match=f"its {kind} is .*, not {digest}"):
        RemoteFile("a", ("https://localhost:1/a",), 7, **sums).check(tmp_path / "a")


def test_check_without_a_checksum(tmp_path: Path) -> None:
    RemoteFile("a", ("https://localhost:1/a",), 7, None, None).check(tmp_path / "no such file")
