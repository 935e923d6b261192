from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dezero_core.files import atomic_write


def test_writes_bytes_and_text(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as binary:
        binary.write(b"\x00\xff")
    with atomic_write(str(tmp_path / "b"), "w") as text:
        text.write("π\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "π\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_the_old_file_stands_until_the_end(tmp_path: Path) -> None:
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
    error: type[BaseException], old: bytes | None, tmp_path: Path
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
def test_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "atomic"):
        pass
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "weights").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "weights")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "weights").read_bytes() == b"new"


def test_refuses_what_cannot_work_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        atomic_write(tmp_path / "nowhere" / "a").__enter__()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        atomic_write(tmp_path).__enter__()
    with pytest.raises(ValueError, match="'wb' or 'w', not 'ab'"):
        atomic_write(tmp_path / "a", "ab")  # type: ignore[call-overload]
    assert os.listdir(tmp_path) == []
