"""Sums, means, variances and products over axes, and the running sum."""

from __future__ import annotations

import math
from typing import Any

from dezero_core.functions._axes import Axes, keep_axes, normalize_axes, normalize_axis, shape_of
from dezero_core.functions.broadcasting import _broadcast_to
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Axis, Shape
from dezero_core.variable import Variable

__all__ = [
    "average",
    "cumsum",
    "mean",
    "prod",
    "std",
    "sum",
    "var",
]


def _count(x_shape: Shape, axis: Axes) -> int:
    """Return how many elements each result was computed from."""
    return math.prod(x_shape if axis is None else [x_shape[i] for i in axis])


# --- sums ---------------------------------------------------------------------------------------


@primitive(autocast="single")
def _sum(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    return xp.add.reduce(x, axis=axis, keepdims=keepdims)


_sum.defvjp(
    lambda xp, gy, x_shape, axis, keepdims: _broadcast_to.on(
        xp, keep_axes(gy, x_shape, axis, keepdims), shape=x_shape
    )
)


def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Sum elements (book step 39).

    Args:
        x: Any shape.
        axis: The axes to sum over; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The sums. Booleans and small integers are counted in NumPy's default integer.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sum(np.array([[1, 2, 3], [4, 5, 6]]), axis=0)
        variable([5 7 9])
    """
    if axis is not None:
        axis = normalize_axes("sum", axis, shape_of("sum", x))
    return _sum(x, axis=axis, keepdims=keepdims)


@primitive(autocast="single")
def _mean(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    x = xp.asarray(x)
    if x.dtype.char not in "fd":
        return x.mean(axis=axis, keepdims=keepdims)  # which sums in a wider type
    # Its own mean takes NumPy twice the time on a small array.
    return xp.add.reduce(x, axis=axis, keepdims=keepdims) / _count(x.shape, axis)


_mean.defvjp(
    lambda xp, gy, x_shape, axis, keepdims: _broadcast_to.on(
        xp, keep_axes(gy / (_count(x_shape, axis) or 1), x_shape, axis, keepdims), shape=x_shape
    )
)


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Average elements.

    Args:
        x: Any shape.
        axis: The axes to average over; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The means. Of no elements it is NaN, with a RuntimeWarning, as NumPy has it.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.mean(np.array([[1.0, 2.0], [3.0, 5.0]]), axis=1)
        variable([1.5 4. ])
    """
    if axis is not None:
        axis = normalize_axes("mean", axis, shape_of("mean", x))
    return _mean(x, axis=axis, keepdims=keepdims)


#: The book's package has `mean` under this name too.
average = mean


@primitive(autocast="single")
def _var(xp: Any, x: ArrayLike, *, axis: Axes, ddof: float, keepdims: bool) -> Any:
    return xp.asarray(x).var(axis=axis, ddof=ddof, keepdims=keepdims)


def _var_back(xp: Any, gy: Any, x: Any, axis: Axes, ddof: float, keepdims: bool) -> Any:
    deviation = x - _mean.on(xp, x, axis=axis, keepdims=True)
    return keep_axes(gy * (2 * _per(x.shape, axis, ddof)), x.shape, axis, keepdims) * deviation


def _per(x_shape: Shape, axis: Axes, ddof: float) -> float:
    """Return one by the degrees of freedom."""
    freedom = _count(x_shape, axis) - ddof
    return 1 / freedom if freedom > 0 else math.nan


_var.defvjp(_var_back)


def var(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Variable:
    r"""Variance: the mean of the squared deviations from the mean.

    .. math:: \frac{1}{n - \mathrm{ddof}} \sum_i (x_i - \bar x)^2

    The mean is subtracted before squaring, so an offset costs no precision.

    Args:
        x: Any shape.
        axis: The axes to take the variance over; None for all.
        keepdims: Whether the result keeps these axes, with length one.
        ddof: What the divisor is less than the number of elements: 1 estimates a population's
            variance without bias.

    Returns:
        The variances. Without degrees of freedom it is not finite, with a RuntimeWarning, as
        NumPy has it.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.var(np.array([1.0, 2.0, 3.0]), ddof=1)
        variable(1.0)
    """
    axes = normalize_axes("var", axis, shape_of("var", x))
    return _var(x, axis=axes, ddof=ddof, keepdims=keepdims)


@primitive(autocast="single")
def _std(xp: Any, x: ArrayLike, *, axis: Axes, ddof: float, keepdims: bool) -> Any:
    return xp.asarray(x).std(axis=axis, ddof=ddof, keepdims=keepdims)


def _std_back(xp: Any, gy: Any, y: Any, x: Any, axis: Axes, ddof: float, keepdims: bool) -> Any:
    deviation = x - _mean.on(xp, x, axis=axis, keepdims=True)
    # Where all elements are equal this divides zero by one.
    slope = gy * _per(x.shape, axis, ddof) / (y + (y == 0))
    return keep_axes(slope, x.shape, axis, keepdims) * deviation


_std.defvjp(_std_back)


def std(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Variable:
    """Standard deviation: the root of `var`.

    It has no derivative where all elements are equal. There the gradient is zero, so that a
    constant feature harms nothing; higher derivatives mean nothing there.

    Args:
        x: Any shape.
        axis: The axes to take it over; None for all.
        keepdims: Whether the result keeps these axes, with length one.
        ddof: What the divisor is less than the number of elements.

    Returns:
        The standard deviations.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.std(np.array([[1.0, 3.0], [2.0, 6.0]]), axis=1)
        variable([1. 2.])
    """
    axes = normalize_axes("std", axis, shape_of("std", x))
    return _std(x, axis=axes, ddof=ddof, keepdims=keepdims)


@primitive(autocast="single")
def _cumsum(xp: Any, x: ArrayLike, *, axis: int | None) -> Any:
    return xp.asarray(x).cumsum(axis=axis)


def _cumsum_back(xp: Any, gy: Any, x_shape: Shape, axis: int | None) -> Any:
    backwards = (slice(None),) * (axis or 0) + (slice(None, None, -1),)
    return _cumsum.on(xp, gy[backwards], axis=axis or 0)[backwards].reshape(x_shape)


_cumsum.defvjp(_cumsum_back)


def cumsum(x: ArrayLike, axis: int | None = None) -> Variable:
    """Running sum along an axis.

    Args:
        x: Any shape.
        axis: The axis; None runs through all elements in a row.

    Returns:
        The shape of `x`; one axis where `axis` is None.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.cumsum(np.array([1, 2, 3]))
        variable([1 3 6])
    """
    if axis is not None:
        axis = normalize_axis("cumsum", axis, shape_of("cumsum", x))
    return _cumsum(x, axis=axis)


# --- products -----------------------------------------------------------------------------------


@primitive(autocast="single")
def _prod(xp: Any, x: ArrayLike, *, axis: Axes, keepdims: bool) -> Any:
    return xp.multiply.reduce(x, axis=axis, keepdims=keepdims)


def _prod_back(xp: Any, gy: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    axes = range(x.ndim) if axis is None else axis
    rest = [i for i in range(x.ndim) if i not in axes]
    order = (*rest, *axes)
    moved = x.transpose(order)
    rows = moved.reshape((*moved.shape[: len(rest)], _count(x.shape, axis)))
    others = _products_of_others(xp, rows).reshape(moved.shape)
    others = others.transpose([order.index(i) for i in range(x.ndim)])
    return keep_axes(gy, x.shape, axis, keepdims) * others


def _products_of_others(xp: Any, x: Any) -> Any:
    """Return, for each element of a row, the product of all others: right also if some are zero.

    Pairs are multiplied, the same is done for the row of pairs, half as long, and then each gets
    what the others of its pair did to its neighbor. The steps are products alone, so they can be
    differentiated as often as you like.
    """
    n = x.shape[-1]
    if n < 2:
        return xp.ones_like(x)
    even, odd = x[..., 0 : n - 1 : 2], x[..., 1::2]
    pairs = even * odd
    if n % 2:
        pairs = xp.concatenate([pairs, x[..., -1:]], axis=-1)
    others = _products_of_others(xp, pairs)
    of_pairs = others[..., : n // 2]
    result = xp.stack([of_pairs * odd, of_pairs * even], axis=-1)
    result = result.reshape((*x.shape[:-1], n - n % 2))
    return xp.concatenate([result, others[..., -1:]], axis=-1) if n % 2 else result


_prod.defvjp(_prod_back)


def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    r"""Multiply elements.

    The gradient, :math:`\prod_{j \ne i} x_j` for :math:`x_i`, is computed without a division, so
    that zeros among the elements are no exception.

    Args:
        x: Any shape.
        axis: The axes to multiply along; None for all.
        keepdims: Whether the result keeps these axes, with length one.

    Returns:
        The products.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> x = Variable(np.array([2.0, 0.0, 5.0]))
        >>> F.prod(x).backward()
        >>> x.grad
        variable([ 0. 10.  0.])
    """
    axes = normalize_axes("prod", axis, shape_of("prod", x))
    return _prod(x, axis=axes, keepdims=keepdims)
