"""Loops that Numba compiles, in place of the passes of NumPy, where Numba is installed.

NumPy computes a formula in as many passes over its arrays as it has operations. A compiled loop
takes one, and lets go of the interpreter meanwhile. What is to be gained lies between a tenth of a
training step and half of it (docs/design/compiled.md has the figures), and nothing depends on it:
each loop stands in for a formula of NumPy's that gives the same numbers to the last digits, and
that runs without Numba.

A package keeps its loops in modules of their own, which nothing but `Loops` imports::

    _loops = Loops("dezero_nn.loops.activations")

    def relu(x):
        loops = _loops.find(x)
        if loops is None:
            return np.maximum(x, 0)
        y = np.empty_like(x)
        loops.relu(x.reshape(-1), y.reshape(-1))
        return y

There each function is decorated with `loop`, `fused` or `summed`. Numba is imported with the first
array that is worth it, which takes half a second; a loop is compiled at its first call for a dtype,
which takes about another, and is kept on disk beside the module, or in the folder that the
environment variable ``NUMBA_CACHE_DIR`` names. With ``DEZERO_COMPILED=0`` Numba is never imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import numpy as np

from dezero_core.callers import warn

__all__ = ["WORTH_IT", "Loops", "fused", "loop", "summed", "using_compiled"]

#: Fewer elements than these NumPy is done with before a compiled loop would have been loaded.
WORTH_IT = 1 << 11

_Function = TypeVar("_Function", bound=Callable[..., Any])
_allowed: ContextVar[bool] = ContextVar("dezero_compiled", default=True)
_loading = threading.RLock()


def loop(function: _Function) -> _Function:
    """Have a function compiled by Numba: a decorator for modules of loops.

    Each operation is rounded by itself, and sums keep their order, so results are NumPy's to the
    last bit where the operations are the same.

    Args:
        function: A function of arrays and numbers, as Numba takes them. It lets go of the
            interpreter, so it may run in several threads.

    Returns:
        The compiled function.
    """
    return _compile(function)


def fused(function: _Function) -> _Function:
    """Have a function compiled as `loop` does, and round a product and a sum together.

    Args:
        function: See `loop`.

    Returns:
        The compiled function.
    """
    return _compile(function, fastmath={"contract"})


def summed(function: _Function) -> _Function:
    """Have a function compiled as `fused` does, and add up sums in any order.

    A sum over an array is then made of some ten partial sums that are computed side by side, which
    is several times as fast, and more accurate too.

    Args:
        function: See `loop`.

    Returns:
        The compiled function.
    """
    return _compile(function, fastmath={"contract", "reassoc"})


def _compile(function: _Function, **options: Any) -> _Function:
    # Only modules of loops come here.
    from numba import njit

    decorate: Any = njit(nogil=True, cache=True, error_model="numpy", **options)
    compiled: _Function = decorate(function)
    return compiled


@contextmanager
def using_compiled(allowed: bool) -> Iterator[None]:
    """Compute with compiled loops within a ``with`` block, where there are some, or without.

    For tests and measurements. It holds for this thread or task, as `Config` does.

    Args:
        allowed: Whether to use them.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> with using_compiled(False):
        ...     F.exp(np.zeros(2))
        variable([1. 1.])
    """
    token = _allowed.set(allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


class Loops:
    """A module of compiled loops, imported when it is first worth it.

    Args:
        module: Its name.

    Example:
        >>> import numpy as np
        >>> loops = Loops("dezero_nn.loops.activations")
        >>> loops.find(np.zeros(3)) is None  # NumPy is as fast with so few
        True
    """

    __slots__ = ("_found", "_name")

    def __init__(self, module: str) -> None:
        self._name = module
        # None: not looked for yet. False: there is no Numba, or it was switched off.
        self._found: Any = None

    def __repr__(self) -> str:
        return f"Loops({self._name!r})"

    def find(self, *arrays: Any) -> Any:
        """Return the module, or None where NumPy is to do it.

        Args:
            *arrays: What there is to compute with. Loops take NumPy's arrays of a few thousand
                elements or more, all of single or all of double precision, contiguous in C order.
                Those that may not be written to are left to NumPy: Numba would compile anew.
        """
        if self._found is False:
            return None
        first = arrays[0]
        if type(first) is not np.ndarray or first.size < WORTH_IT:
            return None
        dtype = first.dtype
        if dtype.char not in "fd" or not dtype.isnative:
            return None
        for array in arrays:
            if array.dtype != dtype or not array.flags.carray:
                return None
        return self.module()

    def module(self) -> Any:
        """Return the module for arrays of any size, or None without Numba, or if not allowed."""
        if self._found is False or not _allowed.get():
            return None
        return self._found or self._load()

    def _load(self) -> Any:
        # Another thread waits, and does not take NumPy's formula, whose last digits may differ.
        with _loading:
            if self._found is None:
                self._found = self._import() or False
        return self._found or None

    def _import(self) -> Any:
        if os.environ.get("DEZERO_COMPILED") == "0" or find_spec("numba") is None:
            return None
        try:
            return import_module(self._name)
        except Exception as error:  # a Numba that does not fit this NumPy, say
            warn(f"{self._name} is left out, NumPy does its work: {type(error).__name__}: {error}")
            return None
