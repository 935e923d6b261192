"""One file from one address, or the reason why not.

Apart from the rest, so that only those who download import Python's HTTP client.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dezero_core.__about__ import __version__
from dezero_core.files._part import Origin, Part, validator_of
from dezero_core.files._progress import Bars

__all__ = ["UnusableError", "download", "is_safe", "verify"]

_CHUNK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte, not for the whole file
_ATTEMPTS = 5
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


class UnusableError(Exception):
    """What is wrong with one address, or with a file: the reason to try the next one."""


class _BrokenOffError(UnusableError):
    """The connection was lost on the way."""


def download(
    address: str,
    part: Part,
    *,
    checksums: Mapping[str, str],
    max_bytes: int | None = None,
    bars: Bars | None = None,
) -> None:
    """Complete a part from an address: from where it stopped, if the server has the same file yet.

    A connection that breaks off is made again while that brings the file forward. Only the
    network's errors become `UnusableError`. Those of the disk stay what they are: another mirror
    does not help against a full disk.

    Args:
        address: Where the file is.
        part: Where the bytes go. After an error it holds what a later attempt can go on from; a
            file that is complete but wrong is removed.
        checksums: Hexadecimal digests that the whole must have, by name (``"sha256"``).
        max_bytes: How much to accept at most.
        bars: Makes a progress bar.

    Raises:
        UnusableError: The address cannot be had, breaks off, is too long, or is another file.
        OSError: The part cannot be written.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        size = part.size
        try:
            _receive(address, part, checked=bool(checksums), max_bytes=max_bytes, bars=bars)
        except _BrokenOffError:
            can_go_on = part.origin(address, checked=bool(checksums)) is not None
            if attempt == _ATTEMPTS or part.size <= size or not can_go_on:
                raise
        else:
            break
    try:
        verify(part.path, checksums)
    except UnusableError:
        part.remove()
        raise


def verify(path: Path, checksums: Mapping[str, str]) -> None:
    """Compare a file's digests with the wanted ones; read nothing if none is wanted.

    Raises:
        UnusableError: One differs.
        OSError: The file cannot be read.
    """
    # MD5 finds damage, not malice; saying so keeps it usable where a system forbids it for secrets.
    digests = {kind: hashlib.new(kind, usedforsecurity=kind != "md5") for kind in checksums}
    if digests:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
    for kind, wanted in checksums.items():
        got = digests[kind].hexdigest()
        if got != wanted:
            raise UnusableError(f"has {kind} {got}, not {wanted}")


def is_safe(address: str) -> bool:
    """Tell whether an address is https, or plain http to this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in _THIS_MACHINE


def _receive(
    address: str, part: Part, *, checked: bool, max_bytes: int | None, bars: Bars | None
) -> None:
    """Ask once, and write what comes."""
    origin = part.origin(address, checked=checked)
    if origin is not None and part.size == origin.length:
        _check_size(origin.length, max_bytes)
        return  # the program ended between the last byte and the end of the work
    with _network(UnusableError):
        reply, goes_on = _ask(address, part.size, origin)
    with closing(reply):
        size = part.size if goes_on else 0
        # What a reply has left counts down while it is read.
        announced = reply.length if origin is None or not goes_on else origin.length
        _check_size(announced, max_bytes)
        if not goes_on:
            origin = _origin(address, reply, checked)
        bar = nullcontext(_nothing) if bars is None else bars(announced, size)
        with part.go_on() if goes_on else part.begin(origin) as file, bar as advance:
            for chunk in _chunks(reply):
                size += len(chunk)
                if _is_too_large(size, max_bytes) or _is_too_large(size, announced):
                    break
                file.write(chunk)
                file.flush()  # so that it is there if this process is killed
                advance(len(chunk))
            os.fsync(file.fileno())
    try:
        _check_size(size, max_bytes)
        if _is_too_large(size, announced):
            raise UnusableError(f"sends more than the {announced} bytes it announced")
    except UnusableError:
        part.remove()
        raise
    # A connection that ends early looks like the end of the file.
    if announced is not None and size < announced:
        raise _BrokenOffError(f"broke off after {size} of {announced} bytes")


def _ask(address: str, size: int, origin: Origin | None) -> tuple[http.client.HTTPResponse, bool]:
    """Ask for the rest of a file, or for all of it if there is nothing to go on from.

    Returns:
        The reply, and whether it is the rest.
    """
    if origin is not None:
        # With If-Range, the server sends the whole file if it is another one by now.
        try:
            reply = _open(address, {"Range": f"bytes={size}-", "If-Range": origin.validator})
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
        else:
            if reply.status == http.HTTPStatus.OK:
                return reply, False
            if _fits(reply, size, origin):
                return reply, True
            reply.close()
    reply = _open(address, {})
    if reply.status != http.HTTPStatus.OK:
        reply.close()
        raise UnusableError(f"HTTP {reply.status} {reply.reason}, which is not the whole file")
    return reply, False


def _fits(reply: http.client.HTTPResponse, size: int, origin: Origin) -> bool:
    """Tell whether a reply is the rest of the file, to its end, and of the same version of it."""
    found = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
    if reply.status != http.HTTPStatus.PARTIAL_CONTENT or found is None:
        return False
    # Not every server that knows ranges minds If-Range.
    named = reply.headers.get("ETag" if origin.validator.startswith('"') else "Last-Modified")
    return (
        tuple(map(int, found.groups())) == (size, origin.length - 1, origin.length)
        and reply.length in (None, origin.length - size)
        and named in (None, origin.validator)
    )


def _origin(address: str, reply: http.client.HTTPResponse, checked: bool) -> Origin | None:
    """Return what lets a later attempt go on from this reply, if it says enough for that."""
    headers = reply.headers
    validator = validator_of(headers.get("ETag"), headers.get("Last-Modified"), checked)
    if validator is None or reply.length is None or headers.get("Accept-Ranges") == "none":
        return None
    return Origin(address, validator, reply.length)


def _open(address: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    request = urllib.request.Request(
        address, headers={"User-Agent": f"dezero-core/{__version__}", **headers}
    )
    reply: http.client.HTTPResponse
    reply = urllib.request.build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT)
    return reply


def _chunks(reply: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        with _network(_BrokenOffError):
            # What is there already, not a full chunk: what has come is kept if the rest does not.
            chunk = reply.read1(_CHUNK)
        if not chunk:
            return
        yield chunk


@contextmanager
def _network(kind: type[UnusableError]) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise kind(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise kind(str(error.reason)) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise kind(f"{type(error).__name__}: {error}") from error


def _check_size(size: int | None, max_bytes: int | None) -> None:
    if _is_too_large(size, max_bytes):
        raise UnusableError(f"is larger than the {max_bytes} bytes allowed")


def _is_too_large(size: int | None, limit: int | None) -> bool:
    return size is not None and limit is not None and size > limit


def _nothing(count: int) -> None:
    pass


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a server elsewhere, but never away from https."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not is_safe(newurl):
            fp.close()
            raise UnusableError(f"leads to {newurl}, which is not an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
