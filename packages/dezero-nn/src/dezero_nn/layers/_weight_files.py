"""Arrays by name in a file, in the format that the file's ending tells; never a pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dezero_core.files import atomic_write
from dezero_core.typing import Array
from dezero_nn.layers import _npz, _safetensors
from dezero_nn.layers._arrays import ArrayFile

__all__ = ["open_weights", "write_weights"]

_FORMATS: dict[str, Any] = {".npz": _npz, ".safetensors": _safetensors}


def write_weights(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write NumPy arrays into a new file, which takes its name when it is complete.

    The same arrays give the same bytes.

    Raises:
        ValueError: The file's ending is that of no format.
        ModuleNotFoundError: The package that the format needs is not installed.
    """
    module = _format_of("save_weights", path)
    with atomic_write(path) as file:
        module.write_arrays(file, arrays)


@contextmanager
def open_weights(path: str | os.PathLike[str]) -> Iterator[ArrayFile]:
    """Open a file of weights.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file's ending is that of no format, or the file is not in it, or damaged.
        ModuleNotFoundError: The package that the format needs is not installed.
    """
    module = _format_of("load_weights", path)
    with open(path, "rb") as file, module.open_arrays(file, f"load_weights: {path}") as arrays:
        yield arrays


def _format_of(operation: str, path: str | os.PathLike[str]) -> Any:
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in _FORMATS:
        raise ValueError(
            f"{operation}: the file's ending tells the format, {' or '.join(_FORMATS)}, and that "
            f"of {os.path.basename(os.fspath(path))!r} is neither"
        )
    _FORMATS[ending].prepare(operation)
    return _FORMATS[ending]
