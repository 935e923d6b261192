"""Largest and smallest elements, where they are, and the smooth maximum."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.functions._axes import (
    Axes,
    keep_axes,
    normalize_axes,
    normalize_axis,
    shape_of,
)
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Axis
from dezero_core.variable import Variable

__all__ = ["argmax", "argmin", "logsumexp", "max", "min"]


def _share_among_ties(xp: Any, gy: Any, x: Any, y: Any, axis: Axes, keepdims: bool) -> Any:
    """Take the gradient of an extreme back to the elements that attain it, in equal parts."""
    ties = (x == keep_axes(y, x.shape, axis, keepdims)).astype(gy.dtype)
    # Where the extreme is NaN nothing equals it: there is no tie, and no gradient.
    n = xp.maximum(ties.sum(axis=axis, keepdims=True), 1)
    return ties * (keep_axes(gy, x.shape, axis, keepdims) / n)


@primitive
def _max(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    return xp.asarray(x).max(axis=axis, keepdims=keepdims)


_max.defvjp(_share_among_ties)


def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest elements.

    Where several elements are the largest they share the gradient in equal parts. Of the
    subgradients this is the one that does not depend on the order of the elements.

    Args:
        x: Any shape, but not without elements.
        axis: The axes to take the largest along; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The largest elements; NaN where there is any, with no gradient.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are no elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> x = Variable(np.array([3.0, 1.0, 3.0]))
        >>> F.max(x).backward()
        >>> x.grad
        variable([0.5 0.  0.5])
    """
    axes = normalize_axes("max", axis, shape_of("max", x))
    return _max(x, axis=axes, keepdims=keepdims)


@primitive
def _min(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    return xp.asarray(x).min(axis=axis, keepdims=keepdims)


_min.defvjp(_share_among_ties)


def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest elements; ties share the gradient, as in `max`.

    Args:
        x: Any shape, but not without elements.
        axis: The axes to take the smallest along; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The smallest elements; NaN where there is any, with no gradient.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are no elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.min(np.array([[3.0, 1.0], [2.0, 4.0]]), axis=0)
        variable([2. 1.])
    """
    axes = normalize_axes("min", axis, shape_of("min", x))
    return _min(x, axis=axes, keepdims=keepdims)


@primitive
def _argmax(xp: Any, x: ArrayLike, *, axis: int | None, keepdims: bool) -> Any:
    return xp.asarray(x).argmax(axis=axis, keepdims=keepdims)


def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return where the largest elements are. It has no gradient.

    Args:
        x: Any shape, but not without elements.
        axis: The axis to search along; None searches all elements in a row.
        keepdims: Whether the result keeps the axis, with length one: so `take_along_axis` wants it.

    Returns:
        Indices; of several largest elements, the first.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are no elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.argmax(np.array([[3.0, 1.0], [2.0, 4.0]]), axis=1)
        variable([0 1])
    """
    if axis is not None:
        axis = normalize_axis("argmax", axis, shape_of("argmax", x))
    return _argmax(x, axis=axis, keepdims=keepdims)


@primitive
def _argmin(xp: Any, x: ArrayLike, *, axis: int | None, keepdims: bool) -> Any:
    return xp.asarray(x).argmin(axis=axis, keepdims=keepdims)


def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return where the smallest elements are. It has no gradient.

    Args:
        x: Any shape, but not without elements.
        axis: The axis to search along; None searches all elements in a row.
        keepdims: Whether the result keeps the axis, with length one.

    Returns:
        Indices; of several smallest elements, the first.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are no elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.argmin(np.array([3.0, 1.0, 2.0]))
        variable(1)
    """
    if axis is not None:
        axis = normalize_axis("argmin", axis, shape_of("argmin", x))
    return _argmin(x, axis=axis, keepdims=keepdims)


# --- the smooth maximum -------------------------------------------------------------------------
# One operation, not log, sum and exp: it is stable, and its rule reads what is there already.


# A difference of huge numbers may overflow to -inf, whose exponential is zero: that is right.
_huge_may_differ = np.errstate(over="ignore")


@primitive(autocast="single")
@_huge_may_differ
def _logsumexp(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    x = xp.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(xp.float64)
    high, least = _extremes_of(x.dtype)
    largest = x.max(axis=axis, keepdims=True)
    # Infinities must not meet in a difference, nor may zero reach the logarithm.
    sums = xp.exp(x - xp.clip(largest, -high, high)).sum(axis=axis, keepdims=True)
    y = xp.log(xp.maximum(sums, least)) + largest
    return y if keepdims else y.squeeze(axis=axis)


@_huge_may_differ
def _logsumexp_back(xp: Any, gy: Any, y: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    high, _ = _extremes_of(y.dtype)
    y = keep_axes(xp.clip(y, -high, high), x.shape, axis, keepdims)
    shares = xp.exp(xp.minimum(x, high) - y)
    return keep_axes(gy, x.shape, axis, keepdims) * shares


_logsumexp.defvjp(_logsumexp_back)


def _extremes_of(dtype: Any) -> tuple[float, float]:
    """Return the largest number of a dtype and the smallest positive one, as weak scalars."""
    info = np.finfo(dtype)
    return float(info.max), float(info.tiny)


def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    r"""Logarithm of the sum of exponentials, a smooth maximum.

    .. math:: \log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m}, \quad m = \max_i x_i

    The second form neither overflows nor loses small terms. The gradient is the softmax of `x`.

    Args:
        x: Any shape, but not without elements.
        axis: The axes to sum over; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The logarithms. Of elements that are all -inf it is -inf, with gradient zero; where an
        element is inf it is inf, with gradient one for that element and zero for finite ones.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are no elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.logsumexp(np.array([1000.0, 1000.0]))
        variable(1000.6931471805599)
    """
    axes = normalize_axes("logsumexp", axis, shape_of("logsumexp", x))
    return _logsumexp(x, axis=axes, keepdims=keepdims)
