"""An archive from elsewhere, unpacked into a folder of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dezero_core.files._cache import remove
from dezero_core.files._lock import locked
from dezero_core.files._part import PART_ENDING
from dezero_core.files.errors import ArchiveError

if TYPE_CHECKING:
    from dezero_core.files._archives import Member

__all__ = ["unpack"]

_Parts: TypeAlias = tuple[str, ...]

_SMALLEST = 512
_LONGEST_PART = 255  # bytes; what file systems allow
_LONGEST_NAME = 1024
_LARGEST = 1 << 32
_DRIVE = re.compile(r"[A-Za-z]:")


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    max_bytes: int = _LARGEST,
    members: Collection[str] | None = None,
) -> Path:
    """Unpack a zip or tar archive into a folder that appears whole, or not at all.

    A folder that is there and not empty was unpacked before: it is returned as it stands. Several
    processes may ask for the same one at once: one unpacks, the others wait. If it is killed, the
    next attempt starts over.

    The archive need not be trusted. Nothing is written but plain files and folders, below the
    folder, with the permissions, owner and date of new files. A link to a file of the archive
    becomes a copy of it. The whole archive is refused if what is to be unpacked has an absolute
    name or one that leads upwards, is a link elsewhere or a device, or is more than `max_bytes`;
    what counts is the bytes that come out, not what the archive says.

    Args:
        archive: A zip file, or a tar file, that one as it is or compressed by gzip, bzip2 or xz.
            It is told by its contents, not by its name.
        folder: Where its contents go. The folder above it must exist.
        max_bytes: The most to unpack, 4 GiB if not given. Everything counts as 512 bytes at least,
            and what `members` leaves out counts as well.
        members: The names of the files to unpack, and of folders with all that is in them.
            Default: all.

    Returns:
        The folder.

    Raises:
        TypeError: `members` is a single string.
        ArchiveError: The archive is damaged, holds something that is refused, or lacks a member.
        FileNotFoundError: There is no such archive, or no folder above `folder`.
        FileExistsError: There is a file in the folder's place.
        OSError: The archive cannot be read, the folder not written, or the disk is full.

    Example:
        >>> import tempfile, zipfile
        >>> place = Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(place / "digits.zip", "w") as file:
        ...     file.writestr("train/one.txt", "1")
        ...     file.writestr("../outside.txt", "2")
        >>> folder = unpack(place / "digits.zip", place / "digits", members=["train"])
        >>> [path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")]
        ['train/one.txt']
        >>> unpack(place / "digits.zip", place / "all")
        Traceback (most recent call last):
        ...
        dezero_core.files.errors.ArchiveError: ... '../outside.txt': the name leads upwards
    """
    if isinstance(members, str):
        raise TypeError(f"unpack: members is a collection of names, not one string {members!r}")
    archive, folder = Path(archive), Path(os.path.abspath(folder))
    if not archive.exists():
        raise FileNotFoundError(f"unpack: there is no file {archive}")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"unpack: there is no folder {folder.parent}")
    if _is_there(folder):
        return folder
    with locked(folder):
        if _is_there(folder):
            return folder  # another process was first
        growing = folder.with_name(folder.name + PART_ENDING)
        remove(growing)  # of a process that was killed
        try:
            growing.mkdir()
            _Unpacking(archive, growing, max_bytes, members).run()
            if folder.exists():
                folder.rmdir()  # Windows replaces not even an empty one
            growing.rename(folder)
        except BaseException as error:
            remove(growing)
            if isinstance(error, OSError):
                error.add_note(f"unpack was writing {folder}, from {archive}.")
            raise
    return folder


def _is_there(folder: Path) -> bool:
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise FileExistsError(f"unpack: {folder} is a file")
    return any(folder.iterdir())


class _Unpacking:
    """One archive on its way into an empty folder."""

    def __init__(
        self, archive: Path, folder: Path, max_bytes: int, members: Collection[str] | None
    ) -> None:
        self.archive = archive
        self.folder = folder
        self.max_bytes = max_bytes
        self.wanted = None if members is None else {_split(name): name for name in members}
        self.found: set[_Parts] = set()
        self.bytes = 0
        self.files: set[_Parts] = set()
        self.folders: set[_Parts] = {()}

    def run(self) -> None:
        # Here: `zipfile`, `tarfile` and the compressions are of use to nobody else.
        from dezero_core.files._archives import members_of

        links: list[tuple[str, _Parts, _Parts]] = []
        with closing(members_of(self.archive)) as members:
            self.take(members, links)
        self.copy_links(links)
        if self.wanted is not None:
            missing = sorted(name for parts, name in self.wanted.items() if parts not in self.found)
            if missing:
                raise ArchiveError(f"unpack: {self.archive} has no {', '.join(missing)}")

    def take(self, members: Iterator[Member], links: list[tuple[str, _Parts, _Parts]]) -> None:
        """Write files and folders. Links are collected, as what they lead to may come later."""
        for member in members:
            parts = _split(member.name)
            if not self.is_wanted(parts):
                # Reading a tar archive passes over its contents.
                self.charge(member.name, max(member.size, _SMALLEST))
                continue
            self.check_name(member.name)
            if member.kind == "folder":
                self.make_folder(member.name, parts)
            elif member.kind == "file":
                self.write(member.name, parts, member.chunks)
            elif member.kind in ("symbolic link", "hard link"):
                self.charge(member.name, _SMALLEST)
                base = parts[:-1] if member.kind == "symbolic link" else ()
                links.append((member.name, parts, self.resolve(member.name, base, member.target)))
            else:
                raise self.refusal(member.name, f"it is a {member.kind}")

    def is_wanted(self, parts: _Parts) -> bool:
        if self.wanted is None:
            return True
        above = {parts[:count] for count in range(len(parts) + 1)} & self.wanted.keys()
        self.found |= above
        return bool(above)

    def check_name(self, name: str) -> None:
        """Refuse a name that leads out of the folder, or that no folder can hold."""
        parts = _split(name)
        reason = None
        if name.startswith("/") or _DRIVE.match(name):
            reason = "the name is absolute"
        elif ".." in parts:
            reason = "the name leads upwards"
        elif "\\" in name or "\0" in name:
            reason = "the name has a character that no portable name has"
        elif os.name == "nt" and not _is_name_on_windows(parts, name):
            reason = "the name is none that Windows allows"
        else:
            try:
                length = len(os.fsencode(name))
                longest = max((len(os.fsencode(part)) for part in parts), default=0)
            except UnicodeEncodeError:
                reason = "the name cannot be written in this file system"
            else:
                if length > _LONGEST_NAME or longest > _LONGEST_PART:
                    reason = "the name is too long"
        if reason is not None:
            raise self.refusal(name, reason)

    def resolve(self, name: str, base: _Parts, target: str) -> _Parts:
        """Return where a link leads. Since none is ever made, its name alone tells."""
        if target.startswith("/") or "\\" in target or _DRIVE.match(target):
            raise self.refusal(name, f"it is a link to {target!r}, outside the folder")
        parts = list(base)
        for part in _split(target):
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
            else:
                raise self.refusal(name, f"it is a link to {target!r}, outside the folder")
        return tuple(parts)

    def copy_links(self, links: list[tuple[str, _Parts, _Parts]]) -> None:
        # Links to links: each round copies at least one, or none of the rest leads anywhere.
        while links:
            rest = []
            for name, parts, source in links:
                if source in self.files and source != parts:
                    self.write(name, parts, _chunks(self.folder.joinpath(*source)))
                else:
                    rest.append((name, parts, source))
            if len(rest) == len(links):
                name, _, source = rest[0]
                raise self.refusal(
                    name, f"it is a link to {'/'.join(source)!r}, which is no file unpacked with it"
                )
            links = rest

    def make_folder(self, name: str, parts: _Parts) -> None:
        for count in range(1, len(parts) + 1):
            above = parts[:count]
            if above in self.files:
                raise self.refusal(name, f"{'/'.join(above)!r} is a file already")
            if above not in self.folders:
                self.charge(name, _SMALLEST)
                self.folder.joinpath(*above).mkdir(exist_ok=True)
                self.folders.add(above)

    def write(self, name: str, parts: _Parts, chunks: Iterator[bytes]) -> None:
        if parts in self.folders:
            raise self.refusal(name, "it is a folder already")
        self.make_folder(name, parts[:-1])
        size = 0
        with open(self.folder.joinpath(*parts), "wb") as file:
            for chunk in chunks:
                self.charge(name, len(chunk))
                size += len(chunk)
                file.write(chunk)
        self.charge(name, max(_SMALLEST - size, 0))
        self.files.add(parts)

    def charge(self, name: str, count: int) -> None:
        self.bytes += count
        if self.bytes > self.max_bytes:
            raise self.refusal(name, f"with it, there are more than {self.max_bytes} bytes")

    def refusal(self, name: str, reason: str) -> ArchiveError:
        return ArchiveError(f"unpack: {self.archive} holds {name!r}: {reason}")


def _split(name: str) -> _Parts:
    return tuple(part for part in name.split("/") if part not in ("", "."))


def _is_name_on_windows(parts: _Parts, name: str) -> bool:
    # It drops dots and blanks at the end, so that what seems one name is another.
    return not set(name) & set('<>:"|?*') and all(part == part.rstrip(". ") for part in parts)


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(1 << 18):
            yield chunk
