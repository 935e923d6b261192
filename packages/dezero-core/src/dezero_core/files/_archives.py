"""What is in an archive, one member after the other, as it says itself: nothing is believed here.

Neither `zipfile` nor `tarfile` unpacks anything. They find the members; the names are judged and
the files written in `dezero_core.files._unpack`, so that nothing depends on what a certain patch
level of Python lets pass.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from dezero_core.files.errors import ArchiveError

__all__ = ["Member", "members_of"]

_CHUNK = 1 << 18
_LONGEST_LINK = 4096
_HEADER_BYTES = 1 << 17  # for one member; long names and other attributes come in such headers
_PADDING_BYTES = 1 << 20  # after the end
_BLOCK = 512

_COMPRESSIONS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


class Member(NamedTuple):
    """A file, folder or link of an archive."""

    name: str
    kind: str  # "file", "folder", "symbolic link", "hard link", or what has no place in a folder
    size: int  # as announced
    target: str  # of a link
    chunks: Iterator[bytes]  # the contents; to be read before the next member is


def members_of(archive: Path) -> Generator[Member, None, None]:
    """Yield the members of a zip or tar archive, in order.

    Raises:
        ArchiveError: It is neither, or is damaged. Whatever comes of reading it ends so.
        OSError: There is no such file, or it cannot be opened.
    """
    with open(archive, "rb") as file:
        start = file.read(8)
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return _members_of_zip(archive)
    for magic, opener in _COMPRESSIONS.items():
        if start.startswith(magic):
            return _members_of_tar(archive, opener(archive))
    return _members_of_tar(archive, open(archive, "rb"))


def _members_of_zip(path: Path) -> Generator[Member, None, None]:
    with _reading(path):
        archive = zipfile.ZipFile(path)
    with archive:
        for info in archive.infolist():
            kind, target = "file", ""
            mode = info.external_attr >> 16
            if info.filename.endswith("/"):  # is_dir() fails for an empty name
                kind = "folder"
            elif stat.S_ISLNK(mode):
                kind = "symbolic link"
                with _reading(path), archive.open(info) as file:
                    target = file.read(_LONGEST_LINK).decode()
            chunks = _chunks(path, lambda info=info: archive.open(info))  # type: ignore[misc]
            yield Member(info.filename, kind, info.file_size, target, chunks)


def _chunks(path: Path, opener: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with _reading(path):
        file = opener()
    with file:
        while True:
            with _reading(path):
                chunk = file.read(_CHUNK)
            if not chunk:
                return
            yield chunk


def _members_of_tar(path: Path, file: IO[bytes]) -> Generator[Member, None, None]:
    with file:
        stream = _ForwardReader(file)
        with _reading(path):
            archive = tarfile.TarFile(fileobj=stream, mode="r", encoding="utf-8")
            stream.allowance = None
        is_empty = not any(stream.last)  # it begins with the block that is the end
        while not is_empty:
            with _reading(path):
                stream.allowance = _HEADER_BYTES
                info = archive.next()
                stream.allowance = None
            if info is None:
                break
            # It would remember all that it has seen.
            archive.members = []  # type: ignore[attr-defined]
            archive.pax_headers = {}
            chunks = _tar_contents(path, stream, info.size if info.isfile() else 0)
            yield Member(info.name, _kind(info), info.size, info.linkname, chunks)
        with _reading(path):
            _check_end(stream)


def _kind(info: tarfile.TarInfo) -> str:
    if info.issparse():
        return "sparse file"
    if info.isreg():
        return "file"
    if info.isdir():
        return "folder"
    if info.issym():
        return "symbolic link"
    if info.islnk():
        return "hard link"
    if info.isdev():
        return "device or pipe"
    return f"member of the unknown type {info.type!r}"


def _tar_contents(path: Path, stream: _ForwardReader, size: int) -> Iterator[bytes]:
    # The stream stands at the contents, after the header.
    while size:
        with _reading(path):
            chunk = stream.read(min(size, _CHUNK))
            if not chunk:
                raise EOFError("it is truncated")
        size -= len(chunk)
        yield chunk


def _check_end(stream: _ForwardReader) -> None:
    """Tell an end from damage: `tarfile` takes any block that is no header for the end."""
    if len(stream.last) < _BLOCK:
        raise EOFError("it is truncated")
    if any(stream.last):
        raise ValueError(f"there is no header at byte {stream.tell() - _BLOCK}")
    # To the very end, where gzip and xz keep their checksums.
    for _ in range(_PADDING_BYTES // _CHUNK + 1):
        if not stream.read(_CHUNK):
            return
    raise ValueError("it goes on after its end")


class _ForwardReader(io.RawIOBase):
    """A stream that is read once, from start to end, and in small pieces while it is headers.

    `tarfile` reads headers of any announced size into memory, and goes back for a negative one.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.allowance: int | None = _HEADER_BYTES
        self.last = b""
        self._file = file
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        if self.allowance is not None:
            if not 0 <= size <= self.allowance:
                raise ValueError("a header is too large")
            self.allowance -= size
        self.last = self._file.read(size)
        self._position += len(self.last)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise ValueError("a member has a negative size")
        while self._position < offset:
            skipped = self._file.read(min(_CHUNK, offset - self._position))
            if not skipped:
                raise EOFError("it is truncated")
            self._position += len(skipped)
        return self._position

    def tell(self) -> int:
        return self._position


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    # zipfile and tarfile list nowhere what they raise for damaged files: beside their own errors,
    # EOFError, KeyError, NotImplementedError, OSError, OverflowError, RecursionError, RuntimeError,
    # struct.error, UnicodeError, ValueError, lzma's and zlib's have been seen.
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ArchiveError(
            f"unpack: {path} is damaged, or is no zip or tar archive that can be read: {reason}"
        ) from error
