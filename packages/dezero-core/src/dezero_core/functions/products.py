"""Products that sum over axes: matrices, tensors, and whatever Einstein's notation can say."""

from __future__ import annotations

from math import prod
from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = ["matmul"]

# --- matrices ---------------------------------------------------------------------------------


@primitive
def matmul(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""Matrix product, :math:`y_{ij} = \sum_n x_{0,in}\, x_{1,nj}`, also as ``x0 @ x1``.

    Args:
        x0: Of shape (..., m, n), or a vector of shape (n,), which counts as a row.
        x1: Of shape (..., n, k), or a vector of shape (n,), which counts as a column. The axes
            before the last two count a stack of matrices; they are broadcast.

    Returns:
        A Variable of shape (..., m, k), without the axis that a vector lacks.

    Raises:
        ValueError: The shapes do not fit, or one is a number: for that there is `multiply`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> W = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> y = F.matmul(W, np.array([1.0, 1.0]))
        >>> y.backward()
        >>> y, W.grad
        (variable([3. 7.]), variable([[1. 1.]
                  [1. 1.]]))

    Deep Learning from Scratch 3, step 41.
    """
    if getattr(x1, "ndim", 0) == 2 < getattr(x0, "ndim", 0) and x0.flags.c_contiguous:
        # The same matrix for all: one large product is up to three times as fast as many small.
        rows = x0.reshape(prod(x0.shape[:-1]), x0.shape[-1])
        return xp.matmul(rows, x1).reshape(*x0.shape[:-1], x1.shape[-1])
    return xp.matmul(x0, x1)


def _matmul_vjp_x0(xp: Any, gy: Any, x1: Any) -> Any:
    if x1.ndim == 2:
        return xp.matmul(gy, x1.T) if gy.ndim <= 2 else matmul.on(xp, gy, x1.T)
    if x1.ndim == 1:
        return gy.reshape(*gy.shape, 1) * x1
    if gy.ndim < x1.ndim:
        # x0 was a vector beside a stack.
        return xp.matmul(x1, gy.reshape(*gy.shape, 1)).reshape(x1.shape[:-1])
    return xp.matmul(gy, xp.swapaxes(x1, -1, -2))


def _matmul_vjp_x1(xp: Any, gy: Any, x0: Any, x1_shape: tuple[int, ...]) -> Any:
    if x0.ndim == 2:
        return xp.matmul(x0.T, gy)
    if x0.ndim == 1:
        if len(x1_shape) == 1:
            return x0 * gy
        return x0.reshape(-1, 1) * gy.reshape(*gy.shape[:-1], 1, gy.shape[-1])
    if len(x1_shape) > 2:
        return xp.matmul(xp.swapaxes(x0, -1, -2), gy)
    n = prod(x0.shape[:-1])
    rows = gy.reshape(n, *x1_shape[1:])
    return xp.matmul(x0.reshape(n, x0.shape[-1]).T, rows)


matmul.defvjp(_matmul_vjp_x0, _matmul_vjp_x1)
