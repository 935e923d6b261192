"""One process at a time: locks of the operating system, which end with the process."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["LOCK_ENDING", "locked"]

LOCK_ENDING = ".lock"

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, wait: bool) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                if not wait:
                    raise BlockingIOError(errno.EAGAIN, "is locked") from error
            time.sleep(0.1)

    def _give_back(descriptor: int, path: Path) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        os.close(descriptor)
        with suppress(OSError):  # Windows removes no file that another process has open
            path.unlink()

else:
    import fcntl

    def _take(descriptor: int, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _give_back(descriptor: int, path: Path) -> None:
        # While the lock is still held: afterwards, it might be another's file.
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def locked(target: Path, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Let nobody else work on `target` meanwhile, neither another process nor another thread.

    Args:
        target: What the work is on. The lock is a file beside it, gone when the block ends.
        waiting: Called if the lock is held elsewhere, before waiting for it. It may raise, for
            example in order not to wait.

    Raises:
        OSError: The folder cannot be written, or its file system knows no locks.
    """
    path = target.with_name(target.name + LOCK_ENDING)
    descriptor = _open_locked(path, waiting)
    try:
        yield
    finally:
        _give_back(descriptor, path)


def _open_locked(path: Path, waiting: Callable[[], object] | None) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                _take(descriptor, wait=False)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                    waiting = None
                _take(descriptor, wait=True)
            # The one that held it has removed the file, and a third may have made a new one.
            if _is_still_at(path, descriptor):
                return descriptor
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError) and error.errno in (errno.ENOLCK, errno.ENOTSUP):
                error.add_note(
                    f"the file system of {path.parent} knows no locks; set DEZERO_HOME to a "
                    "folder on another one"
                )
            raise
        os.close(descriptor)


def _is_still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
