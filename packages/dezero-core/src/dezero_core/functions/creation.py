"""Constants made after the pattern of an array.

The constants are Variables without gradient, not arrays: whatever a rule gets from this namespace
is of one type, so the engine may return it as a gradient, and rules may go on computing with it.
There is no ``zeros(shape)``: nothing would say which backend it belongs to. ``zeros_like(x, shape=
...)`` says so.
"""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, DTypeLike, Shape

__all__ = ["full_like", "ones_like", "zeros_like"]


@primitive
def _zeros_like(xp: Any, x: ArrayLike, *, dtype: DTypeLike, shape: Shape | None) -> Any:
    return xp.zeros_like(x, dtype=dtype, shape=shape)


def zeros_like(x: ArrayLike, dtype: DTypeLike = None, *, shape: Shape | None = None) -> Any:
    """Return zeros like an array: of its shape, its dtype, and on its backend.

    Args:
        x: A Variable or an array.
        dtype: Another dtype.
        shape: Another shape.

    Returns:
        A constant.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.zeros_like(np.array([1.0, 2.0]))
        variable([0. 0.])
    """
    return _zeros_like(x, dtype=dtype, shape=shape)


@primitive
def _ones_like(xp: Any, x: ArrayLike, *, dtype: DTypeLike, shape: Shape | None) -> Any:
    return xp.ones_like(x, dtype=dtype, shape=shape)


def ones_like(x: ArrayLike, dtype: DTypeLike = None, *, shape: Shape | None = None) -> Any:
    """Return ones like an array: of its shape, its dtype, and on its backend.

    Args:
        x: A Variable or an array.
        dtype: Another dtype.
        shape: Another shape.

    Returns:
        A constant.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.ones_like(np.array([1.0, 2.0]), shape=(3,))
        variable([1. 1. 1.])
    """
    return _ones_like(x, dtype=dtype, shape=shape)


@primitive
def _full_like(
    xp: Any, x: ArrayLike, *, fill_value: float, dtype: DTypeLike, shape: Shape | None
) -> Any:
    return xp.full_like(x, fill_value, dtype=dtype, shape=shape)


def full_like(
    x: ArrayLike, fill_value: float, dtype: DTypeLike = None, *, shape: Shape | None = None
) -> Any:
    """Return one number throughout, like an array: of its shape, its dtype, on its backend.

    Args:
        x: A Variable or an array.
        fill_value: The number.
        dtype: Another dtype.
        shape: Another shape.

    Returns:
        A constant.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.full_like(np.array([1.0, 2.0]), 5.0)
        variable([5. 5.])
    """
    return _full_like(x, fill_value=fill_value, dtype=dtype, shape=shape)
