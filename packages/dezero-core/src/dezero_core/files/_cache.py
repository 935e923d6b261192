"""The cache folder, and what is removed from it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from dezero_core.files._lock import LOCK_ENDING, locked
from dezero_core.files._part import PART_ENDING, RECORD_ENDING

__all__ = ["cache_dir", "plain_name", "remove", "remove_file", "remove_leftovers"]

_LEFTOVERS = (PART_ENDING, RECORD_ENDING, LOCK_ENDING)


def cache_dir() -> Path:
    """Return the folder that keeps downloads: ``$DEZERO_HOME``, else ``~/.dezero``.

    Returns:
        The folder. It need not exist yet.

    Example:
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, {"DEZERO_HOME": "/data/dezero"}):
        ...     cache_dir().as_posix()
        '/data/dezero'
    """
    return Path(os.environ.get("DEZERO_HOME") or Path("~", ".dezero")).expanduser()


def remove_file(file_name: str) -> bool:
    """Remove a file of the cache folder, or a folder there, and what broken attempts left of it.

    Args:
        file_name: Its name in the cache folder.

    Returns:
        Whether there was anything to remove.

    Raises:
        ValueError: `file_name` is not the plain name of a file.
        BlockingIOError: Another process is downloading or unpacking it.
        OSError: It cannot be removed.

    Example:
        >>> remove_file("no-such-file.gz")
        False
    """
    target = cache_dir() / plain_name("remove_file", file_name)
    paths = [target, *(target.with_name(target.name + ending) for ending in _LEFTOVERS)]
    if not any(path.exists() or path.is_symlink() for path in paths):
        return False
    with locked(target, _refuse(f"remove_file: another process is working on {target}")):
        for path in paths[:-1]:  # the lock goes by itself
            remove(path)
    return True


def remove_leftovers() -> list[str]:
    """Remove from the cache folder what broken downloads and unpackings left there.

    What another process is working on stays.

    Returns:
        The names of the files whose leftovers were removed, in order. The files themselves, if
        they are there, stay.

    Raises:
        OSError: Something cannot be removed.

    Example:
        >>> remove_leftovers()
        []
    """
    folder = cache_dir()
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:
        return []
    names = {
        entry.removesuffix(ending)
        for entry in entries
        for ending in _LEFTOVERS
        if entry.endswith(ending) and entry != ending
    }
    removed = []
    for name in sorted(names):
        target = folder / name
        try:
            with locked(target, _refuse(f"another process is working on {target}")):
                for ending in (PART_ENDING, RECORD_ENDING):
                    remove(target.with_name(name + ending))
        except BlockingIOError:
            continue
        removed.append(name)
    return removed


def remove(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def plain_name(caller: str, name: str) -> str:
    """Return the name if it is one of a file in the cache folder, and not of its bookkeeping."""
    if not isinstance(name, str):
        raise TypeError(f"{caller}: file_name is a string, not {type(name).__name__}")
    if name in ("", ".", "..") or set(name) & set("/\\:\0"):
        raise ValueError(f"{caller}: {name!r} is not the plain name of a file in the cache folder")
    if name.endswith(_LEFTOVERS):
        raise ValueError(
            f"{caller}: {name!r} ends as the names that the cache folder keeps for itself do: "
            + ", ".join(_LEFTOVERS)
        )
    return name


def _refuse(message: str) -> Callable[[], object]:
    def refuse() -> None:
        raise BlockingIOError(message)

    return refuse
