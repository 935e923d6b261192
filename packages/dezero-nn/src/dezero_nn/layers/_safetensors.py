"""The safetensors format, through the package of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np

from dezero_core.typing import Array
from dezero_nn.layers._arrays import ArrayFile
from dezero_nn.layers._state import Saved

__all__ = ["open_arrays", "prepare", "write_arrays"]

# What the format calls them, and NumPy.
_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "U16": "u2",
    "U32": "u4",
    "U64": "u8",
    "I8": "i1",
    "I16": "i2",
    "I32": "i4",
    "I64": "i8",
    "F16": "f2",
    "F32": "f4",
    "F64": "f8",
}


def prepare(operation: str) -> None:
    """Make sure that the package is installed.

    Raises:
        ModuleNotFoundError: It is not; the message says what to install.
    """
    if find_spec("safetensors") is None:
        raise ModuleNotFoundError(
            f"{operation}: .safetensors files need a package that is not installed: "
            "pip install 'dezero-nn[safetensors]'",
            name="safetensors",
        )


def write_arrays(file: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Write NumPy arrays."""
    from safetensors.numpy import save

    # The package writes memory as it lies there.
    file.write(save({name: np.asarray(array, order="C") for name, array in arrays.items()}))


@contextmanager
def open_arrays(file: BinaryIO, operation: str) -> Iterator[ArrayFile]:
    """Open a file.

    Raises:
        ValueError: It is no such file, or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    kind = "weight file (safetensors)"
    try:
        archive: Any = safe_open(file.name, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{operation} is no {kind}, or is damaged: {error}") from error
    with archive:
        found = {}
        for name in archive.keys():  # noqa: SIM118  (it is no mapping)
            part = archive.get_slice(name)
            kind_of_number = part.get_dtype()
            if kind_of_number not in _DTYPES:
                raise ValueError(f"{operation} has {name} in {kind_of_number}, which NumPy lacks")
            found[name] = Saved(tuple(part.get_shape()), np.dtype(_DTYPES[kind_of_number]))
        yield ArrayFile(found, archive.get_tensor)
