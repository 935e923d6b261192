"""Functions that arrange the same elements in another shape, and undo broadcasting."""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape

__all__ = ["sum_to"]


def sum_array_to(x: Array, shape: Shape) -> Array:
    """Sum an array over the axes along which `shape` was broadcast to its shape."""
    lead = x.ndim - len(shape)
    axes = tuple([*range(lead), *[lead + i for i, n in enumerate(shape) if n == 1]])
    return x.sum(axis=axes, keepdims=True).reshape(shape)


@primitive
def _sum_to(xp: Any, x: ArrayLike, *, shape: Shape) -> Any:
    return sum_array_to(x, shape)


_sum_to.defvjp(lambda xp, gy, x_shape: xp.broadcast_to(gy, x_shape))


def sum_to(x: ArrayLike, shape: Shape) -> Any:
    """Sum over axes so that the result has the given shape (book step 40)."""
    return _sum_to(x, shape=shape)
