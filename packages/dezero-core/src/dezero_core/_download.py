"""One file from one address, or the reason why not.

Apart from `dezero_core.files`, so that only those who download import Python's HTTP client.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dezero_core.__about__ import __version__

__all__ = ["UnusableError", "fetch", "is_safe", "verify"]

_CHUNK = 1 << 20
_TIMEOUT = 30.0  # seconds without a byte, not for the whole file
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class UnusableError(Exception):
    """What is wrong with one address, or with a file: the reason to try the next one."""


def fetch(address: str, checksums: Mapping[str, str], max_bytes: int | None) -> Iterator[bytes]:
    """Give the bytes of an address, piece by piece.

    Only the network's errors become `UnusableError`. Those of the disk are the caller's, and stay
    what they are: another mirror does not help against a full disk.

    Args:
        address: Where the file is.
        checksums: Hexadecimal digests that the whole must have, by name (``"sha256"``).
        max_bytes: How much to accept at most.

    Yields:
        Pieces of the file. They are the right file only if the last one raises nothing.

    Raises:
        UnusableError: The address cannot be had, breaks off, is too long, or is another file.
    """
    request = urllib.request.Request(address, headers={"User-Agent": f"dezero-core/{__version__}"})
    digests = {kind: _new_digest(kind) for kind in checksums}
    size = 0
    try:
        with urllib.request.build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT) as reply:
            announced: int | None = reply.length
            _check_size(announced, max_bytes)
            while chunk := reply.read(_CHUNK):
                size += len(chunk)
                _check_size(size, max_bytes)
                for digest in digests.values():
                    digest.update(chunk)
                yield chunk
    except urllib.error.HTTPError as error:
        error.close()
        raise UnusableError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise UnusableError(str(error.reason)) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise UnusableError(f"{type(error).__name__}: {error}") from error
    # A connection that ends early looks like the end of the file.
    if announced is not None and size != announced:
        raise UnusableError(f"broke off after {size} of {announced} bytes")
    _compare(checksums, digests)


def verify(path: Path, checksums: Mapping[str, str]) -> None:
    """Compare a file's digests with the wanted ones; read nothing if none is wanted.

    Raises:
        UnusableError: One differs.
        OSError: The file cannot be read.
    """
    digests = {kind: _new_digest(kind) for kind in checksums}
    if digests:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
    _compare(checksums, digests)


def is_safe(address: str) -> bool:
    """Tell whether an address is https, or plain http to this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in _THIS_MACHINE


def _check_size(size: int | None, max_bytes: int | None) -> None:
    if size is not None and max_bytes is not None and size > max_bytes:
        raise UnusableError(f"is larger than the {max_bytes} bytes allowed")


def _compare(checksums: Mapping[str, str], digests: Mapping[str, Any]) -> None:
    for kind, wanted in checksums.items():
        got = digests[kind].hexdigest()
        if got != wanted:
            raise UnusableError(f"has {kind} {got}, not {wanted}")


def _new_digest(kind: str) -> Any:
    # MD5 finds damage, not malice; saying so keeps it usable where a system forbids it for secrets.
    return hashlib.new(kind, usedforsecurity=kind != "md5")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a server elsewhere, but never away from https."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not is_safe(newurl):
            fp.close()
            raise UnusableError(f"leads to {newurl}, which is not an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
