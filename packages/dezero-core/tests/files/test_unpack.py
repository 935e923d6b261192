from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import stat
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.files import ArchiveError, unpack

CONTENT = bytes(range(256)) * 20
FILES = {"train/one.bin": CONTENT, "train/two.bin": b"", "read me.txt": "π".encode()}
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def tar_bytes(*members: tuple[str, bytes] | tarfile.TarInfo, **settings: Any) -> bytes:
    """Return a tar archive of files (name, contents), and of members that are made by hand."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **settings) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def zip_bytes(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


TAR = tar_bytes(*FILES.items())
ARCHIVES = {
    "zip": zip_bytes(*FILES.items()),
    "zip, stored": zip_bytes(*FILES.items(), method=zipfile.ZIP_STORED),
    "zip, lzma": zip_bytes(*FILES.items(), method=zipfile.ZIP_LZMA),
    "tar": TAR,
    "tar, gnu": tar_bytes(*FILES.items(), format=tarfile.GNU_FORMAT),
    "tar, ustar": tar_bytes(*FILES.items(), format=tarfile.USTAR_FORMAT),
    "tar.gz": gzip.compress(TAR),
    "tar.bz2": bz2.compress(TAR),
    "tar.xz": lzma.compress(TAR),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "archive"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for what is unpacked; around it, nothing may appear."""
    outside = tmp_path / "outside"
    (outside / "place").mkdir(parents=True)
    yield outside / "place"
    assert os.listdir(outside) == ["place"]


@pytest.mark.parametrize("kind", ARCHIVES)
class TestAllKinds:
    def test_unpacks(self, kind: str, archive: Callable[..., Path], place: Path) -> None:
        folder = unpack(str(archive(ARCHIVES[kind])), place / "a")
        assert folder == place / "a"
        assert contents(folder) == FILES
        assert os.listdir(place) == ["a"]

    def test_members(self, kind: str, archive: Callable[..., Path], place: Path) -> None:
        path = archive(ARCHIVES[kind])
        unpack(path, place / "a", members=["./read me.txt"])
        assert list(contents(place / "a")) == ["read me.txt"]
        unpack(path, place / "b", members={"train/"})
        assert sorted(contents(place / "b")) == ["train/one.bin", "train/two.bin"]
        with pytest.raises(ArchiveError, match=r"has no rain, train/three\.bin$"):
            unpack(path, place / "c", members=["train/one.bin", "train/three.bin", "rain"])
        assert sorted(os.listdir(place)) == ["a", "b"]

    def test_truncated_anywhere(self, kind: str, archive: Callable[..., Path], place: Path) -> None:
        whole = ARCHIVES[kind]
        # The padding of a tar file is none of its contents.
        end = TAR.rstrip(b"\0").__len__() + 512 if kind.startswith("tar,") else len(whole)
        end = min(end, len(whole)) if kind != "tar" else len(TAR.rstrip(b"\0")) + 512
        for length in {*range(0, end, 211), end - 1}:
            with pytest.raises(ArchiveError, match=r"unpack: .*archive is damaged"):
                unpack(archive(whole[:length]), place / "a")
        assert os.listdir(place) == []

    def test_the_limit(self, kind: str, archive: Callable[..., Path], place: Path) -> None:
        size = len(CONTENT) + 3 * 512  # a folder, and two files that are smaller than a block
        path = archive(ARCHIVES[kind])
        with pytest.raises(ArchiveError, match=rf"there are more than {size - 1} bytes"):
            unpack(path, place / "a", max_bytes=size - 1)
        assert os.listdir(place) == []
        assert contents(unpack(path, place / "a", max_bytes=size)) == FILES

    def test_a_disk_that_is_full(
        self, kind: str, archive: Callable[..., Path], place: Path, small_files: Any
    ) -> None:
        path = archive(ARCHIVES[kind])
        with pytest.raises(OSError, match="File too large") as caught, small_files():
            unpack(path, place / "a")
        assert f"unpack was writing {place / 'a'}" in caught.value.__notes__[0]
        assert os.listdir(place) == []


class TestFolder:
    def test_one_that_is_there_was_unpacked_before(
        self, archive: Callable[..., Path], place: Path
    ) -> None:
        (place / "a").mkdir()
        path = archive(ARCHIVES["zip"])
        unpack(path, place / "a")  # it was empty
        (place / "a" / "read me.txt").write_bytes(b"mine")
        unpack(path, place / "a")
        assert (place / "a" / "read me.txt").read_bytes() == b"mine"

    def test_what_is_in_its_place(self, archive: Callable[..., Path], place: Path) -> None:
        (place / "a").write_bytes(b"")
        path = archive(ARCHIVES["zip"])
        with pytest.raises(FileExistsError, match="a is a file"):
            unpack(path, place / "a")
        with pytest.raises(FileNotFoundError, match=f"there is no folder {place}/nowhere"):
            unpack(path, place / "nowhere" / "a")
        with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing"):
            unpack(place / "nothing", place / "b")
        with pytest.raises(IsADirectoryError):
            unpack(place, place / "b")
        with pytest.raises(TypeError, match="not one string 'train'"):
            unpack(path, place / "b", members="train")

    def test_a_read_only_one(self, read_only: Path) -> None:
        with pytest.raises(PermissionError):
            unpack(__file__, read_only / "a")
        assert os.listdir(read_only) == []

    def test_an_empty_archive(self, archive: Callable[..., Path], place: Path) -> None:
        for content in (zip_bytes(), tar_bytes(), gzip.compress(tar_bytes()), bytes(1024)):
            assert os.listdir(unpack(archive(content), place / "a")) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "the name is absolute"),
        ("C:/Windows/a", "the name is absolute"),
        ("c:a", "the name is absolute"),
        ("../a", "the name leads upwards"),
        ("a/../../b", "the name leads upwards"),
        ("a/..", "the name leads upwards"),
        ("a\\..\\..\\b", "a character that no portable name has"),
        ("a" * 256, "the name is too long"),
        ("a/" * 600 + "a", "the name is too long"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_elsewhere(
    kind: str, name: str, reason: str, archive: Callable[..., Path], place: Path
) -> None:
    make = zip_bytes if kind == "zip" else tar_bytes
    path = archive(make(("good", b"1"), (name, b"2")))
    with pytest.raises(ArchiveError, match=reason):
        unpack(path, place / "a")
    assert os.listdir(place) == []
    assert contents(unpack(path, place / "a", members=["good"])) == {"good": b"1"}


class TestLinks:
    def test_become_copies(self, archive: Callable[..., Path], place: Path) -> None:
        folder = unpack(
            archive(
                tar_bytes(
                    special("a/first", tarfile.SYMTYPE, "../b/./second"),
                    special("b/second", tarfile.SYMTYPE, "third"),
                    ("b/third", CONTENT),
                    special("c/hard", tarfile.LNKTYPE, "b/third"),
                )
            ),
            place / "a",
        )
        assert contents(folder) == dict.fromkeys(
            ("a/first", "b/second", "b/third", "c/hard"), CONTENT
        )
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        assert {path.stat().st_nlink for path in folder.rglob("*") if path.is_file()} == {1}
        zipped = zip_bytes(zip_link("a/link", "../b"), ("b", CONTENT))
        assert contents(unpack(archive(zipped), place / "b")) == {"a/link": CONTENT, "b": CONTENT}

    @pytest.mark.parametrize(
        ("target", "reason"),
        [
            ("/etc/passwd", "outside the folder"),
            ("../../etc/passwd", "outside the folder"),
            ("C:/a", "outside the folder"),
            ("..\\..\\a", "outside the folder"),
            ("nothing", "which is no file unpacked with it"),
            (".", "which is no file unpacked with it"),
            ("good/..", "which is no file unpacked with it"),
            ("link", "which is no file unpacked with it"),
        ],
    )
    def test_elsewhere(
        self, target: str, reason: str, archive: Callable[..., Path], place: Path
    ) -> None:
        (place.parent / "place" / "b").mkdir()
        for content in (
            tar_bytes(special("f/link", tarfile.SYMTYPE, target), ("f/good", b"")),
            zip_bytes(zip_link("f/link", target), ("f/good", b"")),
        ):
            with pytest.raises(ArchiveError, match=f"holds 'f/link': it is a link to .*{reason}"):
                unpack(archive(content), place / "a")
        (place / "b").rmdir()

    def test_no_writing_through_a_link(self, archive: Callable[..., Path], place: Path) -> None:
        content = tar_bytes(special("f", tarfile.SYMTYPE, ".."), ("f/evil", b"1"))
        with pytest.raises(ArchiveError, match="outside the folder"):
            unpack(archive(content), place / "a")

    def test_to_itself(self, archive: Callable[..., Path], place: Path) -> None:
        content = tar_bytes(("a", CONTENT), special("a", tarfile.LNKTYPE, "a"))
        with pytest.raises(ArchiveError, match="it is a link to 'a', which is no file"):
            unpack(archive(content), place / "a")

    def test_copies_count(self, archive: Callable[..., Path], place: Path) -> None:
        links = [special(f"link{i}", tarfile.LNKTYPE, "a") for i in range(50)]
        content = gzip.compress(tar_bytes(("a", CONTENT), *links))
        with pytest.raises(ArchiveError, match="there are more than 100000 bytes"):
            unpack(archive(content), place / "a", max_bytes=100_000)


class TestRefused:
    @pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_devices(self, kind: bytes, archive: Callable[..., Path], place: Path) -> None:
        with pytest.raises(ArchiveError, match="holds 'a': it is a device or pipe"):
            unpack(archive(tar_bytes(special("a", kind))), place / "a")

    def test_a_file_that_is_a_folder_too(self, archive: Callable[..., Path], place: Path) -> None:
        with pytest.raises(ArchiveError, match="holds 'a/b': 'a' is a file already"):
            unpack(archive(zip_bytes(("a", b"1"), ("a/b", b"2"))), place / "a")
        with pytest.raises(ArchiveError, match="holds 'a': it is a folder already"):
            unpack(archive(tar_bytes(("a/b", b"1"), ("a", b"2"))), place / "a")

    def test_the_last_of_a_name_stays(self, archive: Callable[..., Path], place: Path) -> None:
        folder = unpack(archive(tar_bytes(("a", CONTENT), ("a", b"2"))), place / "a")
        assert contents(folder) == {"a": b"2"}

    def test_encrypted(self, archive: Callable[..., Path], place: Path) -> None:
        content = bytearray(zip_bytes(("a", b"1")))
        content[6] |= 1
        content[content.index(b"PK\1\2") + 8] |= 1
        with pytest.raises(ArchiveError, match="encrypted"):
            unpack(archive(bytes(content)), place / "a")

    @pytest.mark.parametrize("content", [b"", b"hello", b"<html>" * 200, gzip.compress(b"hello")])
    def test_no_archive(self, content: bytes, archive: Callable[..., Path], place: Path) -> None:
        with pytest.raises(ArchiveError, match="is damaged, or is no zip or tar archive"):
            unpack(archive(content), place / "a")

    def test_wrong_contents(self, archive: Callable[..., Path], place: Path) -> None:
        content = bytearray(ARCHIVES["zip, stored"])
        content[content.index(CONTENT)] ^= 1
        with pytest.raises(ArchiveError, match="Bad CRC-32"):
            unpack(archive(bytes(content)), place / "a")
        content = bytearray(ARCHIVES["tar.gz"])
        content[-8] ^= 1
        with pytest.raises(ArchiveError, match="CRC check failed"):
            unpack(archive(bytes(content)), place / "a")

    def test_damage_in_the_middle_is_not_the_end(
        self, archive: Callable[..., Path], place: Path
    ) -> None:
        content = bytearray(tar_bytes(("a", b"1"), ("b", b"2")))
        content[1024] ^= 1
        with pytest.raises(ArchiveError, match="there is no header at byte 1024"):
            unpack(archive(bytes(content)), place / "a")

    def test_something_after_the_end(self, archive: Callable[..., Path], place: Path) -> None:
        with pytest.raises(ArchiveError, match="goes on after its end"):
            unpack(archive(TAR + bytes(1 << 21)), place / "a")


class TestBombs:
    def test_contents(self, archive: Callable[..., Path], place: Path) -> None:
        for content in (
            zip_bytes(("a", bytes(1 << 24))),
            gzip.compress(tar_bytes(("a", bytes(1 << 24))), 1),
        ):
            assert len(content) < 100_000
            with pytest.raises(ArchiveError, match="there are more than 1000000 bytes"):
                unpack(archive(content), place / "a", max_bytes=1_000_000)

    def test_what_is_passed_over(self, archive: Callable[..., Path], place: Path) -> None:
        content = gzip.compress(tar_bytes(("a", bytes(1 << 22)), ("b", b"")))
        with pytest.raises(ArchiveError, match="holds 'a': with it, there are more"):
            unpack(archive(content), place / "a", max_bytes=1000, members=["b"])

    @pytest.mark.parametrize("make", [zip_bytes, tar_bytes])
    def test_empty_files_without_end(
        self, make: Any, archive: Callable[..., Path], place: Path
    ) -> None:
        content = make(*((str(number), b"") for number in range(100)))
        with pytest.raises(ArchiveError, match=r"holds '19': .* more than 10000 bytes"):
            unpack(archive(content), place / "a", max_bytes=10_000)

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_a_header_that_fills_the_memory(
        self, kind: bytes, archive: Callable[..., Path], place: Path
    ) -> None:
        info = special("a", kind)
        info.size = 1 << 32
        content = gzip.compress(info.tobuf() + bytes(1 << 20))
        with pytest.raises(ArchiveError, match="a header is too large"):
            unpack(archive(content), place / "a")

    def test_headers_without_end(self, archive: Callable[..., Path], place: Path) -> None:
        info = special("a", tarfile.GNUTYPE_LONGNAME)
        info.size = 1
        content = gzip.compress((info.tobuf() + b"a".ljust(512, b"\0")) * 10_000)
        with pytest.raises(ArchiveError, match="is damaged"):
            unpack(archive(content), place / "a")

    def test_links_and_what_is_passed_over_without_end(
        self, archive: Callable[..., Path], place: Path
    ) -> None:
        links = [special(str(number), tarfile.SYMTYPE, "a") for number in range(100)]
        path = archive(tar_bytes(*links, ("a", b"")))
        for members in (None, ["a"]):
            with pytest.raises(ArchiveError, match=r"holds '19': .* more than 10000 bytes"):
                unpack(path, place / "a", max_bytes=10_000, members=members)

    def test_common_headers_without_end(self, archive: Callable[..., Path], place: Path) -> None:
        content = b""
        for number in range(40):
            common = tarfile.TarInfo.create_pax_global_header({f"k{number}": "v" * 100_000})
            content += common + tarfile.TarInfo(str(number)).tobuf()
        path = archive(gzip.compress(content + bytes(1024)))
        tracemalloc.start()
        unpack(path, place / "a")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2_500_000  # of 4 million

    def test_a_negative_size(self, archive: Callable[..., Path], place: Path) -> None:
        info = special("a", tarfile.REGTYPE)
        info.size = -1024
        content = info.tobuf(tarfile.GNU_FORMAT) + tar_bytes(("b", b""))
        with pytest.raises(ArchiveError, match="is damaged"):
            unpack(archive(content), place / "a")


UNPACK = """
import sys
from dezero_core.files import _archives, unpack
yield_chunks = _archives._tar_contents
def slowly(*arguments):
    for chunk in yield_chunks(*arguments):
        yield chunk
        print("wrote", flush=True)
        sys.stdin.readline()
if sys.argv[3] == "slowly":
    _archives._tar_contents = slowly
print("ready", flush=True)
print(unpack(sys.argv[1], sys.argv[2]))
"""


class TestProcesses:
    @needs_signals
    def test_killed_in_the_middle(
        self, archive: Callable[..., Path], place: Path, start: Callable[..., Any]
    ) -> None:
        path = archive(tar_bytes(("1", CONTENT), ("2", CONTENT), ("3", CONTENT)))
        process = start(UNPACK, path, place / "a", "slowly")
        for line in ("ready\n", "wrote\n"):
            assert process.stdout.readline() == line
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert sorted(os.listdir(place)) == ["a.lock", "a.part"]
        (place / "a.part" / "rest").write_bytes(b"")
        assert contents(unpack(path, place / "a")) == dict.fromkeys("123", CONTENT)
        assert os.listdir(place) == ["a"]

    @needs_signals
    def test_ctrl_c_leaves_nothing(
        self, archive: Callable[..., Path], place: Path, start: Callable[..., Any]
    ) -> None:
        process = start(UNPACK, archive(TAR), place / "a", "slowly")
        for line in ("ready\n", "wrote\n"):
            assert process.stdout.readline() == line
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate()[1]
        assert os.listdir(place) == []

    def test_the_second_waits_for_the_first(
        self, archive: Callable[..., Path], place: Path, start: Callable[..., Any]
    ) -> None:
        path = archive(tar_bytes(("1", CONTENT)))
        first = start(UNPACK, path, place / "a", "slowly")
        for line in ("ready\n", "wrote\n"):
            assert first.stdout.readline() == line
        second = start(UNPACK, path, place / "a", "fast")
        assert second.stdout.readline() == "ready\n"
        assert os.listdir(place / "a.part") == ["1"]
        assert first.communicate("\n", timeout=20) == (f"{place / 'a'}\n", "")
        assert second.communicate(timeout=20) == (f"{place / 'a'}\n", "")
        assert contents(place / "a") == {"1": CONTENT}
        assert os.listdir(place) == ["a"]


class TestFuzz:
    """Whatever the archive, there is a folder, or the documented error and nothing."""

    def attempt(self, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "archive"
            path.write_bytes(content)
            try:
                unpack(path, folder / "a", max_bytes=100_000)
            except ArchiveError as error:
                assert str(path) in str(error)
                assert os.listdir(folder) == ["archive"]
            else:
                assert sorted(os.listdir(folder)) == ["a", "archive"]
                assert not any(found.is_symlink() for found in (folder / "a").rglob("*"))

    @given(
        content=st.binary(max_size=600)
        | st.builds(
            lambda start, rest: start + rest,
            st.sampled_from([b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]),
            st.binary(max_size=100),
        )
    )
    def test_any_bytes(self, content: bytes) -> None:
        self.attempt(content)

    @given(
        kind=st.sampled_from(sorted(ARCHIVES)),
        changes=st.lists(
            st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
            min_size=1,
            max_size=6,
        ),
        cut=st.floats(0.5, 1.5),
    )
    def test_damaged_archives(
        self, kind: str, changes: list[tuple[float, int]], cut: float, tmp_path_factory: Any
    ) -> None:
        content = bytearray(ARCHIVES[kind])
        for place, value in changes:
            content[int(place * len(content))] = value
        self.attempt(bytes(content[: int(cut * len(content))]))

    @given(
        fields=st.lists(
            st.tuples(
                st.text(st.sampled_from("ab./\\: \0é\udcff"), max_size=12),
                st.sampled_from(b"0123457xgLKSV\0"),
                st.text(st.sampled_from("ab./\\"), max_size=8),
                st.integers(0, 600) | st.integers(0, 8**11 - 1),
                st.binary(max_size=600),
            ),
            max_size=6,
        ),
        zipped=st.booleans(),
    )
    def test_headers_made_by_hand(self, fields: Any, zipped: bool) -> None:
        blocks = []
        for name, kind, target, size, body in fields:
            header = special("a", bytes([kind]), target)
            header.size = size
            block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
            raw = name.encode("utf-8", "surrogateescape")[:100]
            block[:100] = raw.ljust(100, b"\0")
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
            blocks += [bytes(block), body, bytes(-len(body) % 512)]
        content = b"".join([*blocks, bytes(1024)])
        self.attempt(gzip.compress(content) if zipped else content)

    @given(
        members=st.lists(
            st.tuples(
                st.text("ab./\\: \0é", min_size=1, max_size=9),
                st.binary(max_size=20),
                st.booleans(),
            ),
            max_size=5,
        )
    )
    def test_zip_names(self, members: list[tuple[str, bytes, bool]]) -> None:
        parts = {}
        for name, body, is_link in members:
            info, _ = zip_link("a", "")
            info.filename = name  # as it is; ZipInfo would end it at a zero
            info.external_attr *= is_link
            parts[name] = (info, body)
        self.attempt(zip_bytes(*parts.values()))
