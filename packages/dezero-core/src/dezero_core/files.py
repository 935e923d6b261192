"""Files on this machine: the cache folder, writing without half-written results, downloads.

Data sets and pretrained weights both need it, so it lives here, and in the standard library alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, overload
from urllib.parse import unquote, urlsplit

__all__ = ["DownloadError", "atomic_write", "cache_dir", "get_file"]

_HEX_DIGITS = {"sha256": 64, "md5": 32}


class DownloadError(OSError):
    """No address gave the file. The message says what each answered, and where to put the file."""


def cache_dir() -> Path:
    """Return the folder that keeps downloads: ``$DEZERO_HOME``, else ``~/.dezero``.

    Returns:
        The folder. It need not exist yet.

    Example:
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, {"DEZERO_HOME": "/data/dezero"}):
        ...     cache_dir().as_posix()
        '/data/dezero'
    """
    return Path(os.environ.get("DEZERO_HOME") or Path("~", ".dezero")).expanduser()


@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb"] = "wb"
) -> AbstractContextManager[BinaryIO]: ...
@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["w"]
) -> AbstractContextManager[TextIO]: ...
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb", "w"] = "wb"
) -> AbstractContextManager[Any]:
    """Open a file for writing that appears under its name whole, or not at all.

    The bytes go to a temporary file in the same folder, reach the disk, and take the name in one
    step when the block ends. If the block fails, or is interrupted, the temporary file is removed
    and what stood under the name before stays as it was.

    Args:
        path: Where the file shall be. Its folder must exist. A symbolic link is followed.
        mode: ``"wb"`` for bytes; ``"w"`` for text, in UTF-8 with Unix line ends everywhere.

    Returns:
        A context manager that gives the open file.

    Raises:
        ValueError: Another mode.
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: There is a folder under this name.
        OSError: The disk is full, or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "figures.txt")
        >>> with atomic_write(path, "w") as file:
        ...     _ = file.write("epoch 1")
        >>> path.read_text()
        'epoch 1'
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"atomic_write: mode is 'wb' or 'w', not {mode!r}")
    return _replacing(Path(os.path.realpath(path)), mode)


@contextmanager
def _replacing(target: Path, mode: str) -> Iterator[Any]:
    # Looked at first: found out at the end, the work of the block would be lost.
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"atomic_write: cannot write {target.name}, there is no folder {target.parent}"
        )
    if target.is_dir():
        raise IsADirectoryError(f"atomic_write: {target} is a folder")
    # The same folder, since a rename is one step only inside a file system. Not `tempfile`: its
    # files are private to their owner, and so would be every file that we write.
    temporary = target.with_name(f".dezero-{secrets.token_hex(8)}.tmp")
    text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def get_file(
    url: str,
    file_name: str | None = None,
    *,
    mirrors: Sequence[str] = (),
    sha256: str | None = None,
    md5: str | None = None,
    max_bytes: int | None = None,
) -> Path:
    """Return a file of the cache folder, after downloading it if it is not there.

    A file that is there and has the right checksum needs no connection. One with a wrong checksum
    is downloaded again, and replaced only by one that is right.

    Args:
        url: Where the file is. https; plain http is for servers on this machine alone.
        file_name: Its name in the cache folder. Default: the last part of the address.
        mirrors: Further addresses of the same file, tried in this order when `url` fails.
        sha256: The SHA-256 of the file, in hexadecimal.
        md5: The MD5 of the file, for sources that publish no better one.
        max_bytes: Refuse to download more than this.

    Returns:
        The path of the file.

    Raises:
        TypeError: An address is no string, or `mirrors` is a single string.
        ValueError: An address is not https, a checksum not hexadecimal of the right length, or
            `file_name` not the plain name of a file.
        DownloadError: No address gave the file with these checksums and of this size.
        OSError: The cache folder cannot be written.

    Example:
        >>> get_file("http://example.org/weights.npz")
        Traceback (most recent call last):
        ...
        ValueError: get_file: http://example.org/weights.npz is not an https address
    """
    # Here, since Python's HTTP client alone takes a fifth of the time of importing DeZero.
    from dezero_core import _download

    if isinstance(mirrors, str):
        raise TypeError(f"get_file: mirrors is a sequence of addresses, not one string {mirrors!r}")
    addresses = (url, *mirrors)
    for address in addresses:
        if not isinstance(address, str):
            raise TypeError(f"get_file: an address is a string, not {type(address).__name__}")
        if not _download.is_safe(address):
            raise ValueError(f"get_file: {address} is not an https address")
    checksums = _checksums(sha256=sha256, md5=md5)
    name = _plain_name(url, file_name)
    target = cache_dir() / name

    failures = []
    if target.is_file():
        try:
            _download.verify(target, checksums)
        except _download.UnusableError as error:
            failures.append(f"{target}: {error}")
        else:
            return target
    target.parent.mkdir(parents=True, exist_ok=True)
    for address in addresses:
        try:
            with atomic_write(target) as file:
                for chunk in _download.fetch(address, checksums, max_bytes):
                    file.write(chunk)
        except _download.UnusableError as error:
            failures.append(f"{address}: {error}")
        else:
            return target
    having = "".join(f", with {kind} {digest}" for kind, digest in checksums.items())
    raise DownloadError(
        f"get_file: cannot get {name}\n  "
        + "\n  ".join(failures)
        + f"\nTo do without a connection, put the file at {target}{having}"
    )


def _checksums(**given: str | None) -> dict[str, str]:
    checksums = {kind: digest.lower() for kind, digest in given.items() if digest is not None}
    for kind, digest in checksums.items():
        if len(digest) != _HEX_DIGITS[kind] or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(
                f"get_file: {kind} is {_HEX_DIGITS[kind]} hexadecimal digits, not {digest!r}"
            )
    return checksums


def _plain_name(url: str, file_name: str | None) -> str:
    name = unquote(urlsplit(url).path.rpartition("/")[2]) if file_name is None else file_name
    if name in ("", ".", "..") or set(name) & set("/\\:\0"):
        raise ValueError(
            f"get_file: {name!r} is not the plain name of a file in the cache folder; "
            "give one as file_name"
        )
    return name
