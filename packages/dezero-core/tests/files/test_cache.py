from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from dezero_core.files import cache_dir, remove_file, remove_leftovers
from dezero_core.files._lock import locked


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


@pytest.fixture
def full_cache(cache: Path) -> Path:
    cache.mkdir()
    for name in ("a", "a.part", "a.part.json", "b", "c.lock", "d.e.part", ".part"):
        (cache / name).write_bytes(b"1")
    (cache / "f").mkdir()
    (cache / "f" / "1").write_bytes(b"1")
    (cache / "g.part" / "h").mkdir(parents=True)
    return cache


class TestRemoveFile:
    def test_removes_the_file_and_its_leftovers(self, full_cache: Path) -> None:
        assert remove_file("a")
        assert remove_file("f")
        assert remove_file("d.e")
        assert sorted(os.listdir(full_cache)) == [".part", "b", "c.lock", "g.part"]
        assert not remove_file("a")
        assert sorted(os.listdir(full_cache)) == [".part", "b", "c.lock", "g.part"]

    def test_without_a_folder(self, cache: Path) -> None:
        assert not remove_file("a")
        assert not cache.exists()

    def test_leaves_what_is_in_use(self, full_cache: Path) -> None:
        with (
            locked(full_cache / "a"),
            pytest.raises(BlockingIOError, match=f"another process is working on {full_cache}/a"),
        ):
            remove_file("a")
        assert (full_cache / "a.part").exists()
        assert remove_file("a")

    @pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a.part", "a.lock"])
    def test_refuses_names(self, name: str, full_cache: Path) -> None:
        with pytest.raises(ValueError, match="remove_file: "):
            remove_file(name)

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
    def test_follows_no_links(self, cache: Path, tmp_path: Path) -> None:
        cache.mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "kept").write_bytes(b"1")
        (cache / "a").symlink_to(tmp_path / "elsewhere")
        (cache / "b").symlink_to(tmp_path / "nowhere")
        assert remove_file("a")
        assert remove_file("b")
        assert os.listdir(cache) == []
        assert (tmp_path / "elsewhere" / "kept").exists()


class TestRemoveLeftovers:
    def test_leaves_whole_files(self, full_cache: Path) -> None:
        assert remove_leftovers() == ["a", "c", "d.e", "g"]
        assert sorted(os.listdir(full_cache)) == [".part", "a", "b", "f"]
        assert remove_leftovers() == []

    def test_leaves_what_is_in_use(self, full_cache: Path) -> None:
        with locked(full_cache / "a"):
            assert remove_leftovers() == ["c", "d.e", "g"]
            assert (full_cache / "a.part").exists()

    def test_without_a_folder(self, cache: Path) -> None:
        assert remove_leftovers() == []
        assert not cache.exists()


class TestLocked:
    def test_one_after_the_other(self, tmp_path: Path) -> None:
        def refuse() -> None:
            raise TimeoutError

        with locked(tmp_path / "a"):
            assert os.listdir(tmp_path) == ["a.lock"]
            with pytest.raises(TimeoutError), locked(tmp_path / "a", refuse):
                pass
            with locked(tmp_path / "b", refuse):
                pass
        assert os.listdir(tmp_path) == []
        with locked(tmp_path / "a", refuse):
            pass

    def test_a_file_left_by_a_dead_process_stops_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "a.lock").write_bytes(b"")
        with locked(tmp_path / "a", lambda: pytest.fail("waits")):
            pass
        assert os.listdir(tmp_path) == []

    def test_threads_count_right(self, tmp_path: Path) -> None:
        counts, together = [0], threading.Barrier(4)

        def count() -> None:
            together.wait()
            for _ in range(50):
                with locked(tmp_path / "a"):
                    before = counts[0]
                    time.sleep(0)
                    counts[0] = before + 1

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [200]
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")
    def test_a_file_system_without_locks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(descriptor: int, kind: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("fcntl.flock", refuse)
        with pytest.raises(OSError, match="No locks available") as caught, locked(tmp_path / "a"):
            pass
        assert f"the file system of {tmp_path} knows no locks" in caught.value.__notes__[0]
