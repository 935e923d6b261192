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

import numpy as np

from dezero_core.backend import kernels_of
from dezero_core.memory import keep_memory
from dezero_core.typing import Array

__all__ = ["in_threads", "matmul", "one_blas_thread", "thread_count"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Waking a thread up takes some 25 us, and so does waiting for it. A product of less than this many
# multiplications is done by then.
_SHARED_PRODUCT = 1 << 23
# OpenBLAS divides products of more than this many.
_BLAS_DIVIDES = 1 << 18
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
    pool = _find_pool(start)
    n = 1 if pool is None else min(pool.size, len(items))
    if pool is None or n <= 1:
        return [work(items)] if items else []
    bounds = [len(items) * i // n for i in range(n + 1)]
    shares = [items[first:last] for first, last in pairwise(bounds)]
    return pool.run([partial(work, share) for share in shares])


def matmul(xp: Any, a: Array, b: Array, out: Array | None = None) -> Array:
    """Compute ``xp.matmul(a, b, out=out)``; in threads if these have been started.

    It is what rules multiply matrices with: on a backend with a kernel for the primitive `matmul`,
    that computes it.

    Args:
        xp: The arrays' namespace; for anything but NumPy it does all.
        a: Of shape (..., m, k).
        b: Of shape (..., k, n).
        out: Where to put the result, or None for a new array.

    Returns:
        The product, of shape (..., m, n).

    Example:
        >>> import numpy as np
        >>> matmul(np, np.eye(2), np.ones((2, 3))).shape
        (2, 3)
    """
    if _pool is None and xp is np and out is None and a.ndim == b.ndim == 2:
        # For small matrices the method takes half the time.
        return a.dot(b)
    if _pool is None or xp is not np or a.size * b.shape[-1] <= _BLAS_DIVIDES:
        if out is not None:
            return xp.matmul(a, b, out=out)
        if xp is not np:
            return _elsewhere(xp, a, b)
        return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)
    return _divided(a, b, out)


# The kernel of each namespace but NumPy's for the primitive `matmul`, found on first use.
_kernels: dict[Any, Callable[..., Any] | None] = {}


def _elsewhere(xp: Any, a: Any, b: Any) -> Any:
    """Multiply on another backend, by its kernel if it has one for these; or multiply Variables."""
    if xp not in _kernels:
        _kernels[xp] = kernels_of(xp).get("matmul")
    kernel = _kernels[xp]
    y = NotImplemented if kernel is None else kernel(xp, a, b)
    return xp.matmul(a, b) if y is NotImplemented else y


def _divided(a: Array, b: Array, out: Array | None) -> Array:
    pool = _find_pool(start=False)
    if pool is None or not pool.divides_products or min(a.ndim, b.ndim) < 2:
        return np.matmul(a, b, out=out)
    if a.size * b.shape[-1] < _SHARED_PRODUCT:
        with one_blas_thread:
            return np.matmul(a, b, out=out)
    if out is None:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = np.empty((*stack, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    # Along the matrices of a stack, or the longer of columns and rows.
    *stack_shape, m, n = out.shape
    if stack_shape and stack_shape[0] >= pool.size:
        parts = _slices(stack_shape[0], pool.size)
        calls = [(_of_stack(a, i, out.ndim), _of_stack(b, i, out.ndim), out[i]) for i in parts]
    elif n >= m:
        calls = [(a, b[..., i], out[..., i]) for i in _slices(n, pool.size)]
    else:
        calls = [(a[..., i, :], b, out[..., i, :]) for i in _slices(m, pool.size)]
    pool.run([partial(np.matmul, *operands, out=part) for *operands, part in calls])
    return out


def _of_stack(a: Array, part: slice, ndim: int) -> Array:
    """Return what belongs to some of the results of a stack of products."""
    return a[part] if a.ndim == ndim and len(a) > 1 else a


def _slices(length: int, n: int) -> list[slice]:
    """Divide a length in multiples of 16, as BLAS does; the first part is the largest."""
    unit = 16 if length >= 16 * n else 1
    step = -(-length // (unit * n)) * unit
    return [slice(i, min(i + step, length)) for i in range(0, length, step)]


class _OneBlasThread:
    """A context in which BLAS uses one thread: for many products just large enough to be divided.

    Of several threads in it, the first sets and the last restores.
    """

    def __init__(self) -> None:
        self._found: list[Any] | None = None
        self.forget_users()

    def forget_users(self) -> None:
        """Begin anew, in a process that was forked and has none of the threads that were inside."""
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[int] = []

    @property
    def _libraries(self) -> list[Any]:
        if self._found is None:
            # Here, since most programs that import the core never need it.
            from threadpoolctl import ThreadpoolController

            found = ThreadpoolController().lib_controllers
            self._found = [library for library in found if library.user_api == "blas"]
        return self._found

    @property
    def most(self) -> int:
        """How many threads BLAS uses outside; 0 if that is not known."""
        with self._lock:
            now = [library.get_num_threads() or 1 for library in self._libraries]
            return max(self._before if self._users else now, default=0)

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = [library.get_num_threads() or 1 for library in self._libraries]
                for library in self._libraries:
                    library.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for library, threads in zip(self._libraries, self._before, strict=True):
                    library.set_num_threads(threads)


#: Keeps BLAS from dividing products, in a ``with`` block: for many that are just large enough.
one_blas_thread = _OneBlasThread()


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


class _Pool:
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
_pool: _Pool | None = None
_starting = threading.Lock()


def _find_pool(start: bool) -> _Pool | None:
    """Return the threads for this one to use, if any."""
    global _pool
    if getattr(_this_thread, "is_busy", False):
        return None
    if _pool is None and start:
        with _starting:
            if _pool is None:
                _pool = _Pool(thread_count())
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
