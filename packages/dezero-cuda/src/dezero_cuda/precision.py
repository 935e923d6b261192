"""How precisely products of single precision are computed."""

from __future__ import annotations

import os
from types import TracebackType

__all__ = ["allow_tf32", "tf32_allowed"]

# Not of the context, as `dezero_core.Config` is: it is set once for a program and its card, and in
# a notebook each cell may run in a context of its own.
_is_allowed = os.environ.get("CUPY_TF32", "0") == "1"


class allow_tf32:  # noqa: N801  (called as a function is)
    """Let products of single precision use TF32, or forbid it, from now on or for a block.

    TF32 rounds the factors to 10 bits of mantissa, as float16 has them, and keeps the range and the
    sums of float32. Tensor cores, from the Ampere generation on, are several times as fast with it.
    It concerns matrix products and convolutions of float32 alone; results are float32 as ever.

    ``allow_tf32()`` holds from now on, in all threads. As a context manager, it puts back at the
    end of the block what held before.

    Without a call, the environment variable ``CUPY_TF32`` decides, as it does for CuPy: ``1``
    allows it, anything else forbids it.

    Args:
        allowed: Whether they may.

    Example:
        >>> with allow_tf32():
        ...     tf32_allowed()
        True
        >>> with allow_tf32(False):
        ...     tf32_allowed()
        False
    """

    __slots__ = ("_before",)

    def __init__(self, allowed: bool = True) -> None:
        self._before = _is_allowed
        _set(allowed)

    def __enter__(self) -> None:
        """Begin the block; what was asked for holds already."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _set(self._before)


def _set(allowed: bool) -> None:
    global _is_allowed
    _is_allowed = bool(allowed)


def tf32_allowed() -> bool:
    """Tell whether products of single precision may use TF32.

    Example:
        >>> with allow_tf32():
        ...     tf32_allowed()
        True
    """
    return _is_allowed
