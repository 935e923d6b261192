"""Functions between the layers, element by element or along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.compiled import Loops
from dezero_core.constants import constant
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._blocks import in_blocks, written_in_blocks
from dezero_nn.functions._shares import in_shares

__all__ = ["log_softmax", "relu", "sigmoid", "sigmoid_simple", "softmax", "softmax_simple"]

# --- element by element ------------------------------------------------------------------------


@primitive
def relu(xp: Any, x: ArrayLike) -> Any:
    r"""Rectified linear unit, elementwise: :math:`y = \max(x, 0)`.

    Its derivative at 0 is 0.

    Args:
        x: Of any shape.

    Returns:
        A Variable of the same shape and dtype.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-1.0, 0.0, 2.0]))
        variable([0. 0. 2.])

    V. Nair, G. Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", 2010;
    Deep Learning from Scratch 3, step 51.
    """
    return written_in_blocks(xp, _larger_than_0, x, loop="relu")


# The result, not x: the next layer keeps it anyway.
relu.defvjp(lambda xp, gy, y: written_in_blocks(xp, _where_positive, gy, y, loop="relu_gradient"))


def _larger_than_0(xp: Any, x: Array, out: Array | None = None) -> Array:
    # NumPy takes half the time where both sides are arrays.
    return xp.maximum(x, 0) if out is None else np.maximum(x, _zeros(len(x), x.dtype), out=out)


@lru_cache(maxsize=4)
def _zeros(length: int, dtype: Any) -> Array:
    return np.zeros(length, dtype)


def _where_positive(xp: Any, gy: Any, y: Any, out: Array | None = None) -> Any:
    return gy * (y > 0) if out is None else np.multiply(gy, y > 0, out=out)


@primitive
def sigmoid(xp: Any, x: ArrayLike) -> Any:
    r"""Logistic function, elementwise: :math:`y = 1 / (1 + e^{-x})`.

    Accurate in both tails, and quiet: a large negative `x` gives 0, not a warning.

    Args:
        x: Of any shape.

    Returns:
        A Variable of the same shape. A floating-point dtype is kept.

    Example:
        >>> import numpy as np
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        variable([0.  0.5 1. ])

    Deep Learning from Scratch 3, step 43.
    """
    # In double precision NumPy's exponential is the faster one.
    is_single = getattr(x, "dtype", None) == np.float32
    return in_blocks(xp, _logistic, x, loop="sigmoid" if is_single else None)


# Where e^-x overflows, 1 / (1 + inf) = 0 is the right answer. The form with tanh needs no such
# care and is a little faster, but has no digit left where y is small.
@np.errstate(over="ignore")
def _logistic(xp: Any, x: Array) -> Array:
    y = xp.exp(-x)
    if not y.shape:
        return 1 / (1 + y)
    y += constant(xp, 1, y.dtype)
    return xp.reciprocal(y, out=y)


def _logistic_slope(xp: Any, gy: Any, y: Any) -> Any:
    return gy * (y * (constant(xp, 1, y.dtype) - y))


sigmoid.defvjp(lambda xp, gy, y: in_blocks(xp, _logistic_slope, gy, y, loop="sigmoid_gradient"))


def sigmoid_simple(x: ArrayLike) -> Variable:
    """Compose the logistic function of simpler ones: slower than `sigmoid`, the same values.

    Args:
        x: Of any shape.

    Returns:
        A Variable of the same shape.

    Example:
        >>> import numpy as np
        >>> sigmoid_simple(np.array([0.0]))
        variable([0.5])

    Deep Learning from Scratch 3, step 43.
    """
    return 1 / (1 + F.exp(F.negative(x)))


# --- along an axis -------------------------------------------------------------------------------

_loops = Loops("dezero_nn.loops.softmax")
# What a thread takes at a time, of rows.
_SHARE = 1 << 15


def _in_rows(name: str, axis: int, *operands: Any) -> Array | None:
    """Compute along the last axis by a compiled loop; None where that is not what is asked for."""
    x = operands[-1]
    if getattr(x, "dtype", None) != np.float32 or axis not in (-1, x.ndim - 1):
        return None
    loops = _loops.find(*operands)
    if loops is None:
        return None
    y, size = np.empty_like(x), x.shape[-1]
    loop, rows = getattr(loops, name), [array.reshape(-1) for array in operands]
    step = max(_SHARE // size, 1)

    def compute(starts: Sequence[int]) -> None:
        last = min(starts[-1] + step, x.size // size)
        loop(*rows, size, (starts[0], last), y.reshape(-1))

    in_shares(compute, range(0, x.size // size, step), x.size)
    return y


@primitive(autocast="single")
def _softmax(xp: Any, x: ArrayLike, *, axis: int) -> Any:
    y = _in_rows("softmax", axis, x)
    if y is not None:
        return y
    y = x - x.max(axis=axis, keepdims=True)
    y = xp.exp(y, out=y if y.dtype.kind == "f" and y.shape else None)
    y /= y.sum(axis=axis, keepdims=True)
    return y


def _softmax_vjp(xp: Any, gy: Any, y: Any, axis: int) -> Any:
    gx = _in_rows("softmax_gradient", axis, gy, y)
    if gx is not None:
        return gx
    gx = y * gy
    return gx - y * gx.sum(axis=axis, keepdims=True)


_softmax.defvjp(_softmax_vjp)


def softmax(x: ArrayLike, axis: int = 1) -> Variable:
    r"""Turn scores into probabilities: :math:`y_i = e^{x_i} / \sum_k e^{x_k}`.

    The largest score is subtracted first, which changes nothing but that no score is too large.

    Args:
        x: Scores (logits), of shape (N, C) or any other.
        axis: The axis along which the result sums to 1.

    Returns:
        A Variable of the same shape.

    Raises:
        numpy.exceptions.AxisError: `x` has no such axis.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([[1.0, 1.0], [0.0, 1000.0]]))
        variable([[0.5 0.5]
                  [0.  1. ]])

    Deep Learning from Scratch 3, step 47.
    """
    return _softmax(x, axis=axis)


def softmax_simple(x: ArrayLike, axis: int = 1) -> Variable:
    """Compose softmax of simpler functions: slower than `softmax`, the same values.

    Args:
        x: Scores (logits), of shape (N, C) or any other.
        axis: The axis along which the result sums to 1.

    Returns:
        A Variable of the same shape.

    Example:
        >>> import numpy as np
        >>> softmax_simple(np.array([[1.0, 1.0]]))
        variable([[0.5 0.5]])

    Deep Learning from Scratch 3, step 47.
    """
    largest = F.max(x, axis, keepdims=True).detach()
    y: Variable = F.exp(F.subtract(x, largest))
    return y / y.sum(axis, keepdims=True)


@primitive(autocast="single")
def _log_softmax(xp: Any, x: ArrayLike, *, axis: int) -> Any:
    y = x - x.max(axis=axis, keepdims=True)
    return y - xp.log(xp.exp(y).sum(axis=axis, keepdims=True))


_log_softmax.defvjp(lambda xp, gy, y, axis: gy - xp.exp(y) * gy.sum(axis=axis, keepdims=True))


def log_softmax(x: ArrayLike, axis: int = 1) -> Variable:
    r"""Logarithm of `softmax`: :math:`y_i = x_i - \log \sum_k e^{x_k}`.

    Finite where the probability itself is too small for a floating-point number.

    Args:
        x: Scores (logits), of shape (N, C) or any other.
        axis: The axis along which the probabilities sum to 1.

    Returns:
        A Variable of the same shape.

    Raises:
        numpy.exceptions.AxisError: `x` has no such axis.

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([[0.0, 1000.0]]))
        variable([[-1000.     0.]])

    Deep Learning from Scratch 3, step 47.
    """
    return _log_softmax(x, axis=axis)
