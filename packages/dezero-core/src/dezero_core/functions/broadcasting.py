"""Broadcasting as an operation, and its way back, which the engine goes for all operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray  # a module's own names are found sooner

from dezero_core.functions._axes import as_shape, shape_of
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_core.variable import Variable

__all__ = ["broadcast_to", "sum_to"]

# A view costs some microseconds to make, whatever its size; up to here a copy is cheaper.
_CHEAP_TO_COPY = 4096


@primitive
def _broadcast_to(xp: Any, x: ArrayLike, *, shape: Shape) -> Any:
    x = xp.asarray(x)
    if math.prod(shape) > _CHEAP_TO_COPY:
        return xp.broadcast_to(x, shape)
    y = xp.empty(shape, x.dtype)
    y[...] = x
    return y


_broadcast_to.defvjp(lambda xp, gy: gy)  # the engine sums it to the shape of x


def broadcast_to(x: ArrayLike, shape: int | Sequence[int]) -> Variable:
    """Repeat elements along new axes, and along those of length one (book step 40).

    Args:
        x: Any shape that broadcasts to `shape`.
        shape: The shape of the result.

    Returns:
        Shape `shape`. A large one is a view, which can not be written to.

    Raises:
        ValueError: `x` does not broadcast to this shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.broadcast_to(np.array([1, 2, 3]), (2, 3))
        variable([[1 2 3]
                  [1 2 3]])
    """
    shape = as_shape(shape)
    x_shape = shape_of("broadcast_to", x)
    if not broadcasts(x_shape, shape):
        raise ValueError(
            f"broadcast_to: an operand of shape {list(x_shape)} does not broadcast to "
            f"{list(shape)}: from the last axis on, lengths must agree or be 1"
        )
    return _broadcast_to(x, shape=shape)


@primitive
def _sum_to(xp: Any, x: ArrayLike, *, shape: Shape) -> Any:
    return sum_array_to(xp.asarray(x), shape)


_sum_to.defvjp(lambda xp, gy, x_shape: _broadcast_to.on(xp, gy, shape=x_shape))


def sum_to(x: ArrayLike, shape: int | Sequence[int]) -> Variable:
    r"""Sum elements so that the result has the given shape (book step 40).

    It undoes `broadcast_to`: the gradient of one is the other.

    Args:
        x: A shape that `shape` broadcasts to.
        shape: The shape of the result.

    Returns:
        Shape `shape`.

    Raises:
        ValueError: `shape` does not broadcast to the shape of `x`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sum_to(np.array([[1, 2, 3], [4, 5, 6]]), (1, 3))
        variable([[5 7 9]])
    """
    shape = as_shape(shape)
    x_shape = shape_of("sum_to", x)
    if not broadcasts(shape, x_shape):
        raise ValueError(
            f"sum_to: an operand of shape {list(x_shape)} can not be summed to {list(shape)}: "
            "from the last axis on, lengths must agree or be 1"
        )
    return _sum_to(x, shape=shape)


def broadcasts(small: Shape, large: Shape) -> bool:
    """Tell whether one shape broadcasts to another."""
    lead = len(large) - len(small)
    return lead >= 0 and all([n in (1, large[lead + i]) for i, n in enumerate(small)])


def sum_array_to(x: Array, shape: Shape) -> Array:
    """Sum an array over the axes along which `shape` was broadcast to its shape.

    It is on the way back of every bias, so it is quick: sums over the first or the last axes are
    products with ones, which are two to eight times faster than NumPy's sums.
    """
    is_suited = type(x) is ndarray and x.dtype.char in "fd" and x.flags.c_contiguous and x.size
    if is_suited and x.ndim == 2 and x.shape[1:] == shape:
        return _ones(x.shape[0], x.dtype.char).dot(x)
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    if x.shape[lead:] == shape:
        if is_suited and shape:
            n = x.size // math.prod(shape)
            y = _ones(n, x.dtype.char).dot(x.reshape(n, -1))
            return y if len(shape) == 1 else y.reshape(shape)
        return x.sum(axis=tuple(range(lead)))
    axes = tuple([i for i, n in enumerate(x.shape) if i < lead or n != shape[i - lead]])
    if is_suited and x.size > _WORTH_PRODUCTS and len(axes) < x.ndim:
        return _sum_by_products(x, axes).reshape(shape)
    return x.sum(axis=axes).reshape(shape)


# Elements from which on several products are faster than one sum.
_WORTH_PRODUCTS = 1000


def _sum_by_products(x: Array, axes: tuple[int, ...]) -> Array:
    first, last = 0, x.ndim
    while last - 1 in axes:
        last -= 1
    while first in axes:
        first += 1
    if last < x.ndim:
        n = math.prod(x.shape[last:])
        x = x.reshape(-1, n).dot(_ones(n, x.dtype.char)).reshape(x.shape[:last])
    if first:
        n = math.prod(x.shape[:first])
        x = _ones(n, x.dtype.char).dot(x.reshape(n, -1)).reshape(x.shape[first:])
    between = tuple([axis - first for axis in axes if first <= axis < last])
    return x.sum(axis=between) if between else x


@lru_cache(maxsize=32)
def _ones(n: int, char: str) -> Array:
    return np.ones(n, char)
