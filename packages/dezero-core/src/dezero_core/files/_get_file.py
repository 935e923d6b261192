"""A file of the cache folder, downloaded if it is not there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dezero_core.files._cache import cache_dir, plain_name
from dezero_core.files._lock import locked
from dezero_core.files._part import Part
from dezero_core.files.errors import DownloadError

__all__ = ["get_file"]

_HEX_DIGITS = {"sha256": 64, "md5": 32}


def get_file(
    url: str,
    file_name: str | None = None,
    *,
    mirrors: Sequence[str] = (),
    sha256: str | None = None,
    md5: str | None = None,
    max_bytes: int | None = None,
    progress: bool | None = None,
) -> Path:
    """Return a file of the cache folder, after downloading it if it is not there.

    A file that is there and has the right checksum needs no connection. One with a wrong checksum
    is downloaded again, and replaced only by one that is right. Several processes may ask for the
    same file at once: one downloads it, the others wait.

    A download that breaks off, or is interrupted, goes on where it stopped: right away while the
    connection can be made again, otherwise at the next call. Until then ``NAME.part`` holds what
    has come, provided that the server said which version of the file it is: by a strong ETag, or
    by a date if there is a checksum to judge the whole. Otherwise nothing is kept, and nothing
    either of a file that turned out wrong or too large, or that the disk had no room for.

    Args:
        url: Where the file is. https; plain http is for servers on this machine alone.
        file_name: Its name in the cache folder. Default: the last part of the address.
        mirrors: Further addresses of the same file, tried in this order when `url` fails.
        sha256: The SHA-256 of the file, in hexadecimal.
        md5: The MD5 of the file, for sources that publish no better one.
        max_bytes: Refuse to download more than this.
        progress: Show a bar on stderr (True) or none (False); None shows one if stderr is a
            terminal and tqdm is installed, as the extra ``dezero-core[progress]`` does.

    Returns:
        The path of the file.

    Raises:
        TypeError: An address is no string, or `mirrors` is a single string.
        ValueError: An address is not https, a checksum not hexadecimal of the right length, or
            `file_name` not the plain name of a file.
        ModuleNotFoundError: `progress` is True, but tqdm is not installed.
        DownloadError: No address gave the file with these checksums and of this size.
        OSError: The cache folder cannot be written, or the disk is full.

    Example:
        >>> get_file("http://example.org/weights.npz")
        Traceback (most recent call last):
        ...
        ValueError: get_file: http://example.org/weights.npz is not an https address
    """
    # Here, since Python's HTTP client alone takes a fifth of the time of importing DeZero.
    from dezero_core.files import _http
    from dezero_core.files._progress import progress_bars

    if isinstance(mirrors, str):
        raise TypeError(f"get_file: mirrors is a sequence of addresses, not one string {mirrors!r}")
    addresses = (url, *mirrors)
    for address in addresses:
        if not isinstance(address, str):
            raise TypeError(f"get_file: an address is a string, not {type(address).__name__}")
        if not _http.is_safe(address):
            raise ValueError(f"get_file: {address} is not an https address")
    checksums = _checksums(sha256=sha256, md5=md5)
    name = _name(url, file_name)
    bars = progress_bars(progress, name)
    target = cache_dir() / name

    if _fault(target, checksums) is None:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, None if bars is None else _saying_that_we_wait(name)):
            fault = _fault(target, checksums)
            if fault is None:
                return target  # another process was first
            failures = [fault] if fault else []
            part = Part(target)
            for address in addresses:
                try:
                    _http.download(
                        address, part, checksums=checksums, max_bytes=max_bytes, bars=bars
                    )
                    part.finish()
                except _http.UnusableError as error:
                    failures.append(f"{address}: {error}")
                except OSError:
                    part.remove()
                    raise
                else:
                    return target
                finally:
                    part.tidy()
    except OSError as error:
        error.add_note(
            f"get_file was writing {target}. To keep downloads elsewhere than in {target.parent}, "
            "set DEZERO_HOME to another folder."
        )
        raise
    having = "".join(f", with {kind} {digest}" for kind, digest in checksums.items())
    raise DownloadError(
        f"get_file: cannot get {name}\n  "
        + "\n  ".join(failures)
        + f"\nTo do without a connection, put the file at {target}{having}"
    )


def _fault(target: Path, checksums: Mapping[str, str]) -> str | None:
    """Return None for a file that is right, what is wrong with it, or "" if it is not there."""
    from dezero_core.files import _http

    if not target.is_file():
        return ""
    try:
        _http.verify(target, checksums)
    except _http.UnusableError as error:
        return f"{target}: {error}"
    return None


def _saying_that_we_wait(name: str) -> Callable[[], object]:
    return lambda: print(
        f"{name}: another process is downloading it, waiting ...", file=sys.stderr, flush=True
    )


def _checksums(**given: str | None) -> dict[str, str]:
    checksums = {kind: digest.lower() for kind, digest in given.items() if digest is not None}
    for kind, digest in checksums.items():
        if len(digest) != _HEX_DIGITS[kind] or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(
                f"get_file: {kind} is {_HEX_DIGITS[kind]} hexadecimal digits, not {digest!r}"
            )
    return checksums


def _name(url: str, file_name: str | None) -> str:
    if file_name is not None:
        return plain_name("get_file", file_name)
    try:
        return plain_name("get_file", unquote(urlsplit(url).path.rpartition("/")[2]))
    except ValueError as error:
        raise ValueError(f"{error}; give one as file_name") from None
