"""What training makes small: losses, each a mean over the examples of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable, get_array_module
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._labels import check_labels
from dezero_nn.functions.activations import log_softmax

__all__ = [
    "mean_squared_error",
    "mean_squared_error_simple",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
]

# --- numbers against numbers -------------------------------------------------------------------


# A rule of its own: composed, each step would keep an array of the size of the operands.
@primitive
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


def mean_squared_error(x0: ArrayLike, x1: ArrayLike) -> Variable:
    r"""Mean squared error, :math:`L = \frac{1}{N} \sum_n \lVert x_{0,n} - x_{1,n} \rVert^2`.

    The mean is over the examples: the squares that belong to one example are summed. For (N, 1)
    that is the mean of all; for (N, D) it is D times as much.

    Args:
        x0: Predictions, of shape (N, ...).
        x1: Targets, of the same shape. They are never broadcast: (N,) against (N, 1) is an error.

    Returns:
        A Variable of shape ().

    Raises:
        ValueError: The shapes differ, or there are no examples.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
        variable(4.5)

    Deep Learning from Scratch 3, step 42.
    """
    _check_same_shape("mean_squared_error", x0, x1)
    return _mean_squared_error(x0, x1)


def mean_squared_error_simple(x0: ArrayLike, x1: ArrayLike) -> Variable:
    """Compose the mean squared error of simpler functions: more memory, the same values.

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
    _check_same_shape("mean_squared_error_simple", x0, x1)
    error: Variable = F.subtract(x0, x1)
    return (error**2).sum() / _examples(error)


def _check_same_shape(name: str, x0: ArrayLike, x1: ArrayLike) -> None:
    shape0, shape1 = getattr(x0, "shape", ()), getattr(x1, "shape", ())
    if shape0 != shape1:
        raise ValueError(
            f"{name}: predictions and targets must have one shape, got {describe(x0)} and "
            f"{describe(x1)}; a loss is never broadcast, so reshape one of them"
        )
    if shape0 and not shape0[0]:
        raise ValueError(f"{name}: there is no mean over an empty batch, got {describe(x0)}")


# --- scores against labels -----------------------------------------------------------------------


# A rule of its own: composed of log_softmax and get_item, each step would keep an array of the
# size of the scores. Here the scores are kept, and two numbers for each example that make the
# probabilities out of them: the largest score, and the logarithm of the sum of exponentials, which
# stay apart, for beside a huge score a logarithm is lost in rounding.
@primitive(extras=["largest", "log_sum"])
def _softmax_cross_entropy(xp: Any, x: Array, t: Array) -> Any:
    n = len(t)
    largest = x.max(axis=1, keepdims=True)
    y = x - largest
    right = y[xp.arange(n), t]
    y = xp.exp(y, out=y if y.dtype.kind == "f" else None)
    log_sum = xp.log(y.sum(axis=1, keepdims=True))
    loss = (log_sum.reshape(-1) - right).sum() / n
    if not isinstance(t, np.ndarray):
        # Labels on a device are not looked at beforehand, for that would mean to wait for it, and
        # there a wrong index wraps around. It shall not go unnoticed.
        loss = xp.where(((t >= 0) & (t < x.shape[1])).all(), loss, loss * xp.nan)
    return loss, largest, log_sum


@primitive
def _probabilities(xp: Any, x: Array, largest: Array, log_sum: Array) -> Any:
    """Compute softmax(x), where the other two, which depend on x, are known."""
    y = (x - largest) - log_sum
    return xp.exp(y, out=y)


@primitive
def _scores_gradient(
    xp: Any, x: Array, largest: Array, log_sum: Array, t: Array, scale: Array
) -> Any:
    """Compute scale * (softmax(x) - onehot(t)) / N."""
    y = _probabilities.on(xp, x, largest, log_sum)
    y[xp.arange(len(t)), t] -= 1
    y *= scale / len(t)
    return y


def _probabilities_vjp(xp: Any, gy: Any, y: Any) -> Any:
    gx = gy * y
    return gx - y * gx.sum(axis=1, keepdims=True)


def _scores_gradient_vjp_x(xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, scale: Any) -> Any:
    y = _probabilities.on(xp, x, largest, log_sum)
    return _probabilities_vjp(xp, gy, y) * (scale / x.shape[0])


def _scores_gradient_vjp_scale(xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, t: Any) -> Any:
    return (gy * _scores_gradient.on(xp, x, largest, log_sum, t, 1.0)).sum()


_softmax_cross_entropy.defvjp(
    lambda xp, gy, x, largest, log_sum, t: _scores_gradient.on(xp, x, largest, log_sum, t, gy)
)
_scores_gradient.defvjp(_scores_gradient_vjp_x, None, None, None, _scores_gradient_vjp_scale)
_probabilities.defvjp(_probabilities_vjp)


def softmax_cross_entropy(x: ArrayLike, t: ArrayLike) -> Variable:
    r"""Cross entropy of `softmax` against labels, :math:`L = -\frac{1}{N} \sum_n \log p_{n,t_n}`.

    It takes the scores before softmax, so that it is finite for scores of any size: with
    :math:`p = e^{x} / \sum_k e^{x_k}`, :math:`-\log p_t = \log \sum_k e^{x_k} - x_t`.

    Args:
        x: Scores (logits), of shape (N, C).
        t: Labels, integers from 0 to C - 1, of shape (N,). On a device that is not the host they
            are not looked at beforehand: a wrong one makes the loss nan.

    Returns:
        A Variable of shape ().

    Raises:
        TypeError: The labels are no integers.
        ValueError: The shapes do not fit, a label is out of range, or the batch is empty.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy(np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([1, 0]))
        variable(0.34657359027997264)

    Deep Learning from Scratch 3, step 47.
    """
    return _softmax_cross_entropy(x, check_labels("softmax_cross_entropy", x, t))


def softmax_cross_entropy_simple(x: ArrayLike, t: ArrayLike) -> Variable:
    """Compose `softmax_cross_entropy` of simpler functions: slower, the same values.

    Args:
        x: Scores (logits), of shape (N, C).
        t: Labels, integers from 0 to C - 1, of shape (N,).

    Returns:
        A Variable of shape ().

    Raises:
        TypeError: The labels are no integers.
        ValueError: The shapes do not fit, a label is out of range, or the batch is empty.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_simple(np.array([[0.0, 0.0]]), np.array([1]))
        variable(0.6931471805599453)

    Deep Learning from Scratch 3, step 47.
    """
    t = check_labels("softmax_cross_entropy_simple", x, t)
    xp = get_array_module(t)
    right = log_softmax(x)[xp.arange(len(t)), t]
    return -right.sum() / len(t)
