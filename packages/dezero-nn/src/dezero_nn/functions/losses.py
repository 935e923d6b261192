"""Losses that compare numbers: predictions with targets."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._reductions import Reduction, check_one_shape, reduce_losses

__all__ = ["huber", "mean_absolute_error", "mean_squared_error", "mean_squared_error_simple"]

# --- squares -----------------------------------------------------------------------------------


# A rule of its own: composed, each step would keep an array of the size of the operands.
@primitive(autocast="single")
def _mean_squared_error(xp: Any, x0: Array, x1: Array) -> Any:
    error = x0 - x1
    # The dot product needs no array of squares.
    flat = error.reshape(-1)
    return xp.dot(flat, flat) / _examples(error)


def _examples(x: Any) -> int:
    shape = getattr(x, "shape", ())
    return shape[0] if shape else 1


def _mean_squared_error_vjp(xp: Any, gy: Any, x0: Any, x1: Any) -> Any:
    return (x0 - x1) * (gy * (2 / _examples(x0)))


_mean_squared_error.defvjp(
    _mean_squared_error_vjp,
    lambda xp, gy, x0, x1: _mean_squared_error_vjp(xp, gy, x1, x0),
)


def mean_squared_error(x0: ArrayLike, x1: ArrayLike, reduction: Reduction = "mean") -> Variable:
    r"""Mean squared error, :math:`L = \frac{1}{N} \sum_n \lVert x_{0,n} - x_{1,n} \rVert^2`.

    The mean is over the examples: the squares that belong to one example are summed. For (N, 1)
    that is the mean of all; for (N, D) it is D times as much.

    Args:
        x0: Predictions, of shape (N, ...).
        x1: Targets, of the same shape. They are never broadcast: (N,) against (N, 1) is an error.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each square.

    Returns:
        A Variable of shape (); of the shape of `x0` without reduction.

    Raises:
        ValueError: The shapes differ, there is no such reduction, or no mean, for there are no
            examples.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
        variable(4.5)

    Deep Learning from Scratch 3, step 42.
    """
    check_one_shape("mean_squared_error", x0, x1, reduction)
    if reduction == "mean":
        return _mean_squared_error(x0, x1)
    return reduce_losses(F.square(F.subtract(x0, x1)), reduction)


def mean_squared_error_simple(x0: ArrayLike, x1: ArrayLike) -> Variable:
    """Compose `mean_squared_error` of simpler functions: more memory, the same values.

    Args:
        x0: Predictions, of shape (N, ...).
        x1: Targets, of the same shape.

    Returns:
        A Variable of shape ().

    Raises:
        ValueError: The shapes differ, or there are no examples.

    Example:
        >>> import numpy as np
        >>> mean_squared_error_simple(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
        variable(4.5)

    Deep Learning from Scratch 3, step 42.
    """
    check_one_shape("mean_squared_error_simple", x0, x1, "mean")
    error: Variable = F.subtract(x0, x1)
    return (error**2).sum() / _examples(error)


# --- kinder to outliers ------------------------------------------------------------------------


def mean_absolute_error(x0: ArrayLike, x1: ArrayLike, reduction: Reduction = "mean") -> Variable:
    r"""Mean absolute error, :math:`L = \frac{1}{N} \sum_n \lVert x_{0,n} - x_{1,n} \rVert_1`.

    The mean is over the examples, as in `mean_squared_error`. Where both are equal the derivative
    is 0.

    Args:
        x0: Predictions, of shape (N, ...).
        x1: Targets, of the same shape.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each difference.

    Returns:
        A Variable of shape (); of the shape of `x0` without reduction.

    Raises:
        ValueError: The shapes differ, there is no such reduction, or no mean, for there are no
            examples.

    Example:
        >>> import numpy as np
        >>> mean_absolute_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
        variable(1.5)

    R. Koenker, G. Bassett, "Regression Quantiles", 1978: its best constant is the median.
    """
    check_one_shape("mean_absolute_error", x0, x1, reduction)
    return reduce_losses(F.absolute(F.subtract(x0, x1)), reduction)


@primitive(autocast="single")
def _huber(xp: Any, error: Array, *, delta: float) -> Any:
    inner = xp.clip(error, -delta, delta)
    return inner * (error - 0.5 * inner)


_huber.defvjp(lambda xp, gy, error, delta: gy * xp.clip(error, -delta, delta))


def huber(
    x0: ArrayLike, x1: ArrayLike, delta: float = 1.0, reduction: Reduction = "mean"
) -> Variable:
    r"""Huber loss: the squared error of small differences, the absolute error of large ones.

    .. math::
        L = \frac{1}{N} \sum_n \sum_i \begin{cases}
        \frac{1}{2} e_{n,i}^2 & \text{if } |e_{n,i}| \le \delta \\
        \delta (|e_{n,i}| - \frac{1}{2} \delta) & \text{otherwise}
        \end{cases} \qquad e = x_0 - x_1

    The mean is over the examples, as in `mean_squared_error`.

    Args:
        x0: Predictions, of shape (N, ...).
        x1: Targets, of the same shape.
        delta: Where the two meet; positive.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each difference.

    Returns:
        A Variable of shape (); of the shape of `x0` without reduction.

    Raises:
        ValueError: The shapes differ, `delta` is not positive, there is no such reduction, or no
            mean, for there are no examples.

    Example:
        >>> import numpy as np
        >>> huber(np.array([1.0, 2.0]), np.array([2.0, 5.0]), reduction="none")
        variable([0.5 2.5])

    P. Huber, "Robust Estimation of a Location Parameter", 1964.
    """
    check_one_shape("huber", x0, x1, reduction)
    if not delta > 0:
        raise ValueError(f"huber: delta must be positive, got {delta}")
    return reduce_losses(_huber(F.subtract(x0, x1), delta=delta), reduction)
