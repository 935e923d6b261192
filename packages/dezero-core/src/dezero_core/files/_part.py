"""The part of a file that has been downloaded so far, and what it is a part of."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["PART_ENDING", "RECORD_ENDING", "Origin", "Part", "validator_of"]

PART_ENDING = ".part"
RECORD_ENDING = ".part.json"

_STRONG_ETAG = re.compile(r'"[!#-~\x80-\xff]*"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [\w: ]{10,30} GMT", re.ASCII)


class Origin(NamedTuple):
    """The file that a part is the beginning of."""

    address: str
    validator: str  # the server's strong ETag of it, or else its date
    length: int


def validator_of(etag: str | None, date: str | None, checked: bool) -> str | None:
    """Return what names a version of a file well enough to put two halves of it together.

    A strong ETag does. A date does not, since a file may change twice within a second; it will do
    where a checksum is to judge the whole.
    """
    if etag is not None and _STRONG_ETAG.fullmatch(etag):
        return etag
    if checked and date is not None and _DATE.fullmatch(date):
        return date
    return None


class Part:
    """``NAME.part``, the bytes so far, and ``NAME.part.json``, where they are from.

    A part without the latter is of no use to anybody: it is removed when a download fails.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + PART_ENDING)
        self._target = target
        self._record = target.with_name(target.name + RECORD_ENDING)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def origin(self, address: str, *, checked: bool) -> Origin | None:
        """Return what the part is the beginning of, if the rest can be had from this address."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            origin = Origin(str(record["address"]), str(record["validator"]), int(record["length"]))
        except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
            return None
        validator = validator_of(origin.validator, origin.validator, checked)
        if origin.address != address or validator is None or not 0 < self.size <= origin.length:
            return None
        return origin

    def begin(self, origin: Origin | None) -> BinaryIO:
        """Open the part, empty. Without an origin, it is good for this attempt alone."""
        self.remove()  # so that the record never describes other bytes
        if origin is not None:
            # Half of it says nothing, so that there is no need to write it beside and rename.
            self._record.write_text(json.dumps(origin._asdict()), encoding="utf-8")
        return open(self.path, "wb")

    def go_on(self) -> BinaryIO:
        """Open the part at its end."""
        return open(self.path, "ab")

    def finish(self) -> None:
        """Give the file its name."""
        os.replace(self.path, self._target)
        self._record.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove the part, unless a later attempt can go on from it."""
        if self.size == 0 or not self._record.exists():
            self.remove()

    def remove(self) -> None:
        """Remove the part."""
        self._record.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
