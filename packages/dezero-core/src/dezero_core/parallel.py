"""Work on the host in several threads, for what NumPy does in one.

NumPy lets other threads run while it computes, so two halves of a large piece of work, each in a
thread of its own, take little more than half the time. Products of matrices are BLAS's, which has
threads as well, and the two are in each other's way: BLAS's wait busily for the next product, for a
tenth of a second, and take a core from ours meanwhile. So there is one or the other. Until
something large enough starts our threads, BLAS does what it does; from then on, it gets by with one
thread while DeZero computes, and a large product is divided here.

How many threads there are is BLAS's to say (``OPENBLAS_NUM_THREADS`` and the like), or the
environment variable ``DEZERO_NUM_THREADS``. docs/design/threads.md has the figures.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, TypeVar

from dezero_core.blas import one_blas_thread
from dezero_core.memory import keep_memory

__all__ = ["Pool", "find_pool", "in_threads", "thread_count"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Threads take turns in the interpreter; more of them would wait for each other.
_MOST = 16


def thread_count() -> int:
    """Return how many threads `in_threads` uses once they are started, the caller among them."""
    asked = os.environ.get("DEZERO_NUM_THREADS")
    if asked is None:
        return min(one_blas_thread.most or _cores(), _MOST)
    if not asked.isdecimal() or int(asked) < 1:
        raise ValueError(f"DEZERO_NUM_THREADS is a positive integer, not {asked!r}")
    return int(asked)


def in_threads(
    work: Callable[[Sequence[_Item]], _Result], items: Sequence[_Item], *, start: bool = False
) -> list[_Result]:
    """Do work on some items: in threads, if these have been started, else in the one that asks.

    Worth it from some 200 microseconds of work on, most of them spent inside of NumPy's functions.

    Args:
        work: Is called in each thread with its share of the items, a slice. It must leave alone
            what others write.
        items: The items.
        start: Whether to start the threads if need be. It makes many other things faster and BLAS
            a little slower (see above), so it takes work of milliseconds.

    Returns:
        What the calls returned, in the order of the items; nothing if there are no items.

    Raises:
        BaseException: What `work` raised in the first share in which it did, after all have ended.

    Example:
        >>> import numpy as np
        >>> x, y = np.arange(8.0), np.empty(8)
        >>> def square(parts):
        ...     for part in parts:
        ...         np.multiply(x[part], x[part], out=y[part])
        >>> _ = in_threads(square, [slice(0, 4), slice(4, 8)], start=True)
        >>> y
        array([ 0.,  1.,  4.,  9., 16., 25., 36., 49.])
    """
    pool = find_pool(start)
    n = 1 if pool is None else min(pool.size, len(items))
    if pool is None or n <= 1:
        return [work(items)] if items else []
    bounds = [len(items) * i // n for i in range(n + 1)]
    shares = [items[first:last] for first, last in pairwise(bounds)]
    return pool.run([partial(work, share) for share in shares])


class _Job:
    """A call that another thread makes, and what came of it."""

    __slots__ = ("_call", "_context", "_done", "_error", "_result")

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        # NumPy's error state and our Config are the caller's.
        self._context = copy_context()
        self._done = threading.Lock()
        self._done.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._context.run(self._call)
        except BaseException as error:
            self._error = error
        finally:
            self._done.release()

    def wait(self) -> None:
        self._done.acquire()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


class Pool:
    """Threads that wait for jobs."""

    def __init__(self, size: int) -> None:
        self.size = size
        # Asked once, not for each product. Where BLAS has more threads it is the better one at it.
        self.divides_products = size >= one_blas_thread.most
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        for i in range(1, size):
            threading.Thread(target=self._work, name=f"dezero-{i}", daemon=True).start()

    def _work(self) -> None:
        _this_thread.is_busy = True
        while True:
            self._jobs.get().run()

    def run(self, calls: Sequence[Callable[[], _Result]]) -> list[_Result]:
        """Make some calls at the same time, one of them in this thread."""
        first, *others = calls
        jobs = [_Job(call) for call in others]
        with one_blas_thread:
            for job in jobs:
                self._jobs.put(job)
            _this_thread.is_busy = True
            try:
                result = first()
            finally:
                _this_thread.is_busy = False
                # Whatever has happened: they write into the caller's arrays.
                for job in jobs:
                    job.wait()
        return [result, *[job.result() for job in jobs]]


# Whether this thread has a share of some work already, which is divided only once.
_this_thread = threading.local()
_pool: Pool | None = None
_starting = threading.Lock()


def find_pool(start: bool) -> Pool | None:
    """Return the threads for this one to use, if any."""
    global _pool
    if getattr(_this_thread, "is_busy", False):
        return None
    if _pool is None and start:
        with _starting:
            if _pool is None:
                _pool = Pool(thread_count())
                keep_memory()
    return _pool


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def _after_fork() -> None:
    # A new process has none of its parent's threads, and whoever held its locks is not there.
    global _pool, _starting
    _pool, _starting = None, threading.Lock()
    one_blas_thread.forget_users()
    _this_thread.is_busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
