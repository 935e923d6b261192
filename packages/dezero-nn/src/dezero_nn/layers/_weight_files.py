"""Arrays by name in a file: NumPy's npz, read and written without pickle."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import IO, Any

import numpy as np

from dezero_core.files import atomic_write
from dezero_core.typing import Array
from dezero_nn.layers._state import Saved

__all__ = ["read_weights", "write_weights"]

_ENDING = ".npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write_weights(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write NumPy arrays into a new file, which takes its name when it is complete.

    The same arrays give the same bytes. They are not compressed, for weights hardly shrink. (And
    not written by `numpy.savez`, whose own parameters are names that no array can have.)
    """
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(name + _ENDING)
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)


def read_weights(
    path: str | os.PathLike[str], check: Callable[[Mapping[str, Saved]], None]
) -> dict[str, Array]:
    """Read a file, after `check` has seen the shapes and dtypes of all its arrays.

    Args:
        path: The file.
        check: Raises if they are not what is wanted. Only then are the arrays read.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no npz file, or is damaged.
    """
    with open(path, "rb") as file:
        with _explaining(path):
            archive = zipfile.ZipFile(file)
            headers = {_name_of(m): _read_header(archive, m) for m in archive.infolist()}
        check(headers)
        with _explaining(path):
            return {_name_of(m): _read(archive, m) for m in archive.infolist()}


def _name_of(member: zipfile.ZipInfo) -> str:
    if not member.filename.endswith(_ENDING):
        raise ValueError(f"it holds {member.filename}, which is no array")
    return member.filename.removesuffix(_ENDING)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Saved:
    with archive.open(member) as stream:
        shape, dtype = _parse_header(stream)
        # A file of a few bytes could claim to hold an array that no memory can.
        if stream.tell() + prod(shape) * dtype.itemsize != member.file_size:
            raise ValueError(f"{member.filename} has not the size that its header says")
    return Saved(shape, dtype)


def _parse_header(stream: IO[bytes]) -> tuple[tuple[int, ...], Any]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"it has an array in the format {version}, which holds no numbers")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError("it has an array of Python objects, which could run code")
    return shape, dtype


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


@contextmanager
def _explaining(path: str | os.PathLike[str]) -> Iterator[None]:
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
        raise ValueError(
            f"load_weights: {os.fspath(path)} is no weight file (npz), or is damaged: {error}"
        ) from error
