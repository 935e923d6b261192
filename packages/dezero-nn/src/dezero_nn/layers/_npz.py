"""NumPy's npz format, read and written without pickle: a zip archive with a member per array."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import IO, Any, BinaryIO

import numpy as np

from dezero_core.typing import Array
from dezero_nn.layers._arrays import ArrayFile
from dezero_nn.layers._state import Saved

__all__ = ["open_arrays", "prepare", "write_arrays"]

_ENDING = ".npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def prepare(operation: str) -> None:
    """Make sure that the format can be used: NumPy's always can."""


def write_arrays(file: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Write NumPy arrays.

    They are not compressed, for weights hardly shrink. (And not written by `numpy.savez`, whose own
    parameters are names that no array can have.)
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # Without the time, so that the same arrays give the same bytes.
            member = zipfile.ZipInfo(name + _ENDING)
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)


@contextmanager
def open_arrays(
    file: BinaryIO, operation: str, *, kind: str = "weight file (npz)"
) -> Iterator[ArrayFile]:
    """Open a file that `write_arrays` or `numpy.savez` wrote.

    Args:
        file: The open file.
        operation: Who asks, and for which file, for messages.
        kind: What the file should be, for messages.

    Raises:
        ValueError: It is no such file, or is damaged; when an array is read, too.
    """
    # What is raised in the body of the caller's `with` is none of our business: so no `with` here.
    with _explaining(operation, kind):
        archive = zipfile.ZipFile(file)
    with archive:
        with _explaining(operation, kind):
            members = archive.infolist()
            found = {_name_of(member): _read_header(archive, member) for member in members}

        def read(name: str) -> Array:
            with _explaining(operation, kind), archive.open(name + _ENDING) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)

        yield ArrayFile(found, read)


def _name_of(member: zipfile.ZipInfo) -> str:
    if not member.filename.endswith(_ENDING):
        raise ValueError(f"it holds {member.filename}, which is no array")
    return member.filename.removesuffix(_ENDING)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Saved:
    with archive.open(member) as stream:
        shape, dtype = _parse_header(stream)
        if dtype.hasobject:
            # As the book's package writes for a model that was never called.
            raise ValueError(f"{member.filename} has Python objects, which could run code")
        # A file of a few bytes could claim to hold an array that no memory can.
        if stream.tell() + prod(shape) * dtype.itemsize != member.file_size:
            raise ValueError(f"{member.filename} has not the size that its header says")
    return Saved(shape, dtype)


def _parse_header(stream: IO[bytes]) -> tuple[tuple[int, ...], Any]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"it has an array in the format {version}, which holds no numbers")
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype


@contextmanager
def _explaining(operation: str, kind: str) -> Iterator[None]:
    """Turn all that damaged files make `zipfile` and NumPy raise into one kind of error."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise ValueError(f"{operation} is no {kind}, or is damaged: {error}") from error
