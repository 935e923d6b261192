"""The file that a drawing goes to: its name is checked before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["check_target", "ending_of"]


def check_target(operation: str, to_file: str | os.PathLike[str], endings: Iterable[str]) -> Path:
    """Return the path to write, or say what is wrong with it.

    Args:
        operation: The public function that speaks in the error.
        to_file: What the user gave.
        endings: The file endings, without the dot, that can be written.

    Returns:
        The path. Its ending (in any case) is one of `endings` and its folder exists.

    Raises:
        TypeError: `to_file` is no path.
        ValueError: The file ending is missing or unknown.
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: The path is a folder.
    """
    if not isinstance(to_file, str | os.PathLike):
        raise TypeError(
            f"{operation}: to_file must be a file name (str or Path), got {type(to_file).__name__}"
        )
    path = Path(to_file)
    if path.is_dir():
        raise IsADirectoryError(f"{operation}: {str(path)!r} is a folder, not a file")
    if ending_of(path) not in (known := sorted(endings)):
        found = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        wanted = ", ".join(f".{ending}" for ending in known)
        raise ValueError(
            f"{operation}: the file name {str(path)!r} {found}; the ending says what is drawn: "
            f"use one of {wanted}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{operation}: the folder {str(path.parent)!r} does not exist; make it first"
        )
    return path


def ending_of(path: str | os.PathLike[str]) -> str:
    """Return the file ending in lower case and without its dot."""
    return Path(path).suffix[1:].lower()
