"""IDX, the format of MNIST and its relatives.

Two zero bytes, one for the dtype (8: bytes), one for the number of axes; then the length of each
axis and the values, big-endian.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data.datasets.base import DataFileError

__all__ = ["read_idx"]

_BYTES = 0x0800


def read_idx(
    path: str | os.PathLike[str],
    ndim: int,
    *,
    md5: str | None = None,
    max_bytes: int = 1 << 26,
) -> Array:
    """Read an IDX file of bytes.

    Args:
        path: The file. One whose name ends in ``.gz`` is unzipped.
        ndim: How many axes it must have: 3 for images, 1 for labels.
        md5: The MD5 of the contents, unzipped.
        max_bytes: The most values to accept, whatever a damaged or malicious header announces.

    Returns:
        uint8, of the shape in the file's header.

    Raises:
        DataFileError: The file is truncated or damaged, is no IDX file with that many axes, is too
            large, or has another MD5.
        OSError: It cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "labels")
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        >>> read_idx(path, ndim=1)
        array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    try:
        unzip_or_open: Any = gzip.open if path.suffix == ".gz" else open
        with unzip_or_open(path, "rb") as file:
            header, values = _read(file, ndim, max_bytes)
    except EOFError:
        raise DataFileError(f"{path} is truncated: its gzip stream has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(f"{path} is damaged: {error}") from error
    except DataFileError as error:
        raise DataFileError(f"{path} {error}") from None
    if md5 is not None:
        digest = hashlib.md5(header, usedforsecurity=False)
        digest.update(values)
        if digest.hexdigest() != md5.lower():
            raise DataFileError(
                f"{path} is another file than its name says: "
                f"the MD5 of its contents is {digest.hexdigest()}, not {md5}"
            )
    return values


def _read(file: Any, ndim: int, max_bytes: int) -> tuple[bytes, Array]:
    header = file.read(4 + 4 * ndim)
    magic = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and magic != _BYTES + ndim:
        raise DataFileError(
            f"starts with the magic number 0x{magic:08x}, not with 0x{_BYTES + ndim:08x} "
            f"for bytes in {ndim} {'axis' if ndim == 1 else 'axes'}"
        )
    if len(header) < 4 + 4 * ndim:
        raise DataFileError(f"is truncated: it ends within its header, at byte {len(header)}")
    shape = tuple(np.frombuffer(header, dtype=">u4", offset=4).tolist())
    size = math.prod(shape)
    if size > max_bytes:
        raise DataFileError(f"announces shape {shape}, more than the {max_bytes} bytes allowed")
    values = np.empty(shape, dtype=np.uint8)
    # Straight into the array, which is the caller's to write to, unlike one around `bytes`.
    view = values.reshape(-1).data
    got = 0
    while got < size and (count := file.readinto(view[got:])):
        got += count
    if got < size:
        raise DataFileError(f"is truncated: it holds {got} of the {size} bytes of shape {shape}")
    if file.read(1):
        raise DataFileError(f"holds more than the {size} bytes of shape {shape}")
    return header, values
