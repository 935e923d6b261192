"""Writing a file that is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, overload

__all__ = ["atomic_write"]


@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb"] = "wb"
) -> AbstractContextManager[BinaryIO]: ...
@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["w"]
) -> AbstractContextManager[TextIO]: ...
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb", "w"] = "wb"
) -> AbstractContextManager[Any]:
    """Open a file for writing that appears under its name whole, or not at all.

    The bytes go to a temporary file in the same folder, reach the disk, and take the name in one
    step when the block ends. If the block fails, or is interrupted, the temporary file is removed
    and what stood under the name before stays as it was.

    Args:
        path: Where the file shall be. Its folder must exist. A symbolic link is followed.
        mode: ``"wb"`` for bytes; ``"w"`` for text, in UTF-8 with Unix line ends everywhere.

    Returns:
        A context manager that gives the open file.

    Raises:
        ValueError: Another mode.
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: There is a folder under this name.
        OSError: The disk is full, or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "figures.txt")
        >>> with atomic_write(path, "w") as file:
        ...     _ = file.write("epoch 1")
        >>> path.read_text()
        'epoch 1'
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"atomic_write: mode is 'wb' or 'w', not {mode!r}")
    return _replacing(Path(os.path.realpath(path)), mode)


@contextmanager
def _replacing(target: Path, mode: str) -> Iterator[Any]:
    # Looked at first: found out at the end, the work of the block would be lost.
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"atomic_write: cannot write {target.name}, there is no folder {target.parent}"
        )
    if target.is_dir():
        raise IsADirectoryError(f"atomic_write: {target} is a folder")
    # The same folder, since a rename is one step only inside a file system. Not `tempfile`: its
    # files are private to their owner, and so would be every file that we write.
    temporary = target.with_name(f".dezero-{secrets.token_hex(8)}.tmp")
    text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
