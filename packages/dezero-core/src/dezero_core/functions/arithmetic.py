"""Sums, products, quotients, powers and roots, element by element."""

from __future__ import annotations

from dezero_core.primitive import primitive
from typing import Any

from dezero_core.typing import ArrayLike

__all__ = ["add", "multiply", "negative", "power", "subtract"]


@primitive
def add(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Add."""
    return xp.add(x0, x1)


add.defvjp(lambda xp, gy: gy, lambda xp, gy: gy)


@primitive
def subtract(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Subtract."""
    return xp.subtract(x0, x1)


subtract.defvjp(lambda xp, gy: gy, lambda xp, gy: -gy)


@primitive
def multiply(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Multiply."""
    return xp.multiply(x0, x1)


multiply.defvjp(lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: gy * x0)


@primitive
def negative(xp: Any, x: ArrayLike) -> Any:
    """Negate."""
    return xp.negative(x)


negative.defvjp(lambda xp, gy: -gy)


@primitive
def power(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Raise to a power."""
    return x0**x1


power.defvjp(
    lambda xp, gy, x0, x1: gy * x1 * x0 ** (x1 - 1), lambda xp, gy, y, x0: gy * y * xp.log(x0)
)
