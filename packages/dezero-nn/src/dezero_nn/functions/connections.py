"""Functions in which every output is a weighted sum of inputs."""

from __future__ import annotations

from math import prod
from typing import Any

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.parallel import matmul
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape

__all__ = ["linear", "linear_simple"]


# A rule of its own, since the composition has one array and one pass more: here the bias is added
# to the product in place.
@primitive(autocast="half")
def _linear(xp: Any, x: Array, W: Array, b: Array | None = None) -> Any:
    x_shape: Shape = getattr(x, "shape", ())
    W_shape: Shape = getattr(W, "shape", ())
    if len(W_shape) != 2 or not x_shape or x_shape[-1] != W_shape[0]:
        raise _misfit(x, W)
    y = matmul(xp, x if len(x_shape) == 2 else _rows(x), W)
    if b is not None:
        if b.shape == W_shape[1:] and b.dtype == y.dtype:
            y += b
        else:
            y = y + b
    return y if len(x_shape) == 2 else y.reshape(*x_shape[:-1], W_shape[1])


def _misfit(x: Array, W: Array) -> Exception:
    if getattr(x, "ndim", 0) == 0:
        return TypeError(f"x is an array of shape (..., in_size), not {describe(x)}")
    if getattr(W, "ndim", 0) != 2:
        return ValueError(f"W is a matrix of shape (in_size, out_size), not {describe(W)}")
    return ValueError(f"x has {x.shape[-1]} features, W takes {W.shape[0]}")


def _rows(x: Any) -> Any:
    """Return an array, or a Variable, as a matrix whose rows are the vectors of its last axis."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _linear_vjp_x(xp: Any, gy: Any, W: Any, x_shape: tuple[int, ...]) -> Any:
    gx = matmul(xp, _rows(gy), W.T)
    return gx if len(x_shape) == 2 else gx.reshape(x_shape)


def _linear_vjp_w(xp: Any, gy: Any, x: Any) -> Any:
    return matmul(xp, _rows(x).T, _rows(gy))


_linear.defvjp(_linear_vjp_x, _linear_vjp_w, lambda xp, gy: gy)


def linear(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Variable:
    r"""Affine transformation of the last axis, :math:`y = x W + b`.

    Args:
        x: Of shape (N, I), or (..., I).
        W: The weights, of shape (I, O).
        b: The bias, of shape (O,), or None.

    Returns:
        A Variable of shape (N, O), or (..., O).

    Raises:
        ValueError: `W` is no matrix, or the number of features I differs.
        TypeError: `x` is None or a number.

    Example:
        >>> import numpy as np
        >>> linear(np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]), np.array([0.5]))
        variable([[21.5]])

    Deep Learning from Scratch 3, step 43.
    """
    return _linear(x, W, b)


def linear_simple(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Variable:
    """Compose `linear` of a product and a sum. The product is freed at once: no rule needs it.

    Args:
        x: Of shape (N, I), or (..., I).
        W: The weights, of shape (I, O).
        b: The bias, of shape (O,), or None.

    Returns:
        A Variable of shape (N, O), or (..., O).

    Example:
        >>> import numpy as np
        >>> linear_simple(np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]))
        variable([[21.]])

    Deep Learning from Scratch 3, step 43.
    """
    y: Variable = F.matmul(x, W)
    return y if b is None else y + b
